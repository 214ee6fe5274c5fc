/* The hardware under the core: one UART with its lines, a clock, sockets. Implemented once for each platform.
 *
 * Nothing here blocks. A call that can do nothing now returns BRIDGE_OK with a count of 0, or BRIDGE_WAIT; the port
 * then sees to it that whoever runs `bridge_poll` wakes up when it can. */
#pragma once

#include "bridge_bytes.h"
#include "bridge_step.h"

typedef struct bridge_port bridge_port_t;

typedef struct {
    uint16_t parity;
    uint16_t framing;
    uint16_t overrun;
} bridge_line_errors_t;

/* Microseconds since boot; never goes back. */
uint64_t bridge_port_now_us(bridge_port_t *port);

/* Lines that can be driven, as bits of SetLines. */
uint8_t bridge_port_lines(bridge_port_t *port);

/* Hand bytes to the transmitter; it may take fewer. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written);

/* Take received bytes, and when the first of them came. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us);

/* When the last stop bit of what was written leaves or has left, as well as that is known ahead. */
uint64_t bridge_port_sent_by_us(bridge_port_t *port);

/* BRIDGE_OK when the last stop bit has left; BRIDGE_WAIT, and when to ask again; BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_is_sent(bridge_port_t *port, uint64_t *ask_again_us);

/* Forget what was written and has not left; a byte being sent is finished. */
void bridge_port_drop_unsent(bridge_port_t *port);

/* Set the UART; what was sent has left. BRIDGE_ERR_UNSUPPORTED changes nothing; BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart);

/* Drive the lines of `mask`, all of which are there, together. */
bridge_error_t bridge_port_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels);

/* Which lines can be read back, and which of those are high. */
bridge_error_t bridge_port_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels);

/* The receiver's complaints since the last call. */
bridge_line_errors_t bridge_port_take_errors(bridge_port_t *port);

/* Sockets are numbers of the port's own. Accept: BRIDGE_WAIT when nobody waits. */
bridge_error_t bridge_port_accept(bridge_port_t *port, int *sock);
/* BRIDGE_ERR_CLOSED when the peer has closed or the connection broke. */
bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got);
bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent);
/* Say that nothing more will be sent. */
void bridge_port_finish(bridge_port_t *port, int sock);
void bridge_port_close(bridge_port_t *port, int sock);
