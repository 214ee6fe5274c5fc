/* The engine task's work at one UART: it follows the orders one after the other. */
#include "bridge_edge.h"

#include <string.h>

#define MOST_READS 16U /* of the UART in one go: a line that is stuck does not hold up the orders */
#define TYPE_AT 2U

/* Leave the lock, and see that the network task looks. */
static void unlock_and_call(bridge_edge_t *edge)
{
    bool is_call = !edge->is_network_called;
    edge->is_network_called = true;
    bridge_port_unlock(edge->port);
    if (is_call) {
        bridge_port_wake_network(edge->port);
    }
}

static void add_console(bridge_edge_t *edge, bridge_span_t data, uint64_t at_us)
{
    uint32_t byte_ns = (uint32_t)bridge_wire_time_us(&edge->engine.uart, 1000);
    uint64_t now_us = bridge_port_now_us(edge->port);
    bridge_port_lock(edge->port);
    bridge_ring_append(&edge->ring, data, at_us, now_us, byte_ns > 0 ? byte_ns : 1);
    unlock_and_call(edge);
}

static void route(bridge_edge_t *edge, bridge_span_t data, uint64_t at_us)
{
    if (edge->unclaimed == BRIDGE_UNCLAIMED_CONSOLE) {
        add_console(edge, data, at_us);
        return;
    }
    size_t room = BRIDGE_MAX_RESIDUE - edge->residue_length;
    size_t kept = data.length < room ? data.length : room;
    if (kept > 0) {
        memcpy(edge->residue + edge->residue_length, data.data, kept);
    }
    edge->residue_length += kept;
    uint32_t lost = (uint32_t)(data.length - kept);
    edge->residue_lost = edge->residue_lost + lost < lost ? UINT32_MAX : edge->residue_lost + lost;
}

/* What lies in the receiver's buffer belongs to no step (R34). */
static bridge_error_t read_unclaimed(bridge_edge_t *edge)
{
    uint64_t at_us = 0;
    bridge_span_t left;
    uint64_t byte_us = bridge_wire_time_us(&edge->engine.uart, 1);
    while ((left = bridge_inbox_take_some(&edge->engine.inbox, BRIDGE_INBOX_BYTES, byte_us, &at_us)).length > 0) {
        route(edge, left, at_us);
    }
    for (unsigned int i = 0; i < MOST_READS; i++) {
        uint8_t data[BRIDGE_READ_BYTES];
        size_t got = 0;
        bridge_error_t error = bridge_port_read(edge->port, data, sizeof(data), &got, &at_us);
        if (error != BRIDGE_OK || got == 0) {
            return error;
        }
        route(edge, (bridge_span_t){data, got}, at_us);
    }
    return BRIDGE_OK;
}

static bridge_error_t drive_safe(bridge_edge_t *edge)
{
    uint8_t mask = BRIDGE_SAFE_MASK & bridge_port_lines(edge->port);
    bridge_error_t error = bridge_port_set_lines(edge->port, mask, BRIDGE_SAFE_LEVELS & mask);
    return error == BRIDGE_ERR_UNSUPPORTED ? BRIDGE_OK : error; /* lines that cannot be driven need no safe level */
}

bridge_error_t bridge_edge_start(bridge_edge_t *edge, const bridge_uart_t *console)
{
    edge->is_stopped = true;
    edge->last.outcome = BRIDGE_NO_BATCH;
    edge->engine.port = edge->port;
    bridge_error_t error = bridge_port_configure(edge->port, console);
    if (error != BRIDGE_OK) {
        return error;
    }
    edge->engine.uart = *console;
    return drive_safe(edge);
}

/* Under the lock. */
static void drop_request(bridge_edge_t *edge, size_t length)
{
    bridge_queue_drop_front(&edge->requests, length);
    if (bridge_queue_length(&edge->requests) == 0) {
        edge->ends_with_mark = false;
    }
}

