/* What the steps that read mean. Each function goes on with the step in hand as far as it can. */
#include <string.h>

#include "bridge_perform.h"

bridge_step_state_t bridge_fails(bridge_engine_t *engine, bridge_cause_t cause, uint32_t got)
{
    engine->result.cause = (uint8_t)cause;
    engine->result.got = got;
    return BRIDGE_STEP_FAILED;
}

void bridge_set_output_length(bridge_engine_t *engine, size_t length)
{
    uint8_t *place = bridge_output_place(engine);
    bridge_writer_t writer = bridge_writer(place, BRIDGE_OUTPUT_HEADER);
    bridge_put_u16(&writer, engine->cursor.index);
    bridge_put_u16(&writer, (uint16_t)length);
}

/* Read what the UART has, once, into the inbox. */
void bridge_keep(bridge_engine_t *engine, bridge_span_t data, uint64_t at_us)
{
    uint64_t byte_us = bridge_wire_time_us(&engine->uart, 1);
    engine->lost += (uint32_t)bridge_inbox_put(&engine->inbox, data, at_us, byte_us);
}

bridge_error_t bridge_read_port(bridge_engine_t *engine, size_t *got)
{
    uint8_t data[BRIDGE_READ_BYTES];
    uint64_t at_us = 0;
    bridge_error_t error = bridge_port_read(engine->port, data, sizeof(data), got, &at_us);
    if (error == BRIDGE_OK && *got > 0) {
        bridge_keep(engine, (bridge_span_t){data, *got}, at_us);
    }
    return error;
}

/* BRIDGE_OK: the inbox has a byte. BRIDGE_ERR_CLOSED: there is none, and the time is over; the receiver was asked
 * once more then. BRIDGE_WAIT. BRIDGE_ERR_PORT. */
static bridge_error_t hear(bridge_engine_t *engine, uint64_t until_us, uint64_t *wake_us)
{
    if (bridge_inbox_length(&engine->inbox) > 0) {
        return BRIDGE_OK;
    }
    if (engine->is_over) {
        return BRIDGE_ERR_CLOSED;
    }
    engine->is_over = bridge_port_now_us(engine->port) >= until_us;
    size_t got = 0;
    bridge_error_t error = bridge_read_port(engine, &got);
    if (error != BRIDGE_OK || got > 0) {
        return error;
    }
    *wake_us = until_us;
    return engine->is_over ? BRIDGE_ERR_CLOSED : BRIDGE_WAIT;
}

/* What became of `hear` when it gave no byte; silence is the caller's. */
static bridge_step_state_t unheard(bridge_engine_t *engine, bridge_error_t error)
{
    return error == BRIDGE_WAIT ? BRIDGE_STEP_WAITS : bridge_step_fails(engine, error);
}

/* Append to the output what the inbox has, up to `most` bytes in all. */
static void take_output(bridge_engine_t *engine, uint32_t most)
{
    uint64_t at_us;
    bridge_span_t taken;
    while (engine->progress < most &&
           (taken = bridge_inbox_take_some(&engine->inbox, most - engine->progress, 0, &at_us)).length > 0) {
        memcpy(bridge_output_place(engine) + BRIDGE_OUTPUT_HEADER + engine->progress, taken.data, taken.length);
        engine->progress += (uint32_t)taken.length;
    }
    bridge_set_output_length(engine, engine->progress);
}

/* Receive until the output has `most` bytes. */
static bridge_step_state_t fill(bridge_engine_t *engine, uint32_t most, uint32_t within_us, uint64_t *wake_us)
{
    while (engine->progress < most) {
        bridge_error_t error = hear(engine, engine->from_us + within_us, wake_us);
        if (error == BRIDGE_ERR_CLOSED) {
            return bridge_fails(engine, BRIDGE_CAUSE_SILENCE, BRIDGE_NO_GOT);
        }
        if (error != BRIDGE_OK) {
            return unheard(engine, error);
        }
        take_output(engine, most);
    }
    return BRIDGE_STEP_DONE;
}

static bridge_step_state_t receive(bridge_engine_t *engine, uint64_t *wake_us)
{
    return fill(engine, engine->step.as.receive.length, engine->step.as.receive.within_us, wake_us);
}

static bridge_step_state_t receive_counted(bridge_engine_t *engine, uint64_t *wake_us)
{
    const bridge_step_t *step = &engine->step;
    uint32_t count_bytes = step->as.counted.count_bytes;
    if (count_bytes > step->as.counted.cap) {
        return bridge_fails(engine, BRIDGE_CAUSE_CAP, BRIDGE_NO_GOT);
    }
    if (!engine->is_measured) {
        bridge_step_state_t state = fill(engine, count_bytes, step->as.counted.within_us, wake_us);
        if (state != BRIDGE_STEP_DONE) {
            return state;
        }
        const uint8_t *bytes = bridge_output_place(engine) + BRIDGE_OUTPUT_HEADER;
        uint32_t count = count_bytes == 1 ? bytes[0] : (uint32_t)(bytes[0] << 8 | bytes[1]);
        engine->wanted = count_bytes + count + step->as.counted.extra;
        engine->is_measured = true;
        if (engine->wanted > step->as.counted.cap) {
            return bridge_fails(engine, BRIDGE_CAUSE_CAP, count);
        }
    }
    return fill(engine, engine->wanted, step->as.counted.within_us, wake_us);
}

