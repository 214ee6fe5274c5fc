/* When received bytes came: what the UART's interrupts tell, turned into bursts. Pure C, no ESP header. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_BURSTS 32U
#define PORT_DRIFT_US 200U /* bytes this much off the reckoned pace begin a new burst; R49 allows 1 ms */

typedef struct {
    uint64_t at_us; /* the first byte's stop bit */
    size_t bytes;
} port_burst_t;

typedef struct {
    port_burst_t bursts[PORT_BURSTS];
    size_t first;
    size_t count;
} port_arrivals_t;

/* The interrupt at `at_us` took `bytes` off the hardware, back to back; after a silence of `silence_us` if that is what
 * raised it, else with the last of them. */
void port_arrivals_add(port_arrivals_t *arrivals, uint64_t at_us, size_t bytes, uint32_t byte_ns,
                       uint32_t silence_us);
/* How many of the oldest bytes came without a pause, `most_bytes` at most, and when the first of them did; they are
 * forgotten. 0: none is known of. */
size_t port_arrivals_take(port_arrivals_t *arrivals, size_t most_bytes, uint32_t byte_ns, uint64_t *at_us);