/* Under the lock. */
static void commit_result(bridge_edge_t *edge, uint8_t *entry, size_t frame_length, uint32_t charge)
{
    bridge_writer_t writer = bridge_writer(entry, BRIDGE_CHARGE_BYTES);
    bridge_put_u32(&writer, charge);
    bridge_queue_commit(&edge->results, BRIDGE_CHARGE_BYTES + frame_length);
}

/* A request in its queue or in `work`, up to its steps. */
static bridge_reader_t open_request(const uint8_t *frame, uint32_t *run, uint32_t *number, uint16_t *count)
{
    bridge_reader_t reader = bridge_reader(frame, bridge_entry_length(frame));
    (void)bridge_get_u32(&reader); /* the header */
    *run = bridge_get_u32(&reader);
    *number = bridge_get_u32(&reader);
    *count = bridge_get_u16(&reader);
    return reader;
}

static bridge_span_t rest_of(bridge_reader_t *reader)
{
    return bridge_get_span(reader, reader->length - reader->at);
}

/* Under the lock. */
static bridge_error_t skip_front(bridge_edge_t *edge)
{
    bridge_result_t skipped = {
        .outcome = BRIDGE_SKIPPED, .failed_step = BRIDGE_NO_STEP, .got = BRIDGE_NO_GOT};
    bridge_measure_t measure;
    uint16_t count;
    const uint8_t *request = bridge_queue_front(&edge->requests);
    bridge_reader_t reader = open_request(request, &skipped.run, &skipped.number, &count);
    (void)bridge_measure(rest_of(&reader), count, &measure);
    uint8_t *entry = bridge_queue_room(&edge->results, BRIDGE_CHARGE_BYTES + BRIDGE_RESULT_FIXED);
    if (entry == NULL) {
        return BRIDGE_WAIT;
    }
    bridge_message_t message = {.type = BRIDGE_BATCH_RESULT, .as.result = skipped};
    bridge_writer_t writer = bridge_writer(entry + BRIDGE_CHARGE_BYTES, BRIDGE_RESULT_FIXED);
    (void)bridge_encode(&writer, &message);
    drop_request(edge, reader.length);
    commit_result(edge, entry, writer.at, (uint32_t)bridge_charge(&measure));
    return BRIDGE_OK;
}

/* Under the lock: take the batch out of the queue, with room for its result. */
static bridge_error_t take_front(bridge_edge_t *edge, bridge_measure_t *measure)
{
    uint32_t run, number;
    uint16_t count;
    const uint8_t *request = bridge_queue_front(&edge->requests);
    bridge_reader_t reader = open_request(request, &run, &number, &count);
    bridge_error_t error = bridge_measure(rest_of(&reader), count, measure);
    if (error != BRIDGE_OK) {
        return error;
    }
    edge->entry = bridge_queue_room(&edge->results, BRIDGE_CHARGE_BYTES + measure->result_bytes);
    if (edge->entry == NULL) {
        return BRIDGE_WAIT;
    }
    memcpy(edge->work, request, reader.length);
    memcpy(edge->batch_of, edge->owner_id, BRIDGE_CONTROLLER_ID_BYTES);
    drop_request(edge, reader.length);
    edge->is_in_hand = true;
    edge->is_owned = true;
    edge->is_stale = false;
    edge->is_abort_wanted = false;
    edge->has_batch = true;
    return BRIDGE_OK;
}

static void begin_batch(bridge_edge_t *edge, const bridge_measure_t *measure)
{
    uint32_t run, number;
    uint16_t count;
    bridge_reader_t reader = open_request(edge->work, &run, &number, &count);
    edge->charge = (uint32_t)bridge_charge(measure);
    uint8_t *places = edge->entry + BRIDGE_CHARGE_BYTES + BRIDGE_RESULT_BARE;
    bridge_engine_begin(&edge->engine, rest_of(&reader), count, measure, places);
    edge->engine.result.run = run;
    edge->engine.result.number = number;
}

