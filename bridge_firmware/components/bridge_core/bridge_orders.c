/* What the network task orders of one UART. */
#include <string.h>

#include "bridge_edge.h"

/* Leave the lock, and see that the engine looks. */
static void unlock_and_call(bridge_edge_t *edge)
{
    bool is_call = !edge->is_engine_called;
    edge->is_engine_called = true;
    bridge_port_unlock(edge->port);
    if (is_call) {
        bridge_port_wake_engine(edge->port);
    }
}

void bridge_edge_skip_queued(bridge_edge_t *edge)
{
    uint8_t *entry = bridge_queue_front(&edge->requests);
    uint8_t *end = entry + bridge_queue_length(&edge->requests);
    for (; entry < end; entry += bridge_entry_length(entry)) {
        entry[BRIDGE_IS_SKIPPED_AT] = 1;
    }
    edge->is_stopped = true;
}

static void stop(bridge_edge_t *edge)
{
    bridge_edge_skip_queued(edge);
    edge->is_stale = true;
}

/* A mark right behind another one makes that one void. */
static void put_mark(bridge_edge_t *edge, uint8_t unclaimed)
{
    bridge_queue_t *queue = &edge->requests;
    if (edge->ends_with_mark) {
        bridge_queue_cut(queue, bridge_queue_length(queue) - BRIDGE_MARK_BYTES);
    }
    uint8_t *room = bridge_queue_room(queue, BRIDGE_MARK_BYTES);
    if (room != NULL) { /* BRIDGE_REQUEST_QUEUE_BYTES leaves room for every mark */
        const uint8_t mark[BRIDGE_MARK_BYTES] = {1, 0, BRIDGE_BEGIN_RUN, 0, unclaimed};
        memcpy(room, mark, sizeof(mark));
        bridge_queue_commit(queue, BRIDGE_MARK_BYTES);
        edge->ends_with_mark = true;
    }
}

void bridge_edge_own(bridge_edge_t *edge, const uint8_t *controller_id)
{
    bridge_port_lock(edge->port);
    memcpy(edge->owner_id, controller_id, BRIDGE_CONTROLLER_ID_BYTES);
    edge->is_safe_wanted = false;
    bridge_port_unlock(edge->port);
}

void bridge_edge_begin_run(bridge_edge_t *edge, uint8_t unclaimed)
{
    bridge_port_lock(edge->port);
    stop(edge);
    edge->is_abort_wanted = edge->is_in_hand; /* R30 */
    edge->is_stopped = false;
    put_mark(edge, unclaimed);
    unlock_and_call(edge);
}

void bridge_edge_abort(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    stop(edge);
    edge->is_abort_wanted = edge->is_in_hand;
    unlock_and_call(edge);
}

void bridge_edge_end_run(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    put_mark(edge, BRIDGE_UNCLAIMED_CONSOLE);
    unlock_and_call(edge);
}

void bridge_edge_leave(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    stop(edge);
    bridge_queue_cut(&edge->requests, 0);
    edge->ends_with_mark = false;
    if (!edge->has_orphan) {
        bridge_queue_drop_front(&edge->results, bridge_queue_length(&edge->results));
    }
    edge->is_owned = false;
    put_mark(edge, BRIDGE_UNCLAIMED_CONSOLE);
    unlock_and_call(edge);
}

bridge_error_t bridge_edge_submit(bridge_edge_t *edge, const bridge_message_t *request)
{
    size_t length = BRIDGE_REQUEST_FIXED + request->as.request.steps.length;
    bridge_error_t error = BRIDGE_ERR_FULL;
    bridge_port_lock(edge->port);
    uint8_t *room = bridge_queue_room(&edge->requests, length);
    if (room != NULL) {
        bridge_writer_t writer = bridge_writer(room, length);
        error = bridge_encode(&writer, request);
    }
    if (error == BRIDGE_OK) {
        room[BRIDGE_IS_SKIPPED_AT] = edge->is_stopped ? 1 : 0;
        bridge_queue_commit(&edge->requests, length);
        edge->ends_with_mark = false;
    }
    unlock_and_call(edge);
    return error;
}

bool bridge_edge_make_safe(bridge_edge_t *edge)
{
    bridge_port_lock(edge->port);
    bool is_ordered = !edge->is_in_hand;
    edge->is_safe_wanted = is_ordered;
    unlock_and_call(edge);
    return is_ordered;
}

void bridge_edge_acknowledge(bridge_edge_t *edge, uint64_t position)
{
    bridge_port_lock(edge->port);
    bridge_ring_acknowledge(&edge->ring, position);
    bridge_port_unlock(edge->port);
}
