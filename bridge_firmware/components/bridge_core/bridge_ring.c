#include "bridge_ring.h"

#include <string.h>

/* R49, less what two reckoned times may be off. */
#define SPAN_US (BRIDGE_FRAME_SPAN_US - 2U * BRIDGE_MARK_EVERY_US)

static bridge_mark_t *mark_at(const bridge_ring_t *ring, size_t index)
{
    return &ring->marks[(ring->mark_first + index) % ring->mark_capacity];
}

/* The time of a byte by its mark, not later than the mark that follows. */
static uint64_t time_of(const bridge_ring_t *ring, size_t index, uint64_t position)
{
    const bridge_mark_t *mark = mark_at(ring, index);
    uint64_t at_us = mark->at_us + (position - mark->position) * mark->byte_ns / 1000U;
    uint64_t most = index + 1 < ring->mark_count ? mark_at(ring, index + 1)->at_us : ring->newest_us;
    return at_us < most ? at_us : most;
}

static void forget_before(bridge_ring_t *ring, uint64_t position)
{
    if (position <= ring->oldest) {
        return;
    }
    ring->oldest = position;
    /* The mark at or before the oldest byte is still its time. */
    while (ring->mark_count > 1 && mark_at(ring, 1)->position <= position) {
        ring->mark_first = (ring->mark_first + 1) % ring->mark_capacity;
        ring->mark_count--;
    }
    if (position == ring->next) {
        ring->mark_count = 0;
    }
}

static bool needs_mark(const bridge_ring_t *ring, uint64_t at_us, uint32_t byte_ns)
{
    if (ring->mark_count == 0) {
        return true;
    }
    const bridge_mark_t *last = mark_at(ring, ring->mark_count - 1);
    uint64_t reckoned = last->at_us + (ring->next - last->position) * last->byte_ns / 1000U;
    uint64_t off_us = reckoned > at_us ? reckoned - at_us : at_us - reckoned;
    return last->byte_ns != byte_ns || off_us > BRIDGE_MARK_EVERY_US;
}

static void add_mark(bridge_ring_t *ring, uint64_t at_us, uint32_t byte_ns)
{
    if (ring->mark_count == ring->mark_capacity) {
        forget_before(ring, mark_at(ring, 1)->position);
    }
    *mark_at(ring, ring->mark_count) = (bridge_mark_t){ring->next, at_us, byte_ns};
    ring->mark_count++;
}

static void append_some(bridge_ring_t *ring, bridge_span_t data, uint64_t at_us, uint32_t byte_ns)
{
    if (needs_mark(ring, at_us, byte_ns)) {
        add_mark(ring, at_us, byte_ns);
    }
    size_t at = (size_t)(ring->next % ring->capacity);
    size_t first = data.length < ring->capacity - at ? data.length : ring->capacity - at;
    memcpy(ring->data + at, data.data, first);
    memcpy(ring->data, data.data + first, data.length - first);
    ring->next += data.length;
    if (ring->next - ring->oldest > ring->capacity) {
        forget_before(ring, ring->next - ring->capacity);
    }
}

void bridge_ring_append(bridge_ring_t *ring, bridge_span_t data, uint64_t at_us, uint64_t heard_us, uint32_t byte_ns)
{
    ring->newest_us = heard_us;
    while (data.length > 0) {
        size_t length = data.length < ring->capacity ? data.length : ring->capacity;
        append_some(ring, (bridge_span_t){data.data, length}, at_us, byte_ns);
        at_us += length * byte_ns / 1000U;
        at_us = at_us < heard_us ? at_us : heard_us;
        data.data += length;
        data.length -= length;
    }
}

void bridge_ring_acknowledge(bridge_ring_t *ring, uint64_t position)
{
    forget_before(ring, position < ring->next ? position : ring->next);
}

/* Index of the last mark at or before `position`. */
static size_t find_mark(const bridge_ring_t *ring, uint64_t position)
{
    size_t low = 0;
    size_t high = ring->mark_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (mark_at(ring, middle)->position <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Position of the first byte that came too long after `at_us` for the same frame (R49). */
static uint64_t frame_end(const bridge_ring_t *ring, size_t index, uint64_t position, uint64_t at_us)
{
    for (; index < ring->mark_count; index++) {
        const bridge_mark_t *mark = mark_at(ring, index);
        if (mark->at_us > at_us + SPAN_US) {
            return mark->position;
        }
        uint64_t from = mark->position > position ? mark->position : position;
        uint64_t end = index + 1 < ring->mark_count ? mark_at(ring, index + 1)->position : ring->next;
        uint64_t left_us = at_us + SPAN_US - time_of(ring, index, from);
        if (time_of(ring, index, end - 1) > at_us + SPAN_US) {
            return from + left_us * 1000U / mark->byte_ns + 1U;
        }
    }
    return ring->next;
}

bridge_span_t bridge_ring_read(const bridge_ring_t *ring, uint64_t position, size_t most_bytes, uint64_t *at_us)
{
    if (position >= ring->next || ring->mark_count == 0) {
        return (bridge_span_t){0};
    }
    size_t index = find_mark(ring, position);
    *at_us = time_of(ring, index, position);
    uint64_t length = frame_end(ring, index, position, *at_us) - position;
    size_t at = (size_t)(position % ring->capacity);
    uint64_t rooms[] = {most_bytes, BRIDGE_MAX_CONSOLE, ring->capacity - at};
    length = length > 0 ? length : 1;
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        length = length < rooms[i] ? length : rooms[i];
    }
    return (bridge_span_t){ring->data + at, (size_t)length};
}
