#include <string.h>

#include "bridge_session.h"

#define MOST_ROUNDS 8U /* reads or writes of one connection in one go, so that none holds up the others */

bool bridge_is_waiting(const bridge_connection_t *connection)
{
    return connection->state == BRIDGE_AWAIT_PREAMBLE || connection->state == BRIDGE_AWAIT_HELLO;
}

void bridge_connection_open(bridge_t *bridge, bridge_connection_t *connection, const bridge_arrival_t *arrived)
{
    uint64_t now_us = bridge_port_now_us(bridge->port);
    *connection = (bridge_connection_t){
        .state = BRIDGE_AWAIT_PREAMBLE,
        .sock = arrived->sock,
        .is_inside_tls = arrived->is_inside_tls,
        .made_us = arrived->made_us,
        .heard_us = now_us,
        .wrote_us = now_us,
        .stuck_us = UINT64_MAX,
        .input_capacity = BRIDGE_MAX_SMALL_FRAME,
    };
    connection->input = connection->small;
    bridge_writer_t writer = bridge_writer(connection->out, BRIDGE_OUT_BYTES);
    bridge_put_preamble(&writer);
    connection->out_length = writer.at;
}

void bridge_say(bridge_t *bridge, bridge_connection_t *connection, const bridge_message_t *message)
{
    memmove(connection->out, connection->out + connection->out_at, connection->out_length - connection->out_at);
    connection->out_length -= connection->out_at;
    connection->out_at = 0;
    bridge_writer_t writer = bridge_writer(connection->out, BRIDGE_OUT_BYTES);
    writer.at = connection->out_length;
    if (bridge_encode(&writer, message) != BRIDGE_OK) {
        bridge_close(bridge, connection, BRIDGE_CLOSE_TOO_SLOW, bridge_span_of("more is asked than read"));
        return;
    }
    connection->out_length = writer.at;
}

void bridge_drop(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_leave(bridge, connection);
    bridge_port_close(bridge->port, connection->sock);
    connection->state = BRIDGE_FREE;
}

void bridge_close(bridge_t *bridge, bridge_connection_t *connection, uint8_t reason, bridge_span_t text)
{
    if (connection->state == BRIDGE_IS_PARTING || connection->state == BRIDGE_FREE) {
        return;
    }
    bool is_half_said = bridge->controller == connection && bridge->bulk != BRIDGE_BULK_NONE &&
                        (bridge->bulk == BRIDGE_BULK_LAST || bridge->bulk_at > 0);
    bridge_leave(bridge, connection);
    if (is_half_said) { /* a Closing inside of a message says nothing */
        bridge_drop(bridge, connection);
        return;
    }
    connection->state = BRIDGE_IS_PARTING;
    connection->part_by_us = bridge_port_now_us(bridge->port) + BRIDGE_LAST_WORDS_US;
    connection->input = connection->small; /* the large one may be the next controller's */
    connection->input_capacity = BRIDGE_MAX_SMALL_FRAME;
    connection->input_length = 0;
    connection->has_closing = true;
    connection->has_pong = false;
    connection->refused_count = 0;
    connection->closing_reason = reason;
    connection->closing_length = text.length < BRIDGE_MAX_TEXT ? text.length : BRIDGE_MAX_TEXT;
    memcpy(connection->closing_text, text.data, connection->closing_length);
}

static bridge_error_t refuse_preamble(bridge_t *bridge, bridge_connection_t *connection, bridge_error_t error)
{
    char text[BRIDGE_MAX_TEXT];
    bridge_tell_refusal((bridge_span_t){connection->input, connection->input_length}, text, sizeof(text));
    uint8_t reason = error == BRIDGE_ERR_VERSION ? BRIDGE_CLOSE_VERSION : BRIDGE_CLOSE_PROTOCOL_ERROR;
    bridge_close(bridge, connection, reason, bridge_span_of(text));
    return BRIDGE_WAIT;
}

/* R6 */
static size_t largest_frame(const bridge_t *bridge, const bridge_connection_t *connection)
{
    uint32_t max_batch = bridge->config.max_batch;
    bool is_ready = connection->state == BRIDGE_READY && max_batch > BRIDGE_MAX_SMALL_FRAME;
    return is_ready ? max_batch : BRIDGE_MAX_SMALL_FRAME;
}

/* Take one frame from the front. BRIDGE_WAIT when there is none, or no more are taken. */
static bridge_error_t take_one(bridge_t *bridge, bridge_connection_t *connection, size_t *used)
{
    bridge_span_t data = {connection->input, connection->input_length};
    if (connection->state == BRIDGE_AWAIT_PREAMBLE) {
        uint8_t minor; /* R4: any will do */
        bridge_error_t error = bridge_judge_preamble(data, &minor);
        if (error != BRIDGE_OK) {
            return error == BRIDGE_WAIT ? error : refuse_preamble(bridge, connection, error);
        }
        connection->state = BRIDGE_AWAIT_HELLO;
        *used = BRIDGE_PREAMBLE_BYTES;
        return BRIDGE_OK;
    }
    if (connection->state == BRIDGE_IS_PARTING || connection->state == BRIDGE_FREE) {
        return BRIDGE_WAIT;
    }
    if (bridge->controller == connection && bridge->bulk == BRIDGE_BULK_LAST) {
        bridge->has_unread = true; /* nobody says anything before Welcome is here; who does, waits */
        return BRIDGE_WAIT;
    }
    bridge_frame_t frame;
    bridge_error_t error = bridge_take_frame(data, largest_frame(bridge, connection), &frame, used);
    return error == BRIDGE_OK ? bridge_handle(bridge, connection, &frame) : error;
}

