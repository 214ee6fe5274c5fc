/* How far ahead the UART's FIFO is filled, and when to go on; what interrupts are raised for. Pure C, no ESP header. */
#pragma once

#include "bridge_step.h"

#define PORT_NOT_DUE UINT64_MAX

typedef struct {
    bridge_uart_t uart;
    uint32_t byte_ns;
    size_t burst_bytes;  /* received bytes that raise an interrupt */
    uint32_t silence_us; /* and the silence that does: one character */
    size_t most_waiting; /* bytes that wait in the FIFO at most */
    uint64_t sent_ns;    /* when the last stop bit leaves, reckoned; in microseconds many small pieces would add up wrong */
    uint64_t room_us;    /* when to write again; PORT_NOT_DUE: nobody waits for that */
} port_pace_t;

void port_pace_set(port_pace_t *pace, const bridge_uart_t *uart);
/* When the last stop bit leaves, or left. */
uint64_t port_pace_sent_us(const port_pace_t *pace);
/* How many bytes may be written now. */
size_t port_pace_room(const port_pace_t *pace, uint64_t now_us);
/* So many were written, of so many that were to be. */
void port_pace_wrote(port_pace_t *pace, uint64_t now_us, size_t written, size_t wanted);
/* When to write again. What is due is told once: a core that wants no more would be woken for ever. */
uint64_t port_pace_due(port_pace_t *pace, uint64_t now_us);
