/* How a step begins, and what the steps mean that do more than read. */
#include "bridge_perform.h"

#define MOST_READS 64U /* more than any port buffers: a line that is stuck does not hold up the batch for ever */

/* Put aside what came before a Send with echo: it is no echo, and stays for the next step that reads (R35). */
static bridge_error_t keep_received(bridge_engine_t *engine)
{
    size_t got = 1;
    bridge_error_t error = BRIDGE_OK;
    for (unsigned int i = 0; i < MOST_READS && got > 0 && error == BRIDGE_OK; i++) {
        got = 0;
        error = bridge_read_port(engine, &got);
    }
    return error;
}

static bridge_step_state_t compare_echo(bridge_engine_t *engine, bridge_span_t heard, uint64_t at_us)
{
    bridge_span_t sent = engine->step.as.send;
    uint64_t byte_us = bridge_wire_time_us(&engine->uart, 1);
    for (size_t i = 0; i < heard.length; i++) {
        bridge_span_t rest = {heard.data + i + 1, heard.length - i - 1};
        if (engine->echoed == sent.length) {
            bridge_keep(engine, (bridge_span_t){heard.data + i, heard.length - i}, at_us + i * byte_us);
            return BRIDGE_STEP_DONE;
        }
        if (heard.data[i] != sent.data[engine->echoed]) {
            bridge_keep(engine, rest, at_us + (i + 1) * byte_us);
            return bridge_fails(engine, BRIDGE_CAUSE_ECHO, heard.data[i]);
        }
        engine->echoed++;
    }
    return engine->echoed == sent.length ? BRIDGE_STEP_DONE : BRIDGE_STEP_WAITS;
}

/* Take exactly what is sent from what the line returns (R40). */
static bridge_step_state_t swallow_echo(bridge_engine_t *engine, uint64_t *wake_us)
{
    for (;;) {
        uint8_t data[BRIDGE_READ_BYTES];
        uint64_t at_us = 0;
        size_t got = 0;
        bool is_over = bridge_port_now_us(engine->port) >= engine->until_us;
        bridge_error_t error = bridge_port_read(engine->port, data, sizeof(data), &got, &at_us);
        if (error != BRIDGE_OK) {
            return bridge_step_fails(engine, error);
        }
        bridge_step_state_t state = compare_echo(engine, (bridge_span_t){data, got}, at_us);
        if (state != BRIDGE_STEP_WAITS) {
            return state;
        }
        if (got == 0 && is_over) {
            return bridge_fails(engine, BRIDGE_CAUSE_ECHO, BRIDGE_NO_GOT);
        }
        if (got == 0) {
            *wake_us = engine->until_us;
            return BRIDGE_STEP_WAITS;
        }
    }
}

static bridge_step_state_t send(bridge_engine_t *engine, uint64_t *wake_us)
{
    bridge_span_t data = engine->step.as.send;
    while (engine->progress < data.length) {
        size_t written = 0;
        bridge_span_t rest = {data.data + engine->progress, data.length - engine->progress};
        bridge_error_t error = bridge_port_write(engine->port, rest, &written);
        if (error != BRIDGE_OK) {
            return bridge_step_fails(engine, error);
        }
        engine->progress += (uint32_t)written;
        engine->is_sending = true;
        if (engine->progress == data.length) {
            engine->until_us = bridge_port_sent_by_us(engine->port) + BRIDGE_ECHO_WITHIN_US;
        } else if (written == 0) {
            return engine->uart.has_echo ? swallow_echo(engine, wake_us) : BRIDGE_STEP_WAITS;
        }
    }
    return engine->uart.has_echo && data.length > 0 ? swallow_echo(engine, wake_us) : BRIDGE_STEP_DONE;
}

static bridge_step_state_t outcome_of(bridge_engine_t *engine, bridge_error_t error)
{
    return error == BRIDGE_OK ? BRIDGE_STEP_DONE : bridge_step_fails(engine, error);
}

