/* Executes one batch at a UART, step by step, without blocking (BRIDGE_PROTOCOL.md, R35 to R40).
 *
 * The result grows where it will be sent from: each output and each arrival has a place of its own, as large as it can
 * become, in the order of the steps; `bridge_engine_finish` closes the gaps. */
#pragma once

#include "bridge_inbox.h"
#include "bridge_message.h"
#include "bridge_port.h"

#define BRIDGE_READ_BYTES 256U /* one read of the UART: two of an ESP32's hardware FIFOs */

typedef struct {
    uint16_t index;
    size_t step_at;    /* where the step begins, from the batch's first step */
    size_t output_at;  /* where its output's place begins, from the result's first */
    size_t arrival_at; /* where its arrival's place begins, from the first arrival */
} bridge_cursor_t;

typedef struct {
    bridge_port_t *port;
    bridge_uart_t uart; /* as it was last set */
    bridge_inbox_t inbox;
    bridge_result_t result; /* what becomes of the batch; its lists are not in it yet */
    bridge_measure_t measure;
    bridge_span_t steps;
    uint8_t *places;
    bridge_cursor_t cursor;
    bridge_step_t step; /* the one in hand; valid within one call */
    bool has_begun;     /* the step in hand */
    bool is_sending;    /* bytes were written, and may not have left */
    bool has_repeated;
    bool is_over;       /* the time of the step in hand; the receiver was asked once more */
    bool is_measured;   /* ReceiveCounted: the count is here */
    uint16_t count;
    uint16_t repeats_left;
    uint64_t arrived_us; /* the newest arrival: ports reckon when bytes came, and may be some microseconds out */
    uint64_t from_us;  /* from when the step's times count */
    uint64_t until_us; /* ReceiveUntilQuiet, Discard: until when they wait now */
    uint32_t progress; /* bytes sent, received or dropped by the step in hand */
    uint32_t echoed;
    uint32_t wanted; /* ReceiveCounted: bytes in all */
    uint32_t lost;   /* bytes that came during a Send with echo, and found the inbox full: overruns */
} bridge_engine_t;

/* Begin a batch. `steps` stay where they are until it is finished; `places` has room for the outputs and arrivals of
 * `measure`. */
void bridge_engine_begin(bridge_engine_t *engine, bridge_span_t steps, uint16_t count,
                         const bridge_measure_t *measure, uint8_t *places);

/* Go on as far as possible. BRIDGE_WAIT: ask again when bytes came or went, or at `*wake_us` if that is earlier.
 * BRIDGE_OK: the batch has ended; `result` says how. */
bridge_error_t bridge_engine_poll(bridge_engine_t *engine, uint64_t *wake_us);

/* End the batch between two bytes (R29). */
void bridge_engine_abort(bridge_engine_t *engine);

/* Write the whole frame to `frame`, at whose end the places lie; return its length. */
size_t bridge_engine_finish(bridge_engine_t *engine, uint8_t *frame, bridge_span_t residue);
