#include "bridge_message.h"

/* R8, and what a result may not say of itself. */
static bool contradicts_itself(const bridge_result_t *result)
{
    bool has_step = result->failed_step != BRIDGE_NO_STEP;
    bool has_cause = result->cause != BRIDGE_CAUSE_NONE;
    switch (result->outcome) {
    case BRIDGE_FAILED:
        return !has_step || !has_cause;
    case BRIDGE_DONE:
    case BRIDGE_SKIPPED:
        return has_step || has_cause;
    default:
        return result->outcome != BRIDGE_ABORTED;
    }
}

/* Pass over `count` outputs or arrivals, whose steps increase; return where they lie. */
static bridge_span_t get_list(bridge_reader_t *reader, uint16_t count, bool is_outputs)
{
    size_t start = reader->at;
    int32_t before = -1;
    for (uint16_t i = 0; i < count && !reader->is_wrong; i++) {
        int32_t step = bridge_get_u16(reader);
        if (step <= before) {
            reader->is_wrong = true;
        }
        before = step;
        size_t length = is_outputs ? bridge_get_u16(reader) : sizeof(uint32_t);
        (void)bridge_get_span(reader, length);
    }
    return (bridge_span_t){reader->data + start, reader->at - start};
}

void bridge_get_result(bridge_reader_t *reader, bridge_result_t *result)
{
    result->run = bridge_get_u32(reader);
    result->number = bridge_get_u32(reader);
    result->outcome = bridge_get_u8(reader);
    result->failed_step = bridge_get_u16(reader);
    result->cause = bridge_get_u8(reader);
    result->got = bridge_get_u32(reader);
    result->started_us = bridge_get_u64(reader);
    result->ended_us = bridge_get_u64(reader);
    result->parity_errors = bridge_get_u16(reader);
    result->framing_errors = bridge_get_u16(reader);
    result->overrun_errors = bridge_get_u16(reader);
    result->residue_lost = bridge_get_u32(reader);
    size_t residue_length = bridge_get_u8(reader);
    result->output_count = bridge_get_u16(reader);
    result->arrival_count = bridge_get_u16(reader);
    result->residue = bridge_get_span(reader, residue_length);
    result->outputs = get_list(reader, result->output_count, true);
    result->arrivals = get_list(reader, result->arrival_count, false);
    if (residue_length > BRIDGE_MAX_RESIDUE || contradicts_itself(result)) {
        reader->is_wrong = true;
    }
}

void bridge_put_result_fields(bridge_writer_t *writer, const bridge_result_t *result)
{
    bridge_put_u32(writer, result->run);
    bridge_put_u32(writer, result->number);
    bridge_put_u8(writer, result->outcome);
    bridge_put_u16(writer, result->failed_step);
    bridge_put_u8(writer, result->cause);
    bridge_put_u32(writer, result->got);
    bridge_put_u64(writer, result->started_us);
    bridge_put_u64(writer, result->ended_us);
    bridge_put_u16(writer, result->parity_errors);
    bridge_put_u16(writer, result->framing_errors);
    bridge_put_u16(writer, result->overrun_errors);
    bridge_put_u32(writer, result->residue_lost);
    bridge_put_u8(writer, (uint8_t)result->residue.length);
    bridge_put_u16(writer, result->output_count);
    bridge_put_u16(writer, result->arrival_count);
}

void bridge_put_result(bridge_writer_t *writer, const bridge_result_t *result)
{
    bridge_put_result_fields(writer, result);
    bridge_put_span(writer, result->residue);
    bridge_put_span(writer, result->outputs);
    bridge_put_span(writer, result->arrivals);
}
