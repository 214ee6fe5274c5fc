#include "bridge_step.h"

#define EXPECT_FIXED 10U

static void decode_expect(bridge_reader_t *reader, bridge_step_t *step)
{
    step->as.expect.good = bridge_get_u8(reader);
    step->as.expect.within_us = bridge_get_u32(reader);
    step->as.expect.on_silence = bridge_get_u8(reader);
    step->as.expect.repeat_back = bridge_get_u16(reader);
    step->as.expect.repeat_times = bridge_get_u16(reader);
    step->as.expect.skip = bridge_get_span(reader, reader->length - reader->at);
    step->is_understood = step->as.expect.on_silence <= BRIDGE_SILENCE_REPEATS &&
                          step->as.expect.skip.length <= BRIDGE_MAX_SKIP;
}

static void decode_counted(bridge_reader_t *reader, bridge_step_t *step)
{
    step->as.counted.count_bytes = bridge_get_u8(reader);
    step->as.counted.extra = bridge_get_u16(reader);
    step->as.counted.cap = bridge_get_u16(reader);
    step->as.counted.within_us = bridge_get_u32(reader);
    step->is_understood = step->as.counted.count_bytes == 1 || step->as.counted.count_bytes == 2;
}

static void decode_configure(bridge_reader_t *reader, bridge_step_t *step)
{
    bridge_uart_t *uart = &step->as.configure;
    uart->baud = bridge_get_u32(reader);
    uart->data_bits = bridge_get_u8(reader);
    uart->parity = bridge_get_u8(reader);
    uart->stop_bits = bridge_get_u8(reader);
    uart->rs485 = bridge_get_u8(reader);
    uint8_t echo = bridge_get_u8(reader);
    uart->has_echo = echo == 1;
    step->is_understood = uart->baud > 0 && uart->parity <= 2 && uart->stop_bits >= 1 &&
                          uart->stop_bits <= 2 && uart->rs485 <= 2 && echo <= 1;
}

static void decode_receiving(bridge_reader_t *reader, bridge_step_t *step)
{
    if (step->number == BRIDGE_STEP_RECEIVE) {
        step->as.receive.length = bridge_get_u16(reader);
        step->as.receive.within_us = bridge_get_u32(reader);
        return;
    }
    step->as.quiet.quiet_us = bridge_get_u32(reader);
    step->as.quiet.cap = step->number == BRIDGE_STEP_DISCARD ? 0 : bridge_get_u16(reader);
    step->as.quiet.within_us = bridge_get_u32(reader);
}

static void decode_fields(bridge_reader_t *reader, bridge_step_t *step)
{
    step->is_understood = true;
    switch (step->number) {
    case BRIDGE_STEP_SEND:
        step->as.send = bridge_get_span(reader, reader->length);
        break;
    case BRIDGE_STEP_EXPECT:
        decode_expect(reader, step);
        break;
    case BRIDGE_STEP_RECEIVE:
    case BRIDGE_STEP_RECEIVE_UNTIL_QUIET:
    case BRIDGE_STEP_DISCARD:
        decode_receiving(reader, step);
        break;
    case BRIDGE_STEP_RECEIVE_COUNTED:
        decode_counted(reader, step);
        break;
    case BRIDGE_STEP_SET_LINES:
        step->as.lines.mask = bridge_get_u8(reader);
        step->as.lines.levels = bridge_get_u8(reader);
        break;
    case BRIDGE_STEP_SENSE:
        break;
    case BRIDGE_STEP_WAIT:
        step->as.wait_us = bridge_get_u32(reader);
        break;
    case BRIDGE_STEP_CONFIGURE:
        decode_configure(reader, step);
        break;
    default:
        step->is_understood = false;
        break;
    }
}

bridge_steps_t bridge_steps(bridge_span_t steps, uint16_t count)
{
    return (bridge_steps_t){.reader = bridge_reader(steps.data, steps.length), .count = count};
}

