#include "virtual_wire.h"

#include <string.h>

#define TOLERANCE_PER_MILLE 25U /* AN3155 section 2.1, AN2606: less than 2.5 % */

static virtual_burst_t *burst_at(virtual_wire_t *wire, size_t index)
{
    return &wire->bursts[(wire->first + index) % VIRTUAL_BURSTS];
}

virtual_burst_t *virtual_wire_front(virtual_wire_t *wire)
{
    return wire->count > 0 ? burst_at(wire, 0) : NULL;
}

static void pop(virtual_wire_t *wire)
{
    wire->first = (wire->first + 1) % VIRTUAL_BURSTS;
    wire->count--;
}

uint64_t virtual_burst_end_us(const virtual_burst_t *burst, size_t count)
{
    return burst->start_us + bridge_wire_time_us(&burst->uart, count);
}

static size_t complete_by(const virtual_burst_t *burst, uint64_t at_us)
{
    if (at_us <= burst->start_us) {
        return 0;
    }
    const bridge_uart_t *uart = &burst->uart;
    uint64_t bits = 1ULL + uart->data_bits + (uart->parity != 0 ? 1U : 0U) + uart->stop_bits;
    uint64_t count = (at_us - burst->start_us) * uart->baud / (bits * 1000000U);
    return count < burst->length ? (size_t)count : burst->length;
}

size_t virtual_wire_send(virtual_wire_t *wire, bridge_span_t data, uint64_t at_us, const bridge_uart_t *uart)
{
    if (data.length == 0 || wire->count == VIRTUAL_BURSTS) {
        return 0;
    }
    virtual_burst_t *burst = burst_at(wire, wire->count++);
    burst->start_us = at_us > wire->end_us ? at_us : wire->end_us;
    burst->uart = *uart;
    burst->length = data.length < VIRTUAL_BURST_BYTES ? data.length : VIRTUAL_BURST_BYTES;
    memcpy(burst->data, data.data, burst->length);
    wire->end_us = virtual_burst_end_us(burst, burst->length);
    return burst->length;
}

void virtual_wire_cut(virtual_wire_t *wire, uint64_t at_us)
{
    uint64_t end_us = at_us;
    size_t kept = 0;
    for (; kept < wire->count; kept++) {
        virtual_burst_t *burst = burst_at(wire, kept);
        size_t begun = complete_by(burst, at_us);
        begun += begun < burst->length && virtual_burst_end_us(burst, begun) < at_us ? 1U : 0U;
        if (begun == 0) {
            break;
        }
        burst->length = begun;
        end_us = virtual_burst_end_us(burst, begun);
    }
    wire->count = kept;
    end_us = end_us > at_us ? end_us : at_us;
    wire->end_us = wire->end_us < end_us ? wire->end_us : end_us;
}

void virtual_wire_forget(virtual_wire_t *wire, uint64_t at_us)
{
    while (wire->count > 0 && virtual_burst_end_us(burst_at(wire, 0), burst_at(wire, 0)->length) <= at_us) {
        pop(wire);
    }
}

virtual_receiver_t virtual_receiver(virtual_wire_t *wire, const bridge_uart_t *uart, uint64_t from_us)
{
    virtual_receiver_t receiver = {.wire = wire, .uart = *uart, .ready_us = from_us};
    virtual_wire_forget(wire, from_us);
    receiver.taken = wire->count > 0 ? complete_by(burst_at(wire, 0), from_us) : 0;
    return receiver;
}

bool virtual_receiver_is_set(const virtual_receiver_t *receiver, const bridge_uart_t *uart)
{
    const bridge_uart_t *ours = &receiver->uart;
    return ours->baud == uart->baud && ours->data_bits == uart->data_bits && ours->parity == uart->parity &&
           ours->stop_bits == uart->stop_bits;
}

static bool agrees(const virtual_receiver_t *receiver, const virtual_burst_t *burst)
{
    const bridge_uart_t *theirs = &burst->uart;
    const bridge_uart_t *ours = &receiver->uart;
    uint64_t off = theirs->baud > ours->baud ? theirs->baud - ours->baud : ours->baud - theirs->baud;
    bool is_near = off * 1000U <= (uint64_t)ours->baud * TOLERANCE_PER_MILLE;
    return is_near && theirs->data_bits == ours->data_bits && theirs->parity == ours->parity;
}

/* Pass by what does not come out whole; the burst that can be taken from, or NULL. */
static virtual_burst_t *align(virtual_receiver_t *receiver, uint64_t until_us, uint16_t *framing)
{
    virtual_wire_t *wire = receiver->wire;
    while (wire->count > 0) {
        virtual_burst_t *burst = burst_at(wire, 0);
        bool is_heard = agrees(receiver, burst);
        if (is_heard && virtual_burst_end_us(burst, receiver->taken) < receiver->ready_us) {
            receiver->taken++; /* it was on its way when the receiver began */
        }
        if (is_heard && receiver->taken < burst->length) {
            return burst;
        }
        if (virtual_burst_end_us(burst, burst->length) > until_us) {
            return NULL;
        }
        *framing = bridge_count_up(*framing, is_heard ? 0U : (uint32_t)(burst->length - receiver->taken));
        pop(wire);
        receiver->taken = 0;
    }
    return NULL;
}

size_t virtual_receiver_hear(virtual_receiver_t *receiver, uint64_t until_us, uint8_t *data, size_t most,
                             uint64_t *first_us, uint64_t *last_us, uint16_t *framing)
{
    virtual_burst_t *burst = align(receiver, until_us, framing);
    size_t complete = burst != NULL ? complete_by(burst, until_us) : 0;
    if (complete <= receiver->taken) {
        return 0;
    }
    size_t length = complete - receiver->taken < most ? complete - receiver->taken : most;
    memcpy(data, burst->data + receiver->taken, length);
    *first_us = virtual_burst_end_us(burst, receiver->taken + 1);
    receiver->taken += length;
    *last_us = virtual_burst_end_us(burst, receiver->taken);
    receiver->ready_us = *last_us;
    if (receiver->taken == burst->length) {
        pop(receiver->wire);
        receiver->taken = 0;
    }
    return length;
}

uint64_t virtual_receiver_due_us(virtual_receiver_t *receiver, size_t count)
{
    size_t taken = receiver->taken;
    for (size_t i = 0; i < receiver->wire->count; i++, taken = 0) {
        virtual_burst_t *burst = burst_at(receiver->wire, i);
        if (!agrees(receiver, burst)) {
            return virtual_burst_end_us(burst, burst->length);
        }
        if (burst->length - taken >= count) {
            return virtual_burst_end_us(burst, taken + count);
        }
        count -= burst->length - taken;
    }
    return UINT64_MAX;
}

uint64_t virtual_receiver_run_due_us(virtual_receiver_t *receiver, size_t most)
{
    virtual_burst_t *burst = virtual_wire_front(receiver->wire);
    size_t left = burst != NULL ? burst->length - receiver->taken : 0;
    return virtual_receiver_due_us(receiver, left > 0 && left < most ? left : left > 0 ? most : 1);
}