static bridge_step_state_t set_lines(bridge_engine_t *engine)
{
    uint8_t mask = engine->step.as.lines.mask;
    if ((mask & ~bridge_port_lines(engine->port)) != 0) {
        return bridge_step_fails(engine, BRIDGE_ERR_UNSUPPORTED);
    }
    return outcome_of(engine, bridge_port_set_lines(engine->port, mask, engine->step.as.lines.levels & mask));
}

static bridge_step_state_t sense(bridge_engine_t *engine)
{
    uint8_t *output = bridge_output_place(engine) + BRIDGE_OUTPUT_HEADER;
    bridge_error_t error = bridge_port_sense(engine->port, &output[0], &output[1]);
    if (error == BRIDGE_OK) {
        bridge_set_output_length(engine, BRIDGE_SENSE_OUTPUT);
    }
    return outcome_of(engine, error);
}

static bridge_step_state_t wait(bridge_engine_t *engine, uint64_t *wake_us)
{
    *wake_us = engine->from_us + engine->step.as.wait_us;
    return bridge_port_now_us(engine->port) >= *wake_us ? BRIDGE_STEP_DONE : BRIDGE_STEP_WAITS;
}

static bridge_step_state_t configure(bridge_engine_t *engine)
{
    bridge_error_t error = bridge_port_configure(engine->port, &engine->step.as.configure);
    if (error == BRIDGE_OK) {
        engine->uart = engine->step.as.configure;
    }
    return outcome_of(engine, error);
}

/* A step that runs again replaces its output and its arrival (R39). */
static bridge_error_t begin(bridge_engine_t *engine)
{
    engine->has_begun = true;
    engine->is_over = false;
    engine->is_measured = false;
    engine->progress = 0;
    engine->echoed = 0;
    engine->until_us = UINT64_MAX;
    switch (engine->step.number) {
    case BRIDGE_STEP_EXPECT:
        bridge_arrival_place(engine)[0] = BRIDGE_NO_STEP & 0xFFU;
        bridge_arrival_place(engine)[1] = BRIDGE_NO_STEP >> 8;
        break;
    case BRIDGE_STEP_DISCARD:
        bridge_tell_dropped(engine);
        engine->until_us = engine->from_us + (engine->step.as.quiet.quiet_us < engine->step.as.quiet.within_us
                                                  ? engine->step.as.quiet.quiet_us
                                                  : engine->step.as.quiet.within_us);
        break;
    case BRIDGE_STEP_RECEIVE_UNTIL_QUIET:
        engine->until_us = engine->from_us + engine->step.as.quiet.within_us;
        bridge_set_output_length(engine, 0);
        break;
    case BRIDGE_STEP_RECEIVE:
    case BRIDGE_STEP_RECEIVE_COUNTED:
    case BRIDGE_STEP_SENSE:
        bridge_set_output_length(engine, 0);
        break;
    case BRIDGE_STEP_SEND:
        return engine->uart.has_echo ? keep_received(engine) : BRIDGE_OK;
    default:
        break;
    }
    return BRIDGE_OK;
}

bridge_step_state_t bridge_perform(bridge_engine_t *engine, uint64_t *wake_us)
{
    if (!engine->has_begun) {
        bridge_error_t error = begin(engine);
        if (error != BRIDGE_OK) {
            return bridge_step_fails(engine, error);
        }
    }
    switch (engine->step.number) {
    case BRIDGE_STEP_SEND:
        return send(engine, wake_us);
    case BRIDGE_STEP_SET_LINES:
        return set_lines(engine);
    case BRIDGE_STEP_SENSE:
        return sense(engine);
    case BRIDGE_STEP_WAIT:
        return wait(engine, wake_us);
    case BRIDGE_STEP_CONFIGURE:
        return configure(engine);
    default:
        return bridge_perform_reading(engine, wake_us);
    }
}
