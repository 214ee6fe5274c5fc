#include "bridge_session.h"

bridge_span_t bridge_bulk(const bridge_t *bridge)
{
    bridge_span_t frame = {0};
    if (bridge->bulk == BRIDGE_BULK_RESULT) {
        frame = bridge_edge_oldest_result(&bridge->edge);
    } else if (bridge->bulk == BRIDGE_BULK_LAST) {
        frame = (bridge_span_t){bridge->config.last, bridge->last_length};
    }
    if (frame.length == 0) {
        return frame;
    }
    return (bridge_span_t){frame.data + bridge->bulk_at, frame.length - bridge->bulk_at};
}

void bridge_bulk_sent(bridge_t *bridge)
{
    if (bridge->bulk == BRIDGE_BULK_RESULT) {
        bridge->charged -= bridge_edge_drop_oldest(&bridge->edge);
    }
    bridge->bulk = BRIDGE_BULK_NONE;
    bridge->bulk_at = 0;
}

static bool say_console(bridge_t *bridge, bridge_connection_t *connection)
{
    const bridge_ring_t *ring = &bridge->edge.ring;
    uint64_t window = ring->capacity < BRIDGE_CONSOLE_WINDOW ? ring->capacity : BRIDGE_CONSOLE_WINDOW;
    uint64_t waiting = bridge->console_next - bridge->console_settled;
    if (waiting >= window) {
        return false;
    }
    bridge_message_t message = {.type = BRIDGE_CONSOLE_GAP};
    if (bridge->console_next < ring->oldest) {
        message.as.gap.position = bridge->console_next;
        message.as.gap.length = ring->oldest - bridge->console_next;
        bridge->console_next = ring->oldest;
        bridge->console_settled = ring->oldest;
        bridge_say(bridge, connection, &message);
        return true;
    }
    message.type = BRIDGE_CONSOLE;
    message.as.console.position = bridge->console_next;
    message.as.console.data =
        bridge_ring_read(ring, bridge->console_next, (size_t)(window - waiting), &message.as.console.at_us);
    if (message.as.console.data.length == 0) {
        return false;
    }
    bridge->console_next += message.as.console.data.length;
    bridge_say(bridge, connection, &message);
    return true;
}

static bool say_as_controller_hears(bridge_t *bridge, bridge_connection_t *connection)
{
    if (bridge_edge_oldest_result(&bridge->edge).length > 0 && !bridge->edge.has_orphan) {
        bridge->bulk = BRIDGE_BULK_RESULT;
        bridge->bulk_at = 0;
        return true;
    }
    uint64_t now_us = bridge_port_now_us(bridge->port);
    if (say_console(bridge, connection)) {
        return true;
    }
    if (now_us >= connection->wrote_us + BRIDGE_KEEP_ALIVE_US) {
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

bool bridge_next_output(bridge_t *bridge, bridge_connection_t *connection)
{
    if (connection->state == BRIDGE_IS_PARTING) {
        return say_closing(bridge, connection);
    }
    if (connection->has_pong) {
        bridge_message_t pong = {.type = BRIDGE_PONG};
        pong.as.ping.token = connection->pong_token;
        pong.as.ping.now_us = bridge_port_now_us(bridge->port);
        connection->has_pong = false;
        bridge_say(bridge, connection, &pong);
        return true;
    }
    return connection->state == BRIDGE_READY && say_as_controller_hears(bridge, connection);
}
