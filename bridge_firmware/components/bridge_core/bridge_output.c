#include <string.h>

#include "bridge_session.h"

static void end_bulk(bridge_t *bridge)
{
    if (bridge->bulk == BRIDGE_BULK_RESULT) {
        bridge->charged -= bridge_edge_drop_result(&bridge->edge);
    } else {
        bridge_edge_resume(&bridge->edge);
    }
    bridge->bulk = BRIDGE_BULK_NONE;
}

/* The next piece of the bulk, into `out`, which is empty. */
static void say_piece(bridge_t *bridge, bridge_connection_t *connection)
{
    size_t length = bridge->bulk_length - bridge->bulk_at;
    length = length < BRIDGE_OUT_BYTES ? length : BRIDGE_OUT_BYTES;
    if (bridge->bulk == BRIDGE_BULK_RESULT) {
        bridge_edge_copy_result(&bridge->edge, bridge->bulk_at, connection->out, length);
    } else { /* the edge is paused, and leaves it as it is */
        memcpy(connection->out, bridge->config.last + bridge->bulk_at, length);
    }
    connection->out_at = 0;
    connection->out_length = length;
    bridge->bulk_at += length;
    if (bridge->bulk_at == bridge->bulk_length) {
        end_bulk(bridge);
    }
}

static bool say_gap(bridge_t *bridge, bridge_connection_t *connection, uint64_t oldest)
{
    bridge_message_t message = {.type = BRIDGE_CONSOLE_GAP};
    message.as.gap.position = bridge->console_next;
    message.as.gap.length = oldest - bridge->console_next;
    bridge->console_next = oldest;
    bridge->console_settled = oldest;
    bridge_say(bridge, connection, &message);
    return true;
}

static bool say_console(bridge_t *bridge, bridge_connection_t *connection)
{
    uint32_t ring_bytes = bridge->config.ring_bytes;
    uint64_t window = ring_bytes < BRIDGE_CONSOLE_WINDOW ? ring_bytes : BRIDGE_CONSOLE_WINDOW;
    uint64_t waiting = bridge->console_next - bridge->console_settled;
    if (waiting >= window) {
        return false;
    }
    size_t room = window - waiting < BRIDGE_MAX_CONSOLE ? (size_t)(window - waiting) : BRIDGE_MAX_CONSOLE;
    bridge_message_t message = {.type = BRIDGE_CONSOLE};
    uint64_t oldest;
    size_t length = bridge_edge_read_console(&bridge->edge, bridge->console_next, bridge->console, room,
                                             &message.as.console.at_us, &oldest);
    if (bridge->console_next < oldest) {
        return say_gap(bridge, connection, oldest);
    }
    if (length == 0) {
        return false;
    }
    message.as.console.position = bridge->console_next;
    message.as.console.data = (bridge_span_t){bridge->console, length};
    bridge->console_next += length;
    bridge_say(bridge, connection, &message);
    return true;
}

static bool say_as_controller_hears(bridge_t *bridge, bridge_connection_t *connection)
{
    size_t length = bridge->bulk == BRIDGE_BULK_NONE ? bridge_edge_result_length(&bridge->edge) : 0;
    if (length > 0) {
        bridge->bulk = BRIDGE_BULK_RESULT;
        bridge->bulk_at = 0;
        bridge->bulk_length = length;
    }
    if (bridge->bulk != BRIDGE_BULK_NONE) {
        say_piece(bridge, connection);
        return true;
    }
    if (bridge_upkeep_say(bridge, connection) || say_console(bridge, connection)) {
        return true;
    }
    if (bridge_port_now_us(bridge->port) >= connection->wrote_us + BRIDGE_KEEP_ALIVE_US) {
        bridge_message_t ping = {.type = BRIDGE_PING};
        ping.as.ping.token = ++bridge->ping_token;
        bridge_say(bridge, connection, &ping);
        return true;
    }
    return false;
}

static bool say_closing(bridge_t *bridge, bridge_connection_t *connection)
{
    if (connection->has_closing) {
        bridge_message_t message = {.type = BRIDGE_CLOSING};
        message.as.closing.reason = connection->closing_reason;
        message.as.closing.text = (bridge_span_t){connection->closing_text, connection->closing_length};
        connection->has_closing = false;
        bridge_say(bridge, connection, &message);
        return true;
    }
    if (!connection->is_finished) {
        connection->is_finished = true;
        bridge_port_finish(bridge->port, connection->sock);
    }
    return false;
}

/* The oldest that was refused. */
static void say_unsupported(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_message_t answer = {.type = BRIDGE_UNSUPPORTED, .port = connection->refused[0].port};
    answer.as.unsupported = connection->refused[0].type;
    connection->refused_count--;
    memmove(connection->refused, connection->refused + 1, connection->refused_count * sizeof(connection->refused[0]));
    bridge_say(bridge, connection, &answer);
}

bool bridge_next_output(bridge_t *bridge, bridge_connection_t *connection)
{
    if (connection->state == BRIDGE_IS_PARTING) {
        return say_closing(bridge, connection);
    }
    bool is_free = bridge->controller != connection || bridge->bulk == BRIDGE_BULK_NONE;
    if (connection->refused_count > 0 && is_free) {
        say_unsupported(bridge, connection);
        return true;
    }
    if (connection->has_pong && is_free) {
        bridge_message_t pong = {.type = BRIDGE_PONG};
        pong.as.ping.token = connection->pong_token;
        pong.as.ping.now_us = bridge_port_now_us(bridge->port);
        connection->has_pong = false;
        bridge_say(bridge, connection, &pong);
        return true;
    }
    return connection->state == BRIDGE_READY && say_as_controller_hears(bridge, connection);
}
