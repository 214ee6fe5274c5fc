#include "bridge_edge.h"

#include <string.h>

#define MOST_READS 16U /* of the UART in one go: a line that is stuck does not hold up the network */
#define PORT_AT 3U     /* the frame's port byte, which tells in the queue whether the batch is to be skipped */
#define TYPE_AT 2U

static void route(bridge_edge_t *edge, bridge_span_t data, uint64_t at_us)
{
    if (edge->unclaimed == BRIDGE_UNCLAIMED_CONSOLE) {
        const bridge_uart_t *uart = &edge->engine.uart;
        uint32_t byte_ns = (uint32_t)(bridge_wire_time_us(uart, 1000));
        bridge_ring_append(&edge->ring, data, at_us, byte_ns > 0 ? byte_ns : 1);
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

bridge_error_t bridge_edge_start(bridge_edge_t *edge, const bridge_uart_t *console)
{
    edge->is_stopped = true;
    edge->engine.port = edge->port;
    bridge_error_t error = bridge_port_configure(edge->port, console);
    if (error != BRIDGE_OK) {
        return error;
    }
    edge->engine.uart = *console;
    return bridge_edge_make_safe(edge);
}

bridge_error_t bridge_edge_make_safe(bridge_edge_t *edge)
{
    uint8_t mask = BRIDGE_SAFE_MASK & bridge_port_lines(edge->port);
    bridge_error_t error = bridge_port_set_lines(edge->port, mask, BRIDGE_SAFE_LEVELS & mask);
    return error == BRIDGE_ERR_UNSUPPORTED ? BRIDGE_OK : error; /* lines that cannot be driven need no safe level */
}

static size_t entry_length(const uint8_t *entry)
{
    return BRIDGE_HEADER_BYTES + (size_t)(entry[0] | entry[1] << 8);
}

/* What is queued behind the batch in hand is to be answered SKIPPED. */
static void skip_queued(bridge_edge_t *edge)
{
    edge->is_stopped = true;
    uint8_t *entry = bridge_queue_front(&edge->requests);
    uint8_t *end = entry + bridge_queue_length(&edge->requests);
    entry += edge->is_in_hand ? edge->request_length : 0;
    for (; entry < end; entry += entry_length(entry)) {
        entry[PORT_AT] = 1;
    }
}

static void stop(bridge_edge_t *edge)
{
    skip_queued(edge);
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

void bridge_edge_begin_run(bridge_edge_t *edge, uint8_t unclaimed)
{
    bridge_edge_abort(edge);
    edge->is_stopped = false;
    put_mark(edge, unclaimed);
}

void bridge_edge_abort(bridge_edge_t *edge)
{
    stop(edge);
    edge->is_abort_wanted = edge->is_in_hand;
}

void bridge_edge_end_run(bridge_edge_t *edge)
{
    put_mark(edge, BRIDGE_UNCLAIMED_CONSOLE);
}

void bridge_edge_leave(bridge_edge_t *edge)
{
    stop(edge);
    bridge_queue_cut(&edge->requests, edge->is_in_hand ? edge->request_length : 0);
    edge->ends_with_mark = false;
    if (!edge->has_orphan) {
        bridge_queue_drop_front(&edge->results, bridge_queue_length(&edge->results));
    }
    edge->is_owned = false;
    put_mark(edge, BRIDGE_UNCLAIMED_CONSOLE);
}

bridge_error_t bridge_edge_submit(bridge_edge_t *edge, const bridge_message_t *request)
{
    size_t length = BRIDGE_REQUEST_FIXED + request->as.request.steps.length;
    uint8_t *room = bridge_queue_room(&edge->requests, length);
    if (room == NULL) {
        return BRIDGE_ERR_FULL;
    }
    bridge_writer_t writer = bridge_writer(room, length);
    bridge_error_t error = bridge_encode(&writer, request);
    if (error == BRIDGE_OK) {
        room[PORT_AT] = edge->is_stopped ? 1 : 0;
        bridge_queue_commit(&edge->requests, length);
        edge->ends_with_mark = false;
    }
    return error;
}

/* The batch at the queue's front, as it lies now. */
static bridge_reader_t front_request(const bridge_edge_t *edge, uint32_t *run, uint32_t *number, uint16_t *count)
{
    const uint8_t *entry = bridge_queue_front(&edge->requests);
    bridge_reader_t reader = bridge_reader(entry, entry_length(entry));
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

static void commit_result(bridge_edge_t *edge, uint8_t *entry, size_t frame_length, uint32_t charge)
{
    bridge_writer_t writer = bridge_writer(entry, BRIDGE_CHARGE_BYTES);
    bridge_put_u32(&writer, charge);
    edge->newest_length = BRIDGE_CHARGE_BYTES + frame_length;
    bridge_queue_commit(&edge->results, edge->newest_length);
    const uint8_t *request = bridge_queue_front(&edge->requests);
    bridge_queue_drop_front(&edge->requests, entry_length(request));
    if (bridge_queue_length(&edge->requests) == 0) {
        edge->ends_with_mark = false;
    }
}

static bridge_error_t skip_front(bridge_edge_t *edge)
{
    bridge_result_t skipped = {
        .outcome = BRIDGE_SKIPPED, .failed_step = BRIDGE_NO_STEP, .got = BRIDGE_NO_GOT};
    bridge_measure_t measure;
    uint16_t count;
    bridge_reader_t reader = front_request(edge, &skipped.run, &skipped.number, &count);
    (void)bridge_measure(rest_of(&reader), count, &measure);
    uint8_t *entry = bridge_queue_room(&edge->results, BRIDGE_CHARGE_BYTES + BRIDGE_RESULT_FIXED);
    if (entry == NULL) {
        return BRIDGE_WAIT;
    }
    bridge_message_t message = {.type = BRIDGE_BATCH_RESULT, .as.result = skipped};
    bridge_writer_t writer = bridge_writer(entry + BRIDGE_CHARGE_BYTES, BRIDGE_RESULT_FIXED);
    (void)bridge_encode(&writer, &message);
    commit_result(edge, entry, writer.at, (uint32_t)bridge_charge(&measure));
    return BRIDGE_OK;
}

static bridge_error_t begin_front(bridge_edge_t *edge)
{
    bridge_measure_t measure;
    uint32_t run, number;
    uint16_t count;
    bridge_reader_t reader = front_request(edge, &run, &number, &count);
    bridge_span_t steps = rest_of(&reader);
    bridge_error_t error = bridge_measure(steps, count, &measure);
    if (error != BRIDGE_OK) {
        return error;
    }
    edge->entry = bridge_queue_room(&edge->results, BRIDGE_CHARGE_BYTES + measure.result_bytes);
    if (edge->entry == NULL) {
        return BRIDGE_WAIT;
    }
    error = read_unclaimed(edge);
    edge->is_in_hand = true;
    edge->is_owned = true;
    edge->is_stale = false;
    edge->is_abort_wanted = false;
    edge->request_length = reader.length;
    edge->charge = (uint32_t)bridge_charge(&measure);
    bridge_engine_begin(&edge->engine, steps, count, &measure, edge->entry + BRIDGE_CHARGE_BYTES + BRIDGE_RESULT_BARE);
    edge->engine.result.run = run;
    edge->engine.result.number = number;
    return error;
}

static void end_batch(bridge_edge_t *edge)
{
    (void)read_unclaimed(edge); /* a UART that is gone says so again */
    edge->engine.result.residue_lost = edge->residue_lost;
    bridge_span_t residue = {edge->residue, edge->residue_length};
    size_t length = bridge_engine_finish(&edge->engine, edge->entry + BRIDGE_CHARGE_BYTES, residue);
    edge->residue_length = 0;
    edge->residue_lost = 0;
    if (edge->engine.result.outcome != BRIDGE_DONE && !edge->is_stale) {
        skip_queued(edge);
    }
    edge->is_in_hand = false;
    edge->has_orphan = !edge->is_owned;
    commit_result(edge, edge->entry, length, edge->charge);
}

static bridge_error_t poll_batch(bridge_edge_t *edge, uint64_t *wake_us)
{
    uint32_t run, number;
    uint16_t count;
    bridge_reader_t reader = front_request(edge, &run, &number, &count);
    bridge_span_t steps = rest_of(&reader);
    if (edge->is_abort_wanted) {
        edge->engine.steps = steps;
        bridge_engine_abort(&edge->engine);
    } else if (bridge_engine_poll(&edge->engine, steps, wake_us) == BRIDGE_WAIT) {
        return BRIDGE_WAIT;
    }
    end_batch(edge);
    return BRIDGE_OK;
}

/* Follow the order at the queue's front. BRIDGE_WAIT when there is none that may be followed now. */
static bridge_error_t follow_front(bridge_edge_t *edge)
{
    const uint8_t *entry = bridge_queue_front(&edge->requests);
    if (bridge_queue_length(&edge->requests) == 0 || edge->is_paused || edge->has_orphan) {
        bridge_error_t error = read_unclaimed(edge);
        return error == BRIDGE_OK ? BRIDGE_WAIT : error;
    }
    if (entry[TYPE_AT] == BRIDGE_BATCH_REQUEST) {
        return entry[PORT_AT] != 0 ? skip_front(edge) : begin_front(edge);
    }
    bridge_error_t error = read_unclaimed(edge); /* what came before belongs to before */
    edge->unclaimed = entry[BRIDGE_HEADER_BYTES];
    edge->residue_length = 0;
    edge->residue_lost = 0;
    bridge_queue_drop_front(&edge->requests, BRIDGE_MARK_BYTES);
    if (bridge_queue_length(&edge->requests) == 0) {
        edge->ends_with_mark = false;
    }
    return error;
}

bridge_error_t bridge_edge_poll(bridge_edge_t *edge, uint64_t *wake_us)
{
    bridge_error_t error = BRIDGE_OK;
    while (!edge->is_in_hand && error == BRIDGE_OK) {
        error = follow_front(edge);
    }
    /* A UART that failed as a batch began is the batch's own failure. */
    return edge->is_in_hand ? poll_batch(edge, wake_us) : error;
}