static void take_all(bridge_t *bridge, bridge_connection_t *connection)
{
    for (;;) {
        size_t used = 0;
        bridge_error_t error = take_one(bridge, connection, &used);
        if (error == BRIDGE_ERR_MALFORMED || error == BRIDGE_ERR_RULE) {
            const char *text = error == BRIDGE_ERR_RULE ? "a message that the rules forbid here"
                                                        : "a message that is malformed or too long";
            bridge_close(bridge, connection, BRIDGE_CLOSE_PROTOCOL_ERROR, bridge_span_of(text));
        }
        if (error != BRIDGE_OK || connection->state == BRIDGE_FREE || connection->state == BRIDGE_IS_PARTING) {
            return;
        }
        connection->input_length -= used;
        memmove(connection->input, connection->input + used, connection->input_length);
    }
}

static void read_some(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us)
{
    for (unsigned int i = 0; connection->state != BRIDGE_FREE; i++) {
        if (i == MOST_ROUNDS) {
            *wake_us = 0;
            return;
        }
        if (connection->state == BRIDGE_IS_PARTING) {
            connection->input_length = 0;
        }
        size_t got = 0;
        size_t room = connection->input_capacity - connection->input_length;
        uint8_t *to = connection->input + connection->input_length;
        bridge_error_t error =
            room > 0 ? bridge_port_receive(bridge->port, connection->sock, to, room, &got) : BRIDGE_OK;
        if (error != BRIDGE_OK) {
            bridge_drop(bridge, connection);
            return;
        }
        if (got > 0) {
            connection->heard_us = bridge_port_now_us(bridge->port);
            connection->input_length += got;
        }
        take_all(bridge, connection);
        if (got == 0) {
            return;
        }
    }
}

/* Write what is in `out`; whether all of it went. */
static bool write_out(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_span_t data = {connection->out + connection->out_at, connection->out_length - connection->out_at};
    if (data.length == 0) {
        return true;
    }
    uint64_t now_us = bridge_port_now_us(bridge->port);
    size_t sent = 0;
    if (bridge_port_send(bridge->port, connection->sock, data, &sent) != BRIDGE_OK) {
        bridge_drop(bridge, connection);
        return false;
    }
    if (sent > 0) {
        connection->wrote_us = now_us;
        connection->stuck_us = UINT64_MAX;
    } else if (connection->stuck_us == UINT64_MAX) {
        connection->stuck_us = now_us;
    }
    connection->out_at += sent;
    return sent == data.length;
}

static void write_some(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us)
{
    for (unsigned int i = 0; connection->state != BRIDGE_FREE; i++) {
        if (i == MOST_ROUNDS) {
            *wake_us = 0;
            return;
        }
        if (!write_out(bridge, connection) || !bridge_next_output(bridge, connection)) {
            return;
        }
    }
}

/* When the connection's time is over, whatever it waits for. */
static uint64_t end_of(const bridge_connection_t *connection)
{
    if (connection->state == BRIDGE_IS_PARTING) {
        return connection->part_by_us;
    }
    return bridge_is_waiting(connection) ? connection->made_us + BRIDGE_HELLO_WITHIN_US
                                         : connection->heard_us + BRIDGE_DEAD_PEER_US;
}

static void keep_time(bridge_t *bridge, bridge_connection_t *connection)
{
    uint64_t now_us = bridge_port_now_us(bridge->port);
    bool is_over = now_us >= end_of(connection);
    bool is_stuck = connection->stuck_us != UINT64_MAX && now_us >= connection->stuck_us + BRIDGE_DEAD_PEER_US;
    if (is_stuck || (is_over && connection->state == BRIDGE_IS_PARTING)) {
        bridge_drop(bridge, connection);
    } else if (is_over) {
        const char *text = bridge_is_waiting(connection) ? "no hello within 5 s" : "no sign of life for 9 s";
        bridge_close(bridge, connection, BRIDGE_CLOSE_TOO_SLOW, bridge_span_of(text));
    }
}

/* When the connection has to be looked at again. */
static void tell_time(const bridge_connection_t *connection, uint64_t *wake_us)
{
    bridge_earliest(wake_us, end_of(connection));
    if (connection->stuck_us != UINT64_MAX) {
        bridge_earliest(wake_us, connection->stuck_us + BRIDGE_DEAD_PEER_US);
    } else if (connection->state == BRIDGE_READY) {
        bridge_earliest(wake_us, connection->wrote_us + BRIDGE_KEEP_ALIVE_US);
    }
}

void bridge_connection_read(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us)
{
    if (connection->state != BRIDGE_FREE) {
        read_some(bridge, connection, wake_us);
    }
}

void bridge_connection_write(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us)
{
    if (connection->state != BRIDGE_FREE) {
        keep_time(bridge, connection);
    }
    write_some(bridge, connection, wake_us);
    if (connection->state != BRIDGE_FREE) {
        tell_time(connection, wake_us);
    }
}
