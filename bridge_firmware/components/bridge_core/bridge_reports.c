/* What the network task learns of one UART: results, the newest batch that ended, the console. */
#include <string.h>

#include "bridge_edge.h"

#define OUTCOME_AT 12U /* in a BatchResult's frame: header, run, number */

void bridge_edge_hear_call(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    edge->is_network_called = false;
    bridge_port_unlock(edge->port);
}

bridge_last_t bridge_edge_last(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    bridge_last_t last = edge->last;
    bridge_port_unlock(edge->port);
    return last;
}

bridge_last_t bridge_edge_pause(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    edge->is_paused = true;
    bridge_last_t last = edge->last;
    bridge_port_unlock(edge->port);
    return last;
}

void bridge_edge_resume(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    edge->is_paused = false;
    if (edge->has_orphan) {
        bridge_span_t frame = bridge_edge_front_result(edge);
        bridge_edge_note_last(edge, frame);
        bridge_queue_drop_front(&edge->results, BRIDGE_CHARGE_BYTES + frame.length);
        edge->has_orphan = false;
    }
    edge->is_engine_called = true;
    bridge_port_unlock(edge->port);
    bridge_port_wake_engine(edge->port);
}

bridge_span_t bridge_edge_front_result(const bridge_edge_t *edge)
{
    if (bridge_queue_length(&edge->results) == 0) {
        return (bridge_span_t){0};
    }
    const uint8_t *frame = bridge_queue_front(&edge->results) + BRIDGE_CHARGE_BYTES;
    return (bridge_span_t){frame, bridge_entry_length(frame)};
}

void bridge_edge_note_last(bridge_edge_t *edge, bridge_span_t frame)
{
    memcpy(edge->last_frame, frame.data, frame.length);
    bridge_reader_t reader = bridge_reader(frame.data + BRIDGE_HEADER_BYTES, frame.length - BRIDGE_HEADER_BYTES);
    edge->last.length = frame.length;
    edge->last.run = bridge_get_u32(&reader);
    edge->last.number = bridge_get_u32(&reader);
    edge->last.outcome = frame.data[OUTCOME_AT];
    memcpy(edge->last.controller_id, edge->batch_of, BRIDGE_CONTROLLER_ID_BYTES);
}

void bridge_edge_console_range(bridge_edge_t *edge, uint64_t *oldest, uint64_t *next)
{
    bridge_port_lock(edge->port);
    *oldest = edge->ring.oldest;
    *next = edge->ring.next;
    bridge_port_unlock(edge->port);
}

size_t bridge_edge_read_console(bridge_edge_t *edge, uint64_t position, uint8_t *data, size_t capacity,
                                uint64_t *at_us, uint64_t *oldest)
{
    bridge_span_t found = {0};
    bridge_port_lock(edge->port);
    *oldest = edge->ring.oldest;
    if (position >= *oldest) {
        found = bridge_ring_read(&edge->ring, position, capacity, at_us);
    }
    if (found.length > 0) {
        memcpy(data, found.data, found.length);
    }
    bridge_port_unlock(edge->port);
    return found.length;
}

size_t bridge_edge_result_length(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    size_t length = edge->has_orphan ? 0 : bridge_edge_front_result(edge).length;
    bridge_port_unlock(edge->port);
    return length;
}

void bridge_edge_copy_result(bridge_edge_t *edge, size_t from, uint8_t *data, size_t length)
{
    bridge_port_lock(edge->port);
    memcpy(data, bridge_edge_front_result(edge).data + from, length);
    bridge_port_unlock(edge->port);
}

uint32_t bridge_edge_drop_result(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    bridge_span_t frame = bridge_edge_front_result(edge);
    bridge_reader_t reader = bridge_reader(bridge_queue_front(&edge->results), BRIDGE_CHARGE_BYTES);
    uint32_t charge = bridge_get_u32(&reader);
    bridge_queue_drop_front(&edge->results, BRIDGE_CHARGE_BYTES + frame.length);
    bridge_port_unlock(edge->port);
    return charge;
}
