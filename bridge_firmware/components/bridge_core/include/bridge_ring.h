/* The console bytes a bridge keeps until its controller has them safe, with positions and times (R46 to R51). */
#pragma once

#include "bridge_bytes.h"
#include "bridge_limits.h"

#define BRIDGE_MARK_EVERY_US 500U /* half of what R49 allows: a mark where the reckoned time is off by more */
#define BRIDGE_RING_BYTES_A_MARK 32U /* a mark takes 24 bytes; a line of log is longer than 32 as a rule */

/* From `position` on bytes follow back to back, the first at `at_us`. */
typedef struct {
    uint64_t position;
    uint64_t at_us;
    uint32_t byte_ns;
} bridge_mark_t;

typedef struct {
    uint8_t *data;
    size_t capacity;
    bridge_mark_t *marks;
    size_t mark_capacity;
    size_t mark_first;
    size_t mark_count;
    uint64_t oldest;    /* position of the oldest byte that is here */
    uint64_t next;      /* position the next byte will have */
    uint64_t newest_us; /* when the newest bytes were heard: none came later */
} bridge_ring_t;

/* Add what the UART received: the first byte came at `at_us`, the others back to back, all by `heard_us`. The oldest
 * bytes go when there is no room for them or for their time. */
void bridge_ring_append(bridge_ring_t *ring, bridge_span_t data, uint64_t at_us, uint64_t heard_us, uint32_t byte_ns);
/* Forget all before `position`: it is safe elsewhere. */
void bridge_ring_acknowledge(bridge_ring_t *ring, uint64_t position);
/* Bytes from `position` on that fit one Console: in the ring's memory, `at_us` the time of the first. Empty when
 * there is none; `position` is not before `oldest`. */
bridge_span_t bridge_ring_read(const bridge_ring_t *ring, uint64_t position, size_t most_bytes, uint64_t *at_us);
