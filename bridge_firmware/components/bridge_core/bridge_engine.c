#include "bridge_perform.h"

#include <string.h>

#define MOST_STEPS 64U /* in one go: a repeat without a wait does not hold up an abort */

static void put_u16(uint8_t *data, uint16_t value)
{
    data[0] = (uint8_t)value;
    data[1] = (uint8_t)(value >> 8);
}

static uint16_t get_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

uint8_t *bridge_output_place(bridge_engine_t *engine)
{
    return engine->places + engine->cursor.output_at;
}

uint8_t *bridge_arrival_place(bridge_engine_t *engine)
{
    return engine->places + engine->measure.output_bytes + engine->cursor.arrival_at;
}

bool bridge_step_reads(const bridge_step_t *step)
{
    return step->number >= BRIDGE_STEP_EXPECT && step->number <= BRIDGE_STEP_DISCARD;
}

/* Decode the step at the cursor. */
static void load_step(bridge_engine_t *engine)
{
    bridge_cursor_t *cursor = &engine->cursor;
    bridge_span_t rest = {engine->steps.data + cursor->step_at, engine->steps.length - cursor->step_at};
    bridge_steps_t steps = bridge_steps(rest, 1);
    (void)bridge_next_step(&steps, &engine->step); /* R36 was checked before the first step began */
    engine->step.is_understood = true;             /* a repeat is judged by its place in the batch */
}

static void advance(bridge_engine_t *engine)
{
    bridge_cursor_t *cursor = &engine->cursor;
    cursor->index++;
    cursor->step_at += BRIDGE_STEP_HEADER + engine->step.arguments.length;
    cursor->output_at += bridge_output_room(&engine->step);
    cursor->arrival_at += engine->step.number == BRIDGE_STEP_EXPECT ? BRIDGE_ARRIVAL_BYTES : 0;
    engine->has_begun = false;
}

static void go_back(bridge_engine_t *engine, uint16_t index)
{
    engine->cursor = (bridge_cursor_t){0};
    while (engine->cursor.index < index) {
        load_step(engine);
        advance(engine);
    }
    engine->has_begun = false;
}

/* Mark every place as empty. */
static void clear_places(bridge_engine_t *engine)
{
    bridge_steps_t steps = bridge_steps(engine->steps, engine->count);
    bridge_step_t step;
    size_t at = 0;
    while (bridge_next_step(&steps, &step) == BRIDGE_OK) {
        size_t room = bridge_output_room(&step);
        if (room > 0) {
            put_u16(engine->places + at, BRIDGE_NO_STEP);
        }
        at += room;
    }
    for (uint16_t i = 0; i < engine->measure.arrivals; i++) {
        put_u16(engine->places + at + (size_t)i * BRIDGE_ARRIVAL_BYTES, BRIDGE_NO_STEP);
    }
}

void bridge_engine_begin(bridge_engine_t *engine, bridge_span_t steps, uint16_t count,
                         const bridge_measure_t *measure, uint8_t *places)
{
    engine->steps = steps;
    engine->count = count;
    engine->measure = *measure;
    engine->places = places;
    engine->cursor = (bridge_cursor_t){0};
    engine->has_begun = false;
    engine->is_sending = false;
    engine->has_repeated = false;
    engine->lost = 0;
    clear_places(engine);
    (void)bridge_port_take_errors(engine->port); /* those of before are not of this batch */
    engine->result = (bridge_result_t){
        .failed_step = BRIDGE_NO_STEP,
        .got = BRIDGE_NO_GOT,
        .started_us = bridge_port_now_us(engine->port),
    };
    engine->arrived_us = engine->result.started_us;
}

static bridge_error_t end(bridge_engine_t *engine, bridge_outcome_t outcome)
{
    bridge_line_errors_t errors = bridge_port_take_errors(engine->port);
    bridge_result_t *result = &engine->result;
    result->outcome = (uint8_t)outcome;
    result->ended_us = bridge_port_now_us(engine->port);
    result->parity_errors = errors.parity;
    result->framing_errors = errors.framing;
    result->overrun_errors = bridge_count_up(errors.overrun, engine->lost);
    if (outcome != BRIDGE_DONE && engine->count > 0) {
        uint16_t last = (uint16_t)(engine->count - 1U);
        result->failed_step = engine->cursor.index < last ? engine->cursor.index : last;
    }
    return BRIDGE_OK;
}

bridge_step_state_t bridge_step_fails(bridge_engine_t *engine, bridge_error_t error)
{
    engine->result.cause = error == BRIDGE_ERR_UNSUPPORTED ? BRIDGE_CAUSE_UNSUPPORTED : BRIDGE_CAUSE_PORT;
    return BRIDGE_STEP_FAILED;
}

