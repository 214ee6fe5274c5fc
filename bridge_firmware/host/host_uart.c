/* The UART's part of bridge_port.h, by its kind. */
#include "host_board.h"

uint8_t bridge_port_lines(bridge_port_t *port)
{
    return port->kind->lines(port);
}

bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    return port->kind->write(port, data, written);
}

bridge_error_t bridge_port_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us)
{
    return port->kind->read(port, data, capacity, got, at_us);
}

uint64_t bridge_port_sent_by_us(bridge_port_t *port)
{
    return port->kind->sent_by_us(port);
}

bridge_error_t bridge_port_is_sent(bridge_port_t *port, uint64_t *ask_again_us)
{
    return port->kind->is_sent(port, ask_again_us);
}

void bridge_port_drop_unsent(bridge_port_t *port)
{
    port->kind->drop_unsent(port);
}

bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    return port->kind->configure(port, uart);
}

bridge_error_t bridge_port_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels)
{
    return port->kind->set_lines(port, mask, levels);
}

bridge_error_t bridge_port_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels)
{
    return port->kind->sense(port, mask, levels);
}

bridge_line_errors_t bridge_port_take_errors(bridge_port_t *port)
{
    return port->kind->take_errors(port);
}