/* R39: an Expect repeats from a step of its batch, and only one of a batch does. */
static bool may_repeat(bridge_steps_t *steps, const bridge_step_t *step)
{
    if (step->number != BRIDGE_STEP_EXPECT || step->as.expect.on_silence != BRIDGE_SILENCE_REPEATS) {
        return true;
    }
    uint16_t back = step->as.expect.repeat_back;
    if (steps->has_repeat || back < 1 || back > steps->index) {
        return false;
    }
    steps->has_repeat = true;
    return true;
}

bridge_error_t bridge_next_step(bridge_steps_t *steps, bridge_step_t *step)
{
    if (steps->index == steps->count) {
        return BRIDGE_WAIT;
    }
    *step = (bridge_step_t){.number = bridge_get_u8(&steps->reader)};
    size_t length = bridge_get_u16(&steps->reader);
    step->arguments = bridge_get_span(&steps->reader, length);
    if (steps->reader.is_wrong) {
        return BRIDGE_ERR_MALFORMED;
    }
    bridge_reader_t reader = bridge_reader(step->arguments.data, step->arguments.length);
    decode_fields(&reader, step);
    if (reader.is_wrong || reader.at != reader.length) {
        step->is_understood = false;
    }
    step->is_understood = step->is_understood && may_repeat(steps, step);
    steps->index++;
    return BRIDGE_OK;
}

size_t bridge_output_room(const bridge_step_t *step)
{
    if (!step->is_understood) {
        return 0;
    }
    switch (step->number) {
    case BRIDGE_STEP_RECEIVE:
        return BRIDGE_OUTPUT_HEADER + (size_t)step->as.receive.length;
    case BRIDGE_STEP_RECEIVE_COUNTED:
        return BRIDGE_OUTPUT_HEADER + (size_t)step->as.counted.cap;
    case BRIDGE_STEP_RECEIVE_UNTIL_QUIET:
        return BRIDGE_OUTPUT_HEADER + (size_t)step->as.quiet.cap;
    case BRIDGE_STEP_DISCARD:
        return BRIDGE_OUTPUT_HEADER + BRIDGE_DISCARD_OUTPUT;
    case BRIDGE_STEP_SENSE:
        return BRIDGE_OUTPUT_HEADER + BRIDGE_SENSE_OUTPUT;
    default:
        return 0;
    }
}

bridge_error_t bridge_measure(bridge_span_t span, uint16_t count, bridge_measure_t *measure)
{
    *measure = (bridge_measure_t){.not_understood = BRIDGE_NO_STEP};
    bridge_steps_t steps = bridge_steps(span, count);
    bridge_step_t step;
    bridge_error_t error;
    while ((error = bridge_next_step(&steps, &step)) == BRIDGE_OK) {
        measure->output_bytes += bridge_output_room(&step);
        if (!step.is_understood && measure->not_understood == BRIDGE_NO_STEP) {
            measure->not_understood = (uint16_t)(steps.index - 1U);
        }
        if (step.is_understood && step.number == BRIDGE_STEP_EXPECT) {
            measure->arrivals++;
        }
    }
    measure->request_bytes = BRIDGE_REQUEST_FIXED + steps.reader.at;
    measure->result_bytes =
        BRIDGE_RESULT_BARE + measure->output_bytes + (size_t)measure->arrivals * BRIDGE_ARRIVAL_BYTES;
    return error == BRIDGE_WAIT ? BRIDGE_OK : error;
}

size_t bridge_charge(const bridge_measure_t *measure)
{
    return measure->request_bytes > measure->result_bytes ? measure->request_bytes : measure->result_bytes;
}

uint64_t bridge_wire_time_us(const bridge_uart_t *uart, size_t length)
{
    uint64_t bits = 1ULL + uart->data_bits + (uart->parity != 0 ? 1U : 0U) + uart->stop_bits;
    return ((uint64_t)length * bits * 1000000U + uart->baud - 1U) / uart->baud;
}