/* Find out from when the step's times count; wait for the transmitter where it matters. */
static bridge_error_t settle(bridge_engine_t *engine, uint64_t *wake_us)
{
    engine->from_us = bridge_port_now_us(engine->port);
    if (!engine->is_sending || engine->step.number == BRIDGE_STEP_SEND) {
        return BRIDGE_OK;
    }
    if (bridge_step_reads(&engine->step)) {
        uint64_t sent_us = bridge_port_sent_by_us(engine->port);
        engine->from_us = sent_us > engine->from_us ? sent_us : engine->from_us;
        return BRIDGE_OK;
    }
    bridge_error_t error = bridge_port_is_sent(engine->port, wake_us);
    engine->is_sending = error == BRIDGE_WAIT;
    return error;
}

/* One step: BRIDGE_OK when the cursor moved, BRIDGE_WAIT, or what ends the batch. */
static bridge_error_t step_once(bridge_engine_t *engine, uint64_t *wake_us)
{
    load_step(engine);
    if (!engine->has_begun) {
        bridge_error_t error = settle(engine, wake_us);
        if (error != BRIDGE_OK) {
            return error;
        }
    }
    switch (bridge_perform(engine, wake_us)) {
    case BRIDGE_STEP_DONE:
        advance(engine);
        return BRIDGE_OK;
    case BRIDGE_STEP_REPEATS:
        go_back(engine, (uint16_t)(engine->cursor.index - engine->step.as.expect.repeat_back));
        return BRIDGE_OK;
    case BRIDGE_STEP_WAITS:
        return BRIDGE_WAIT;
    default:
        return BRIDGE_ERR_RULE; /* the cause is noted */
    }
}

bridge_error_t bridge_engine_poll(bridge_engine_t *engine, uint64_t *wake_us)
{
    if (engine->measure.not_understood != BRIDGE_NO_STEP) {
        engine->cursor.index = engine->measure.not_understood;
        engine->result.cause = BRIDGE_CAUSE_UNSUPPORTED;
        return end(engine, BRIDGE_FAILED);
    }
    bridge_error_t error = BRIDGE_OK;
    for (unsigned int i = 0; engine->cursor.index < engine->count && error == BRIDGE_OK; i++) {
        if (i == MOST_STEPS) {
            *wake_us = bridge_port_now_us(engine->port) + 1U; /* the other task has to come to its turn */
            return BRIDGE_WAIT;
        }
        error = step_once(engine, wake_us);
    }
    if (error == BRIDGE_OK && engine->is_sending) {
        error = bridge_port_is_sent(engine->port, wake_us);
    }
    if (error == BRIDGE_WAIT) {
        return BRIDGE_WAIT;
    }
    if (error == BRIDGE_ERR_PORT) {
        engine->result.cause = BRIDGE_CAUSE_PORT;
    }
    return end(engine, error == BRIDGE_OK ? BRIDGE_DONE : BRIDGE_FAILED);
}

void bridge_engine_abort(bridge_engine_t *engine)
{
    bridge_port_drop_unsent(engine->port);
    (void)end(engine, BRIDGE_ABORTED);
}

/* Move what is there of the outputs to `to`; return how many there are. */
static uint16_t gather_outputs(bridge_engine_t *engine, bridge_writer_t *to)
{
    uint16_t found = 0;
    bridge_steps_t steps = bridge_steps(engine->steps, engine->count);
    bridge_step_t step;
    const uint8_t *place = engine->places;
    while (bridge_next_step(&steps, &step) == BRIDGE_OK) {
        size_t room = bridge_output_room(&step);
        if (room > 0 && get_u16(place) != BRIDGE_NO_STEP) {
            bridge_put_span(to, (bridge_span_t){place, BRIDGE_OUTPUT_HEADER + (size_t)get_u16(place + 2)});
            found++;
        }
        place += room;
    }
    return found;
}

static uint16_t gather_arrivals(bridge_engine_t *engine, bridge_writer_t *to)
{
    uint16_t found = 0;
    const uint8_t *place = engine->places + engine->measure.output_bytes;
    for (uint16_t i = 0; i < engine->measure.arrivals; i++, place += BRIDGE_ARRIVAL_BYTES) {
        if (get_u16(place) != BRIDGE_NO_STEP) {
            bridge_put_span(to, (bridge_span_t){place, BRIDGE_ARRIVAL_BYTES});
            found++;
        }
    }
    return found;
}

size_t bridge_engine_finish(bridge_engine_t *engine, uint8_t *frame, bridge_span_t residue)
{
    bridge_writer_t lists = bridge_writer(frame, engine->measure.result_bytes);
    lists.at = BRIDGE_RESULT_FIXED;
    bridge_put_span(&lists, residue);
    engine->result.residue = residue;
    engine->result.output_count = gather_outputs(engine, &lists);
    engine->result.arrival_count = gather_arrivals(engine, &lists);
    size_t payload = lists.at - BRIDGE_HEADER_BYTES;
    bridge_writer_t fields = bridge_writer(frame, BRIDGE_RESULT_FIXED);
    bridge_put_u16(&fields, (uint16_t)payload);
    bridge_put_u8(&fields, BRIDGE_BATCH_RESULT);
    bridge_put_u8(&fields, 0);
    bridge_put_result_fields(&fields, &engine->result);
    return lists.at;
}
