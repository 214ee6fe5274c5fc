#include "bridge_inbox.h"

#include <string.h>

size_t bridge_inbox_length(const bridge_inbox_t *inbox)
{
    return inbox->end - inbox->first;
}

/* Index of the chunk that the oldest byte belongs to. */
static size_t oldest_chunk(const bridge_inbox_t *inbox)
{
    size_t chunk = 0;
    while (chunk + 1 < inbox->chunk_count && inbox->chunks[chunk + 1].start <= inbox->first) {
        chunk++;
    }
    return chunk;
}

/* Move what is there to the front. The oldest chunk may begin before its first byte that is left, but not before 0: its
 * time is then that of this byte. */
static void compact(bridge_inbox_t *inbox, uint64_t byte_us)
{
    size_t chunk = oldest_chunk(inbox);
    if (inbox->first == inbox->end) {
        chunk = inbox->chunk_count;
    } else {
        inbox->chunks[chunk].at_us += (inbox->first - inbox->chunks[chunk].start) * byte_us;
        inbox->chunks[chunk].start = inbox->first;
    }
    for (size_t i = chunk; i < inbox->chunk_count; i++) {
        inbox->chunks[i - chunk] = inbox->chunks[i];
        inbox->chunks[i - chunk].start -= inbox->first;
    }
    inbox->chunk_count -= chunk;
    memmove(inbox->data, inbox->data + inbox->first, inbox->end - inbox->first);
    inbox->end -= inbox->first;
    inbox->first = 0;
}

size_t bridge_inbox_put(bridge_inbox_t *inbox, bridge_span_t data, uint64_t at_us, uint64_t byte_us)
{
    compact(inbox, byte_us);
    size_t room = BRIDGE_INBOX_BYTES - inbox->end;
    size_t length = data.length < room ? data.length : room;
    if (length > 0) {
        if (inbox->chunk_count < BRIDGE_INBOX_CHUNKS) {
            inbox->chunks[inbox->chunk_count].start = inbox->end;
            inbox->chunks[inbox->chunk_count].at_us = at_us;
            inbox->chunk_count++;
        }
        memcpy(inbox->data + inbox->end, data.data, length);
        inbox->end += length;
    }
    return data.length - length;
}

bridge_span_t bridge_inbox_take_some(bridge_inbox_t *inbox, size_t most_bytes, uint64_t byte_us, uint64_t *at_us)
{
    if (inbox->first == inbox->end) {
        return (bridge_span_t){0};
    }
    size_t chunk = oldest_chunk(inbox);
    size_t end = chunk + 1 < inbox->chunk_count ? inbox->chunks[chunk + 1].start : inbox->end;
    size_t length = end - inbox->first < most_bytes ? end - inbox->first : most_bytes;
    *at_us = inbox->chunks[chunk].at_us + (inbox->first - inbox->chunks[chunk].start) * byte_us;
    bridge_span_t taken = {inbox->data + inbox->first, length};
    inbox->first += length;
    return taken;
}

uint8_t bridge_inbox_take(bridge_inbox_t *inbox, uint64_t byte_us, uint64_t *at_us)
{
    return bridge_inbox_take_some(inbox, 1, byte_us, at_us).data[0];
}
