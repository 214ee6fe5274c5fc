/* Received bytes that no step has consumed yet, with the times they came. */
#pragma once

#include "bridge_bytes.h"

#define BRIDGE_INBOX_BYTES 1024U /* what a send with echo may find waiting, and four reads of the UART */
#define BRIDGE_INBOX_CHUNKS 8U   /* more chunks than that are told as if they came with the one before */

typedef struct {
    uint8_t data[BRIDGE_INBOX_BYTES];
    size_t first; /* of the bytes not taken yet */
    size_t end;
    struct {
        size_t start;
        uint64_t at_us;
    } chunks[BRIDGE_INBOX_CHUNKS];
    size_t chunk_count;
} bridge_inbox_t;

size_t bridge_inbox_length(const bridge_inbox_t *inbox);
/* Add what came last, the first byte at `at_us`, the others every `byte_us`; what does not fit is lost, and how much that
 * was is returned. */
size_t bridge_inbox_put(bridge_inbox_t *inbox, bridge_span_t data, uint64_t at_us, uint64_t byte_us);
/* Take the oldest byte, of which there is one. Later bytes of a chunk follow back to back. */
uint8_t bridge_inbox_take(bridge_inbox_t *inbox, uint64_t byte_us, uint64_t *at_us);
/* Take the oldest bytes of one chunk, `most_bytes` at most; empty when there is none. */
bridge_span_t bridge_inbox_take_some(bridge_inbox_t *inbox, size_t most_bytes, uint64_t byte_us, uint64_t *at_us);
