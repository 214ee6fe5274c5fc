#include "bridge_step.h"

static void put_expect(bridge_writer_t *writer, const bridge_step_t *step)
{
    bridge_put_u8(writer, step->as.expect.good);
    bridge_put_u32(writer, step->as.expect.within_us);
    bridge_put_u8(writer, step->as.expect.on_silence);
    bridge_put_u16(writer, step->as.expect.repeat_back);
    bridge_put_u16(writer, step->as.expect.repeat_times);
    bridge_put_span(writer, step->as.expect.skip);
}

static void put_counted(bridge_writer_t *writer, const bridge_step_t *step)
{
    bridge_put_u8(writer, step->as.counted.count_bytes);
    bridge_put_u16(writer, step->as.counted.extra);
    bridge_put_u16(writer, step->as.counted.cap);
    bridge_put_u32(writer, step->as.counted.within_us);
}

static void put_receiving(bridge_writer_t *writer, const bridge_step_t *step)
{
    if (step->number == BRIDGE_STEP_RECEIVE) {
        bridge_put_u16(writer, step->as.receive.length);
        bridge_put_u32(writer, step->as.receive.within_us);
        return;
    }
    bridge_put_u32(writer, step->as.quiet.quiet_us);
    if (step->number == BRIDGE_STEP_RECEIVE_UNTIL_QUIET) {
        bridge_put_u16(writer, step->as.quiet.cap);
    }
    bridge_put_u32(writer, step->as.quiet.within_us);
}

static void put_configure(bridge_writer_t *writer, const bridge_uart_t *uart)
{
    bridge_put_u32(writer, uart->baud);
    bridge_put_u8(writer, uart->data_bits);
    bridge_put_u8(writer, uart->parity);
    bridge_put_u8(writer, uart->stop_bits);
    bridge_put_u8(writer, uart->rs485);
    bridge_put_u8(writer, uart->has_echo ? 1 : 0);
}

static void put_arguments(bridge_writer_t *writer, const bridge_step_t *step)
{
    switch (step->number) {
    case BRIDGE_STEP_SEND:
        bridge_put_span(writer, step->as.send);
        break;
    case BRIDGE_STEP_EXPECT:
        put_expect(writer, step);
        break;
    case BRIDGE_STEP_RECEIVE:
    case BRIDGE_STEP_RECEIVE_UNTIL_QUIET:
    case BRIDGE_STEP_DISCARD:
        put_receiving(writer, step);
        break;
    case BRIDGE_STEP_RECEIVE_COUNTED:
        put_counted(writer, step);
        break;
    case BRIDGE_STEP_SET_LINES:
        bridge_put_u8(writer, step->as.lines.mask);
        bridge_put_u8(writer, step->as.lines.levels);
        break;
    case BRIDGE_STEP_WAIT:
        bridge_put_u32(writer, step->as.wait_us);
        break;
    case BRIDGE_STEP_CONFIGURE:
        put_configure(writer, &step->as.configure);
        break;
    default:
        break;
    }
}

void bridge_put_step(bridge_writer_t *writer, const bridge_step_t *step)
{
    bridge_put_u8(writer, step->number);
    bridge_put_u16(writer, (uint16_t)step->arguments.length);
    if (step->is_understood) {
        put_arguments(writer, step);
    } else {
        bridge_put_span(writer, step->arguments);
    }
}
