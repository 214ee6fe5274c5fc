#include <string.h>

#include "bridge_session.h"

void bridge_leave(bridge_t *bridge, const bridge_connection_t *connection)
{
    if (bridge->controller != connection) {
        return;
    }
    bridge->controller = NULL;
    bridge->gone_us = bridge_port_now_us(bridge->port);
    bridge_edge_leave(&bridge->edge);
    bridge_upkeep_leave(bridge);
    if (bridge->bulk == BRIDGE_BULK_LAST) {
        bridge_edge_resume(&bridge->edge);
    }
    bridge->bulk = BRIDGE_BULK_NONE;
}

/* From now on messages may be as large as the largest batch: they come into the one buffer for that. */
static void give_large_input(bridge_t *bridge, bridge_connection_t *connection)
{
    memcpy(bridge->config.input, connection->input, connection->input_length);
    connection->input = bridge->config.input;
    connection->input_capacity = BRIDGE_INPUT_BYTES(bridge->config.max_batch);
}

static void say_welcome(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_last_t last = bridge_edge_pause(&bridge->edge);
    bool has_last = last.length > 0 &&
                    memcmp(last.controller_id, connection->controller_id, BRIDGE_CONTROLLER_ID_BYTES) == 0;
    bridge_message_t message = {.type = BRIDGE_WELCOME};
    bridge_say(bridge, connection, &message);
    if (!has_last || connection->state != BRIDGE_READY) {
        bridge_edge_resume(&bridge->edge);
        return;
    }
    /* The last result follows in pieces: the header, 1 and the port stand before it. */
    size_t length = 2 + last.length - BRIDGE_HEADER_BYTES;
    uint8_t *frame = connection->out + connection->out_length - BRIDGE_HEADER_BYTES - 1;
    frame[0] = (uint8_t)length;
    frame[1] = (uint8_t)(length >> 8);
    frame[BRIDGE_HEADER_BYTES] = 1;
    frame[BRIDGE_HEADER_BYTES + 1] = 0;
    connection->out_length++;
    bridge->bulk = BRIDGE_BULK_LAST;
    bridge->bulk_at = BRIDGE_HEADER_BYTES;
    bridge->bulk_length = last.length;
    bridge->newest_run = last.run;
}

static void seat(bridge_t *bridge, bridge_connection_t *connection, const bridge_hello_t *hello)
{
    bridge->controller = connection;
    bridge->since_us = bridge_port_now_us(bridge->port);
    bridge->is_safe = false;
    bridge->newest_run = -1;
    bridge->is_over = true;
    bridge->next_number = 0;
    bridge->charged = 0;
    bridge->console_next = hello->console_from;
    bridge->console_settled = hello->console_from;
    bridge_edge_own(&bridge->edge, hello->controller_id);
    bridge_edge_acknowledge(&bridge->edge, hello->console_from);
    connection->state = BRIDGE_READY;
    give_large_input(bridge, connection);
    bridge_port_confirm(bridge->port);
    bridge->trial_until_us = UINT64_MAX;
    say_welcome(bridge, connection);
}

static void say_busy(bridge_t *bridge, bridge_connection_t *connection)
{
    const bridge_connection_t *held = bridge->controller;
    bridge_message_t busy = {.type = BRIDGE_BUSY};
    memcpy(busy.as.busy.holder_id, held->controller_id, BRIDGE_CONTROLLER_ID_BYTES);
    busy.as.busy.held_for_us = bridge_port_now_us(bridge->port) - bridge->since_us;
    busy.as.busy.holder = (bridge_span_t){held->name, held->name_length};
    bridge_say(bridge, connection, &busy);
}

static bridge_error_t hear_hello(bridge_t *bridge, bridge_connection_t *connection, const bridge_hello_t *hello)
{
    if (hello->console_from > connection->console_seen) { /* R48 */
        return BRIDGE_ERR_RULE;
    }
    memcpy(connection->controller_id, hello->controller_id, BRIDGE_CONTROLLER_ID_BYTES);
    memcpy(connection->name, hello->name.data, hello->name.length);
    connection->name_length = hello->name.length;
    bridge_connection_t *held = bridge->controller;
    if (held != NULL) {
        if (memcmp(held->controller_id, hello->controller_id, BRIDGE_CONTROLLER_ID_BYTES) == 0) {
            bridge_span_t text = bridge_span_of("this controller has a newer connection");
            bridge_close(bridge, held, BRIDGE_CLOSE_REPLACED, text);
        } else if (hello->takes_over) {
            bridge_close(bridge, held, BRIDGE_CLOSE_TAKEN_OVER, hello->name);
        } else {
            say_busy(bridge, connection);
            return BRIDGE_OK;
        }
    }
    seat(bridge, connection, hello);
    return BRIDGE_OK;
}

