/* The UART of a virtual board in this process, on the real clock. */
#include <stdio.h>

#include "host_board.h"

static uint8_t virtual_lines(bridge_port_t *port)
{
    (void)port;
    return BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0;
}

static bridge_error_t virtual_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    *written = virtual_board_transmit(port->board, data, host_now_us(), &port->uart);
    port->wants_write = *written < data.length;
    return BRIDGE_OK;
}

static bridge_error_t virtual_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us)
{
    *got = virtual_board_received(port->board, host_now_us(), data, capacity, at_us);
    port->wants_read = true;
    return BRIDGE_OK;
}

static uint64_t virtual_sent_by_us(bridge_port_t *port)
{
    uint64_t now_us = host_now_us();
    return port->board->to_chip.end_us > now_us ? port->board->to_chip.end_us : now_us;
}

static bridge_error_t virtual_is_sent(bridge_port_t *port, uint64_t *ask_again_us)
{
    *ask_again_us = port->board->to_chip.end_us;
    return host_now_us() >= *ask_again_us ? BRIDGE_OK : BRIDGE_WAIT;
}

static void virtual_drop_unsent(bridge_port_t *port)
{
    virtual_board_drop_unsent(port->board, host_now_us());
}

static bridge_error_t virtual_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    if (uart->rs485 != 0 || uart->data_bits < 7 || uart->data_bits > 9) {
        return BRIDGE_ERR_UNSUPPORTED;
    }
    port->uart = *uart;
    virtual_board_listen(port->board, uart, host_now_us());
    return BRIDGE_OK;
}

static bridge_error_t virtual_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels)
{
    virtual_board_t *board = port->board;
    bool nrst = (mask & BRIDGE_LINE_NRST) != 0 ? (levels & BRIDGE_LINE_NRST) != 0 : board->nrst;
    bool boot0 = (mask & BRIDGE_LINE_BOOT0) != 0 ? (levels & BRIDGE_LINE_BOOT0) != 0 : board->boot0;
    virtual_board_set_lines(board, nrst, boot0, host_now_us());
    return BRIDGE_OK;
}

static bridge_error_t virtual_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels)
{
    *mask = BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0;
    *levels = (uint8_t)((port->board->nrst ? BRIDGE_LINE_NRST : 0) | (port->board->boot0 ? BRIDGE_LINE_BOOT0 : 0));
    return BRIDGE_OK;
}

static bridge_line_errors_t virtual_take_errors(bridge_port_t *port)
{
    bridge_line_errors_t errors = {.framing = port->board->framing, .overrun = port->board->overruns};
    port->board->framing = 0;
    port->board->overruns = 0;
    return errors;
}

static uint64_t virtual_next_us(bridge_port_t *port)
{
    uint64_t next_us = virtual_board_next_us(port->board);
    virtual_burst_t *burst = virtual_wire_front(&port->board->to_chip);
    if (port->wants_write && burst != NULL) { /* room comes with the end of the oldest burst */
        uint64_t room_us = virtual_burst_end_us(burst, burst->length);
        next_us = room_us < next_us ? room_us : next_us;
    }
    return next_us;
}

static void virtual_close(bridge_port_t *port)
{
    virtual_board_free(port->board);
}

static const host_uart_t host_virtual = {
    .lines = virtual_lines,
    .write = virtual_write,
    .read = virtual_read,
    .sent_by_us = virtual_sent_by_us,
    .is_sent = virtual_is_sent,
    .drop_unsent = virtual_drop_unsent,
    .configure = virtual_configure,
    .set_lines = virtual_set_lines,
    .sense = virtual_sense,
    .take_errors = virtual_take_errors,
    .next_us = virtual_next_us,
    .close = virtual_close,
};

bool host_open_virtual(bridge_port_t *port, const char *path)
{
    port->path = path;
    port->kind = &host_virtual;
    port->tty = -1;
    port->uart = (bridge_uart_t){.baud = 115200, .data_bits = 8, .stop_bits = 1};
    port->board = virtual_board_load(path, port->trouble);
    return port->board != NULL;
}
