/* One UART's batches: what the network task orders, what the engine task does, and what comes back
 * (BRIDGE_PROTOCOL.md, sections 2 and 3).
 *
 * bridge_orders.c and bridge_reports.c are the network task's, bridge_edge.c is the engine task's. What both touch is
 * touched under the port's lock, for as long as a copy takes. */
#pragma once

#include "bridge_engine.h"
#include "bridge_queue.h"
#include "bridge_ring.h"

/* A run's mark in the queue of requests: header and one byte. At most one stands before each batch and one at the end. */
#define BRIDGE_MARK_BYTES (BRIDGE_HEADER_BYTES + 1U)
/* A queued request's port byte tells whether it is to be skipped. */
#define BRIDGE_IS_SKIPPED_AT 3U
/* The charge of its batch stands before each result. */
#define BRIDGE_CHARGE_BYTES 4U
#define BRIDGE_MOST_BATCHES(credit) ((credit) / BRIDGE_RESULT_BARE + 1U)
/* R43: as many requests, and as many results, as the credit lets be under way. */
#define BRIDGE_REQUEST_QUEUE_BYTES(credit) ((credit) + (BRIDGE_MOST_BATCHES(credit) + 2U) * BRIDGE_MARK_BYTES)
#define BRIDGE_RESULT_QUEUE_BYTES(credit) ((credit) + BRIDGE_MOST_BATCHES(credit) * BRIDGE_CHARGE_BYTES)

/* The newest batch that ended (R18, R19). */
typedef struct {
    uint32_t run;
    uint32_t number;
    uint8_t outcome; /* BRIDGE_NO_BATCH: there was none */
    uint8_t controller_id[BRIDGE_CONTROLLER_ID_BYTES];
    size_t length; /* of its result, the whole frame, in `bridge_edge_t.last_frame` */
} bridge_last_t;

typedef struct {
    bridge_port_t *port;

    /* Both tasks', under the lock. */
    bridge_queue_t requests; /* frames of batches, their port byte 1 when they are to be skipped; marks of runs */
    bridge_queue_t results;  /* each its charge u32, then the frame */
    bridge_ring_t ring;
    bridge_last_t last;
    uint8_t *last_frame; /* credit */
    uint8_t owner_id[BRIDGE_CONTROLLER_ID_BYTES]; /* the controller whose orders come now */
    uint8_t batch_of[BRIDGE_CONTROLLER_ID_BYTES]; /* whose batch is in hand */
    bool is_in_hand;
    bool is_owned;  /* the batch in hand belongs to the controller that is there */
    bool is_paused; /* `last` is on its way to the controller: no batch begins, and `last` stays */
    bool has_orphan; /* the queue of results holds one whose controller is gone, and nothing else */
    bool is_stopped; /* the newest run takes no batches any more (R28), or none was begun */
    bool ends_with_mark;
    bool is_stale; /* a newer run or an abort came while the batch was in hand */
    bool is_abort_wanted;
    bool is_safe_wanted;
    bool is_engine_called; /* and has not looked yet */
    bool is_network_called;

    /* The engine task's own. */
    bridge_engine_t engine;
    uint8_t *work;   /* max_batch: the request of the batch in hand */
    bool has_batch;  /* as is_in_hand */
    uint8_t *entry;  /* where its result grows */
    uint32_t charge;
    uint8_t unclaimed;
    uint8_t residue[BRIDGE_MAX_RESIDUE];
    size_t residue_length;
    uint32_t residue_lost;
} bridge_edge_t;

/* Before the tasks: set the UART for the console, and the lines to their safe levels. BRIDGE_ERR_UNSUPPORTED,
 * BRIDGE_ERR_PORT. */
bridge_error_t bridge_edge_start(bridge_edge_t *edge, const bridge_uart_t *console);

/* The engine task: go on as far as possible. BRIDGE_WAIT: as `bridge_engine_poll`. BRIDGE_ERR_PORT: the UART is gone. */
bridge_error_t bridge_edge_poll(bridge_edge_t *edge, uint64_t *wake_us);

/* The network task: orders. None waits for the engine. */

/* Whose orders the next ones are. */
void bridge_edge_own(bridge_edge_t *edge, const uint8_t *controller_id);
void bridge_edge_begin_run(bridge_edge_t *edge, uint8_t unclaimed);
/* BRIDGE_ERR_FULL cannot be while the credit is kept. */
bridge_error_t bridge_edge_submit(bridge_edge_t *edge, const bridge_message_t *request);
void bridge_edge_abort(bridge_edge_t *edge);
void bridge_edge_end_run(bridge_edge_t *edge);
/* The controller is gone: the batch in hand ends by itself, the rest is dropped, the run is over (R23). */
void bridge_edge_leave(bridge_edge_t *edge);
/* Drive the lines to their safe levels, unless a batch is in hand. Whether that is ordered. */
bool bridge_edge_make_safe(bridge_edge_t *edge);
/* The ring forgets what is before `position`. */
void bridge_edge_acknowledge(bridge_edge_t *edge, uint64_t position);

/* The network task: what came of them. */

/* From now on the engine's calls count. */
void bridge_edge_hear_call(bridge_edge_t *edge);
bridge_last_t bridge_edge_last(bridge_edge_t *edge);
/* Keep `last` as it is until `bridge_edge_resume`. */
bridge_last_t bridge_edge_pause(bridge_edge_t *edge);
void bridge_edge_resume(bridge_edge_t *edge);
/* Positions of the console's oldest byte, and of the next one to come. */
void bridge_edge_console_range(bridge_edge_t *edge, uint64_t *oldest, uint64_t *next);
/* Copy console bytes from `position` on, of one frame, `capacity` at most; `oldest` as above. 0: there is none, or
 * `position` is before the oldest. */
size_t bridge_edge_read_console(bridge_edge_t *edge, uint64_t position, uint8_t *data, size_t capacity,
                                uint64_t *at_us, uint64_t *oldest);
/* Length of the oldest result's frame; 0 when there is none for the controller. */
size_t bridge_edge_result_length(bridge_edge_t *edge);
/* Copy a part of it. */
void bridge_edge_copy_result(bridge_edge_t *edge, size_t from, uint8_t *data, size_t length);
/* Forget it; return what its batch was charged. */
uint32_t bridge_edge_drop_result(bridge_edge_t *edge);

/* Both tasks, under the lock. */

/* What is queued is to be answered SKIPPED, and so is what comes before the next run. */
void bridge_edge_skip_queued(bridge_edge_t *edge);
bridge_span_t bridge_edge_front_result(const bridge_edge_t *edge);
void bridge_edge_note_last(bridge_edge_t *edge, bridge_span_t frame);

static inline size_t bridge_entry_length(const uint8_t *frame)
{
    return BRIDGE_HEADER_BYTES + (size_t)(frame[0] | frame[1] << 8);
}
