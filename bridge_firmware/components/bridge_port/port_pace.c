#include "port_pace.h"

#define EVERY_BYTE_BAUD 115200U /* 11520 interrupts a second are no burden, 92160 would be */
#define BURST_US 350U           /* above that: less than half of a FIFO at 3 Mbaud */
#define MOST_BURST_BYTES 64U    /* half of the FIFO is left for the interrupt's delay */
#define AHEAD_US 400U         /* what an Abort cannot take back; half of it is for the engine to be late */
#define MOST_AHEAD_BYTES 120U /* the FIFO has 128 */
#define LEAST_AHEAD_BYTES 2U  /* one leaves, one waits */

static uint32_t character_bits(const bridge_uart_t *uart)
{
    return 1U + uart->data_bits + (uart->parity != 0 ? 1U : 0U) + uart->stop_bits;
}

static size_t bytes_in(const port_pace_t *pace, uint32_t span_us, size_t least, size_t most)
{
    size_t bytes = (size_t)((uint64_t)span_us * 1000U / pace->byte_ns);
    return bytes < least ? least : bytes < most ? bytes : most;
}

void port_pace_set(port_pace_t *pace, const bridge_uart_t *uart)
{
    pace->uart = *uart;
    pace->byte_ns = (uint32_t)(((uint64_t)character_bits(uart) * 1000000000U + uart->baud - 1U) / uart->baud);
    pace->silence_us = pace->byte_ns / 1000U;
    pace->most_waiting = bytes_in(pace, AHEAD_US, LEAST_AHEAD_BYTES, MOST_AHEAD_BYTES);
    pace->burst_bytes = uart->baud <= EVERY_BYTE_BAUD ? 1U : bytes_in(pace, BURST_US, 1U, MOST_BURST_BYTES);
    pace->room_us = PORT_NOT_DUE;
}

uint64_t port_pace_sent_us(const port_pace_t *pace)
{
    return (pace->sent_ns + 999U) / 1000U;
}

size_t port_pace_room(const port_pace_t *pace, uint64_t now_us)
{
    uint64_t now_ns = now_us * 1000U;
    uint64_t left_ns = pace->sent_ns > now_ns ? pace->sent_ns - now_ns : 0;
    size_t waiting = (size_t)((left_ns + pace->byte_ns - 1U) / pace->byte_ns);
    return waiting < pace->most_waiting ? pace->most_waiting - waiting : 0;
}

void port_pace_wrote(port_pace_t *pace, uint64_t now_us, size_t written, size_t wanted)
{
    /* When half of it has left: it does not run dry before it is filled again. */
    uint64_t half_ns = (uint64_t)(pace->most_waiting / 2U) * pace->byte_ns;
    if (written > 0) {
        pace->sent_ns = pace->sent_ns > now_us * 1000U ? pace->sent_ns : now_us * 1000U;
        pace->sent_ns += (uint64_t)written * pace->byte_ns;
    }
    pace->room_us = written == wanted ? PORT_NOT_DUE : pace->sent_ns > half_ns ? (pace->sent_ns - half_ns) / 1000U : 0;
}

uint64_t port_pace_due(port_pace_t *pace, uint64_t now_us)
{
    if (pace->room_us <= now_us) {
        pace->room_us = PORT_NOT_DUE;
        return now_us;
    }
    return pace->room_us;
}
