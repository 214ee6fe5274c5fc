/* One direction of a virtual UART, and a receiver at its end, as simulator/stmota_simulator/wire.py and receiver.py
 * have them: whole microseconds, bytes that follow back to back form a burst.
 *
 * Not as there: a receiver that is set differently from the sender gets no byte and a framing error for each, where the
 * Python board samples bits and gets garbage. */
#pragma once

#include "bridge_step.h"

#define VIRTUAL_BURST_BYTES 1100U /* the longest EXTENDED ERASE, 511 pages: 1025 */
#define VIRTUAL_BURSTS 32U
#define VIRTUAL_ALL SIZE_MAX

typedef struct {
    uint64_t start_us; /* when the first start bit begins */
    bridge_uart_t uart;
    size_t length;
    uint8_t data[VIRTUAL_BURST_BYTES];
} virtual_burst_t;

typedef struct {
    virtual_burst_t bursts[VIRTUAL_BURSTS];
    size_t first;
    size_t count;
    uint64_t end_us; /* when the last stop bit sent so far ends */
} virtual_wire_t;

typedef struct {
    virtual_wire_t *wire;
    bridge_uart_t uart;
    uint64_t ready_us;
    size_t taken; /* bytes of the wire's first burst that are passed */
} virtual_receiver_t;

/* Put bytes on the wire, at a time or behind what is on it; how many found room. */
size_t virtual_wire_send(virtual_wire_t *wire, bridge_span_t data, uint64_t at_us, const bridge_uart_t *uart);
/* Take back the bytes that have not begun by a time. */
void virtual_wire_cut(virtual_wire_t *wire, uint64_t at_us);
/* Drop what has ended by a time: nobody listens. */
void virtual_wire_forget(virtual_wire_t *wire, uint64_t at_us);
virtual_burst_t *virtual_wire_front(virtual_wire_t *wire);
/* When the last stop bit of the first `count` bytes ends. */
uint64_t virtual_burst_end_us(const virtual_burst_t *burst, size_t count);

/* From `from_us` on; bytes that were complete before are not for it. */
virtual_receiver_t virtual_receiver(virtual_wire_t *wire, const bridge_uart_t *uart, uint64_t from_us);
bool virtual_receiver_is_set(const virtual_receiver_t *receiver, const bridge_uart_t *uart);
/* Take bytes that follow back to back and are complete by a time, at most so many; 0: there are none. `framing` grows
 * by those that came out wrong. */
size_t virtual_receiver_hear(virtual_receiver_t *receiver, uint64_t until_us, uint8_t *data, size_t most,
                             uint64_t *first_us, uint64_t *last_us, uint16_t *framing);
/* When so many more bytes will be there; UINT64_MAX if they are not on the wire. Not later than that where sender and
 * receiver are set differently. */
uint64_t virtual_receiver_due_us(virtual_receiver_t *receiver, size_t count);
/* When the next bytes of one burst, at most so many, will be there. */
uint64_t virtual_receiver_run_due_us(virtual_receiver_t *receiver, size_t most);