/* R26, R41, R42 */
static bridge_error_t hear_request(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_measure_t measure;
    if (bridge_measure(message->as.request.steps, message->as.request.count, &measure) != BRIDGE_OK) {
        return BRIDGE_ERR_MALFORMED;
    }
    size_t charge = bridge_charge(&measure);
    if (message->as.request.run != bridge->newest_run || bridge->is_over ||
        message->as.request.number != bridge->next_number || measure.request_bytes > bridge->config.max_batch ||
        measure.result_bytes > BRIDGE_MAX_RESULT_FRAME || charge > bridge->config.credit - bridge->charged) {
        return BRIDGE_ERR_RULE;
    }
    if (bridge_edge_submit(&bridge->edge, message) != BRIDGE_OK) {
        return BRIDGE_ERR_RULE;
    }
    bridge->next_number++;
    bridge->charged += (uint32_t)charge;
    return BRIDGE_OK;
}

static bridge_error_t hear_run(bridge_t *bridge, const bridge_message_t *message)
{
    int64_t run = message->as.run.run;
    if (message->type == BRIDGE_BEGIN_RUN) {
        if (run <= bridge->newest_run) {
            return BRIDGE_ERR_RULE;
        }
        bridge->newest_run = run;
        bridge->is_over = false;
        bridge->next_number = 0;
        bridge_edge_begin_run(&bridge->edge, message->as.run.unclaimed);
        return BRIDGE_OK;
    }
    if (run > bridge->newest_run) { /* R31 */
        return BRIDGE_ERR_RULE;
    }
    if (run == bridge->newest_run && message->type == BRIDGE_ABORT) {
        bridge_edge_abort(&bridge->edge);
    } else if (run == bridge->newest_run && !bridge->is_over) {
        bridge->is_over = true;
        bridge_edge_end_run(&bridge->edge);
    }
    return BRIDGE_OK;
}

static bridge_error_t hear_ack(bridge_t *bridge, uint64_t position)
{
    if (position > bridge->console_next) { /* R50 */
        return BRIDGE_ERR_RULE;
    }
    bridge_edge_acknowledge(&bridge->edge, position);
    if (position > bridge->console_settled) {
        bridge->console_settled = position;
    }
    return BRIDGE_OK;
}

static bridge_error_t hear_controller(bridge_t *bridge, bridge_connection_t *connection,
                                      const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_PING:
        connection->has_pong = true;
        connection->pong_token = message->as.ping.token;
        return BRIDGE_OK;
    case BRIDGE_PONG:
        return BRIDGE_OK;
    case BRIDGE_BEGIN_RUN:
    case BRIDGE_ABORT:
    case BRIDGE_END_RUN:
        return hear_run(bridge, message);
    case BRIDGE_BATCH_REQUEST:
        return hear_request(bridge, message);
    case BRIDGE_CONSOLE_ACK:
        return hear_ack(bridge, message->as.ack);
    default:
        return bridge_upkeep_hear(bridge, message);
    }
}

/* R7 */
static void refuse(bridge_t *bridge, bridge_connection_t *connection, const bridge_frame_t *frame)
{
    if (connection->refused_count == BRIDGE_MOST_REFUSED) {
        bridge_close(bridge, connection, BRIDGE_CLOSE_TOO_SLOW, bridge_span_of("more is asked than read"));
        return;
    }
    connection->refused[connection->refused_count].type = frame->type;
    connection->refused[connection->refused_count].port = frame->port;
    connection->refused_count++;
}

bridge_error_t bridge_handle(bridge_t *bridge, bridge_connection_t *connection, const bridge_frame_t *frame)
{
    bridge_message_t message;
    bridge_error_t error = bridge_decode(frame, &message);
    if (error == BRIDGE_ERR_UNKNOWN) {
        refuse(bridge, connection, frame);
        return BRIDGE_OK;
    }
    if (error != BRIDGE_OK || message.type == BRIDGE_UNSUPPORTED) {
        return error;
    }
    if (message.type == BRIDGE_CLOSING) {
        bridge_drop(bridge, connection);
        return BRIDGE_OK;
    }
    if (connection->state == BRIDGE_READY) {
        return hear_controller(bridge, connection, &message);
    }
    if (message.type == BRIDGE_HELLO) {
        return hear_hello(bridge, connection, &message.as.hello);
    }
    error = bridge_security_hear(bridge, connection, &message);
    if (error == BRIDGE_ERR_UNKNOWN) {
        refuse(bridge, connection, frame);
        return BRIDGE_OK;
    }
    return error;
}
