/* One UART's orders: its queue of batches, runs, residue and console (BRIDGE_PROTOCOL.md, sections 2 and 3).
 *
 * Orders neither wait nor block; `bridge_edge_poll` follows them one after the other. */
#pragma once

#include "bridge_engine.h"
#include "bridge_queue.h"
#include "bridge_ring.h"

/* A run's mark in the queue of requests: header and one byte. At most one stands before each batch and one at the end. */
#define BRIDGE_MARK_BYTES (BRIDGE_HEADER_BYTES + 1U)
/* The charge of its batch stands before each result. */
#define BRIDGE_CHARGE_BYTES 4U
#define BRIDGE_MOST_BATCHES(credit) ((credit) / BRIDGE_RESULT_BARE + 1U)
/* Requests under way, and that of a controller that is gone whose batch is still in hand (R23). */
#define BRIDGE_REQUEST_QUEUE_BYTES(credit, max_batch) \
    ((credit) + (max_batch) + (BRIDGE_MOST_BATCHES(credit) + 2U) * BRIDGE_MARK_BYTES)
/* R43: as many results as the credit lets be under way. */
#define BRIDGE_RESULT_QUEUE_BYTES(credit) ((credit) + BRIDGE_MOST_BATCHES(credit) * BRIDGE_CHARGE_BYTES)

typedef struct {
    bridge_port_t *port;
    bridge_engine_t engine;
    bridge_ring_t ring;
    bridge_queue_t requests; /* frames of batches, their port byte 1 when they are to be skipped; marks of runs */
    bridge_queue_t results;  /* each its charge u32, then the frame */
    bool is_in_hand;
    bool is_owned;  /* the batch in hand belongs to the controller that is there */
    bool is_paused; /* no batch begins */
    bool has_orphan; /* the queue of results holds one whose controller is gone, and nothing else */
    bool is_stopped; /* the newest run takes no batches any more (R28), or none was begun */
    bool ends_with_mark;
    bool is_stale;        /* a newer run or an abort came while the batch was in hand */
    bool is_abort_wanted;
    size_t request_length; /* of the batch in hand */
    uint8_t *entry;        /* where its result grows */
    size_t newest_length;  /* of the newest result's entry */
    uint32_t charge;
    uint8_t unclaimed;
    uint8_t residue[BRIDGE_MAX_RESIDUE];
    size_t residue_length;
    uint32_t residue_lost;
} bridge_edge_t;

/* Set the UART for the console, and the lines to their safe levels. BRIDGE_ERR_UNSUPPORTED, BRIDGE_ERR_PORT. */
bridge_error_t bridge_edge_start(bridge_edge_t *edge, const bridge_uart_t *console);

void bridge_edge_begin_run(bridge_edge_t *edge, uint8_t unclaimed);
/* BRIDGE_ERR_FULL cannot be while the credit is kept. */
bridge_error_t bridge_edge_submit(bridge_edge_t *edge, const bridge_message_t *request);
void bridge_edge_abort(bridge_edge_t *edge);
void bridge_edge_end_run(bridge_edge_t *edge);
/* The controller is gone: the batch in hand ends by itself, the rest is dropped, the run is over (R23). */
void bridge_edge_leave(bridge_edge_t *edge);
bridge_error_t bridge_edge_make_safe(bridge_edge_t *edge);

/* Go on as far as possible. BRIDGE_OK: a batch ended that had begun; its result is the newest in `results`, or the
 * orphan. Call again. BRIDGE_WAIT: as `bridge_engine_poll`. BRIDGE_ERR_PORT: the UART is gone. */
bridge_error_t bridge_edge_poll(bridge_edge_t *edge, uint64_t *wake_us);

/* The newest result, the whole frame. */
bridge_span_t bridge_edge_newest_result(const bridge_edge_t *edge);
/* The oldest result, the whole frame; empty when there is none that is whole. */
bridge_span_t bridge_edge_oldest_result(const bridge_edge_t *edge);
/* Forget it; return what its batch was charged. */
uint32_t bridge_edge_drop_oldest(bridge_edge_t *edge);