/* After bytes came: wait on for quiet, within the whole time. Whether that is over. */
static bool wait_for_quiet(bridge_engine_t *engine)
{
    uint64_t now_us = bridge_port_now_us(engine->port);
    uint64_t end_us = engine->from_us + engine->step.as.quiet.within_us;
    uint64_t quiet_us = now_us + engine->step.as.quiet.quiet_us;
    engine->until_us = quiet_us < end_us ? quiet_us : end_us;
    engine->is_over = false;
    return now_us >= end_us && bridge_inbox_length(&engine->inbox) == 0;
}

static bridge_step_state_t receive_until_quiet(bridge_engine_t *engine, uint64_t *wake_us)
{
    while (engine->progress < engine->step.as.quiet.cap) {
        bridge_error_t error = hear(engine, engine->until_us, wake_us);
        if (error == BRIDGE_ERR_CLOSED) {
            return BRIDGE_STEP_DONE;
        }
        if (error != BRIDGE_OK) {
            return unheard(engine, error);
        }
        take_output(engine, engine->step.as.quiet.cap);
        if (wait_for_quiet(engine)) {
            return BRIDGE_STEP_DONE;
        }
    }
    return BRIDGE_STEP_DONE;
}

void bridge_tell_dropped(bridge_engine_t *engine)
{
    bridge_set_output_length(engine, BRIDGE_DISCARD_OUTPUT);
    bridge_writer_t writer =
        bridge_writer(bridge_output_place(engine) + BRIDGE_OUTPUT_HEADER, BRIDGE_DISCARD_OUTPUT);
    bridge_put_u32(&writer, engine->progress);
}

static bridge_step_state_t discard(bridge_engine_t *engine, uint64_t *wake_us)
{
    for (;;) {
        bridge_error_t error = hear(engine, engine->until_us, wake_us);
        if (error == BRIDGE_ERR_CLOSED) {
            return BRIDGE_STEP_DONE;
        }
        if (error != BRIDGE_OK) {
            return unheard(engine, error);
        }
        uint64_t at_us;
        bridge_span_t taken;
        while ((taken = bridge_inbox_take_some(&engine->inbox, BRIDGE_INBOX_BYTES, 0, &at_us)).length > 0) {
            uint32_t room = UINT32_MAX - engine->progress;
            engine->progress += taken.length < room ? (uint32_t)taken.length : room;
        }
        bridge_tell_dropped(engine);
        if (wait_for_quiet(engine)) {
            return BRIDGE_STEP_DONE;
        }
    }
}

static bool is_skipped(const bridge_step_t *step, uint8_t byte)
{
    bridge_span_t skip = step->as.expect.skip;
    return skip.length > 0 && memchr(skip.data, byte, skip.length) != NULL;
}

static bridge_step_state_t silent(bridge_engine_t *engine)
{
    const bridge_step_t *step = &engine->step;
    if (step->as.expect.on_silence == BRIDGE_SILENCE_GOES_ON) {
        return BRIDGE_STEP_DONE;
    }
    if (!engine->has_repeated) {
        engine->repeats_left = step->as.expect.repeat_times;
        engine->has_repeated = step->as.expect.on_silence == BRIDGE_SILENCE_REPEATS;
    }
    if (step->as.expect.on_silence == BRIDGE_SILENCE_FAILS || engine->repeats_left == 0) {
        return bridge_fails(engine, BRIDGE_CAUSE_SILENCE, BRIDGE_NO_GOT);
    }
    engine->repeats_left--;
    return BRIDGE_STEP_REPEATS;
}

static void note_arrival(bridge_engine_t *engine, uint64_t at_us)
{
    uint64_t now_us = bridge_port_now_us(engine->port);
    at_us = at_us < now_us ? at_us : now_us;
    engine->arrived_us = at_us > engine->arrived_us ? at_us : engine->arrived_us;
    uint64_t after_us = engine->arrived_us - engine->result.started_us;
    bridge_writer_t writer = bridge_writer(bridge_arrival_place(engine), BRIDGE_ARRIVAL_BYTES);
    bridge_put_u16(&writer, engine->cursor.index);
    bridge_put_u32(&writer, after_us < UINT32_MAX ? (uint32_t)after_us : UINT32_MAX);
}

static bridge_step_state_t expect(bridge_engine_t *engine, uint64_t *wake_us)
{
    const bridge_step_t *step = &engine->step;
    for (;;) {
        bridge_error_t error = hear(engine, engine->from_us + step->as.expect.within_us, wake_us);
        if (error == BRIDGE_ERR_CLOSED) {
            return silent(engine);
        }
        if (error != BRIDGE_OK) {
            return unheard(engine, error);
        }
        uint64_t at_us = 0;
        uint8_t byte = bridge_inbox_take(&engine->inbox, bridge_wire_time_us(&engine->uart, 1), &at_us);
        if (byte == step->as.expect.good) {
            note_arrival(engine, at_us);
            return BRIDGE_STEP_DONE;
        }
        if (!is_skipped(step, byte)) {
            return bridge_fails(engine, BRIDGE_CAUSE_WRONG_BYTE, byte);
        }
    }
}

bridge_step_state_t bridge_perform_reading(bridge_engine_t *engine, uint64_t *wake_us)
{
    switch (engine->step.number) {
    case BRIDGE_STEP_EXPECT:
        return expect(engine, wake_us);
    case BRIDGE_STEP_RECEIVE:
        return receive(engine, wake_us);
    case BRIDGE_STEP_RECEIVE_COUNTED:
        return receive_counted(engine, wake_us);
    case BRIDGE_STEP_RECEIVE_UNTIL_QUIET:
        return receive_until_quiet(engine, wake_us);
    default:
        return discard(engine, wake_us);
    }
}