static void end_batch(bridge_edge_t *edge)
{
    (void)read_unclaimed(edge); /* a UART that is gone says so again */
    edge->engine.result.residue_lost = edge->residue_lost;
    bridge_span_t residue = {edge->residue, edge->residue_length};
    size_t length = bridge_engine_finish(&edge->engine, edge->entry + BRIDGE_CHARGE_BYTES, residue);
    bridge_span_t frame = {edge->entry + BRIDGE_CHARGE_BYTES, length};
    edge->residue_length = 0;
    edge->residue_lost = 0;
    edge->has_batch = false;
    bridge_port_lock(edge->port);
    if (edge->engine.result.outcome != BRIDGE_DONE && !edge->is_stale) {
        bridge_edge_skip_queued(edge); /* R28 */
    }
    edge->is_in_hand = false;
    edge->has_orphan = !edge->is_owned && edge->is_paused; /* `last` cannot take it now */
    if (!edge->has_orphan) {
        bridge_edge_note_last(edge, frame);
    }
    if (edge->is_owned || edge->has_orphan) {
        commit_result(edge, edge->entry, length, edge->charge);
    }
    unlock_and_call(edge);
}

static bridge_error_t poll_batch(bridge_edge_t *edge, uint64_t *wake_us)
{
    bridge_port_lock(edge->port);
    edge->is_engine_called = false;
    bool is_abort_wanted = edge->is_abort_wanted;
    bridge_port_unlock(edge->port);
    if (is_abort_wanted) {
        bridge_engine_abort(&edge->engine);
    } else if (bridge_engine_poll(&edge->engine, wake_us) == BRIDGE_WAIT) {
        return BRIDGE_WAIT;
    }
    end_batch(edge);
    return BRIDGE_OK;
}

/* Under the lock: follow the order at the queue's front. BRIDGE_WAIT when there is none that may be followed now. */
static bridge_error_t follow_front(bridge_edge_t *edge, bridge_measure_t *measure)
{
    const uint8_t *entry = bridge_queue_front(&edge->requests);
    if (bridge_queue_length(&edge->requests) == 0 || edge->is_paused || edge->has_orphan) {
        return BRIDGE_WAIT;
    }
    if (entry[TYPE_AT] == BRIDGE_BATCH_REQUEST) {
        return entry[BRIDGE_IS_SKIPPED_AT] != 0 ? skip_front(edge) : take_front(edge, measure);
    }
    edge->unclaimed = entry[BRIDGE_HEADER_BYTES];
    edge->residue_length = 0;
    edge->residue_lost = 0;
    drop_request(edge, BRIDGE_MARK_BYTES);
    return BRIDGE_OK;
}

/* BRIDGE_OK: an order was followed. A UART that failed as a batch began is the batch's own failure. */
static bridge_error_t follow_order(bridge_edge_t *edge)
{
    bridge_measure_t measure;
    bridge_error_t unread = read_unclaimed(edge); /* what came before an order belongs to before */
    bridge_port_lock(edge->port);
    edge->is_engine_called = false;
    bool is_safe_wanted = edge->is_safe_wanted;
    size_t results = bridge_queue_length(&edge->results);
    edge->is_safe_wanted = false;
    bridge_error_t error = is_safe_wanted ? BRIDGE_OK : follow_front(edge, &measure);
    if (bridge_queue_length(&edge->results) != results) {
        unlock_and_call(edge);
    } else {
        bridge_port_unlock(edge->port);
    }
    if (is_safe_wanted) {
        return drive_safe(edge);
    }
    if (edge->has_batch) {
        begin_batch(edge, &measure);
        return BRIDGE_OK;
    }
    return error != BRIDGE_OK && unread != BRIDGE_OK ? unread : error; /* what is queued is answered first */
}

bridge_error_t bridge_edge_poll(bridge_edge_t *edge, uint64_t *wake_us)
{
    for (;;) {
        *wake_us = UINT64_MAX;
        bridge_error_t error = edge->has_batch ? poll_batch(edge, wake_us) : follow_order(edge);
        if (error != BRIDGE_OK) {
            return error;
        }
    }
}
