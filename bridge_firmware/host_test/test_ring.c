/* The console's ring against a model that keeps every byte with its time. */
#include "bridge_ring.h"
#include "check.h"

#define RING_BYTES 256U
#define MARKS 12U
#define MODEL_BYTES 400000U
#define OPERATIONS 20000U
#define BYTE_NS 86806U /* ten bits at 115200 baud */

static uint8_t s_data[RING_BYTES];
static bridge_mark_t s_marks[MARKS];
static uint8_t s_model[MODEL_BYTES];
static uint64_t s_model_us[MODEL_BYTES];
static uint32_t s_chance;

static uint32_t chance(uint32_t below)
{
    s_chance = s_chance * 1664525U + 1013904223U; /* Numerical Recipes' generator */
    return (s_chance >> 8) % below;
}

static bridge_ring_t make_ring(void)
{
    return (bridge_ring_t){
        .data = s_data, .capacity = RING_BYTES, .marks = s_marks, .mark_capacity = MARKS};
}

/* Bytes whose values and times the model knows; the first at `at_us`, the rest back to back. */
static uint64_t append(bridge_ring_t *ring, size_t length, uint64_t at_us)
{
    uint8_t data[RING_BYTES * 2];
    for (size_t i = 0; i < length; i++) {
        CHECK(ring->next + i < MODEL_BYTES);
        data[i] = (uint8_t)chance(256);
        s_model[ring->next + i] = data[i];
        s_model_us[ring->next + i] = at_us + i * BYTE_NS / 1000U;
    }
    uint64_t end_us = at_us + length * BYTE_NS / 1000U;
    bridge_ring_append(ring, (bridge_span_t){data, length}, at_us, end_us, BYTE_NS);
    return end_us;
}

/* What is read is what was appended, within R49. */
static uint64_t check_read(const bridge_ring_t *ring, uint64_t position, size_t most)
{
    uint64_t at_us = 0;
    bridge_span_t found = bridge_ring_read(ring, position, most, &at_us);
    CHECK((found.length > 0) == (position < ring->next));
    CHECK(found.length <= most);
    for (size_t i = 0; i < found.length; i++) {
        CHECK_EQUAL(found.data[i], s_model[position + i]);
        CHECK(s_model_us[position + i] <= at_us + BRIDGE_FRAME_SPAN_US);
    }
    if (found.length > 0) {
        uint64_t wanted_us = s_model_us[position];
        CHECK((at_us > wanted_us ? at_us - wanted_us : wanted_us - at_us) <= 1000U);
    }
    return found.length;
}

static void operate(bridge_ring_t *ring, uint64_t *now_us)
{
    switch (chance(4)) {
    case 0:
    case 1:
        *now_us += chance(2) * chance(40000) + chance(3) * 100U; /* after a pause, or right behind the last ones */
        *now_us = append(ring, chance(chance(8) == 0 ? RING_BYTES * 2 : 24), *now_us);
        break;
    case 2:
        bridge_ring_acknowledge(ring, ring->oldest + chance(RING_BYTES + 40));
        break;
    default:
        for (uint64_t at = ring->oldest; at < ring->next;) {
            at += check_read(ring, at, 1 + chance(100));
        }
    }
}

TEST(it_is_what_a_model_that_forgets_nothing_says_it_is, "R47 R48 R49")
{
    for (uint32_t seed = 1; seed <= 8; seed++) {
        bridge_ring_t ring = make_ring();
        uint64_t now_us = 1000;
        s_chance = seed;
        for (unsigned int i = 0; i < OPERATIONS && ring.next + 3 * RING_BYTES < MODEL_BYTES; i++) {
            uint64_t oldest = ring.oldest;
            uint64_t next = ring.next;
            operate(&ring, &now_us);
            CHECK(ring.oldest >= oldest && ring.next >= next);
            CHECK(ring.next - ring.oldest <= RING_BYTES);
            CHECK(ring.mark_count <= MARKS);
        }
        CHECK(ring.next > 10000);
    }
}

TEST(the_oldest_bytes_go_when_it_is_full, "R47")
{
    bridge_ring_t ring = make_ring();
    uint64_t now_us = append(&ring, RING_BYTES, 1000);
    CHECK_EQUAL(ring.oldest, 0);
    (void)append(&ring, 5, now_us);
    CHECK_EQUAL(ring.oldest, 5);
    CHECK_EQUAL(ring.next, RING_BYTES + 5);
    (void)check_read(&ring, 5, RING_BYTES);
}

TEST(many_times_cost_bytes_but_never_the_time_of_those_that_stay, "R47 R49")
{
    bridge_ring_t ring = make_ring();
    for (unsigned int i = 0; i < 40; i++) {
        (void)append(&ring, 1, 1000 + i * 30000U);
    }
    CHECK_EQUAL(ring.next - ring.oldest, MARKS);
    for (uint64_t at = ring.oldest; at < ring.next; at++) {
        CHECK_EQUAL(check_read(&ring, at, 100), 1);
    }
}

TEST(one_frame_holds_what_came_within_twenty_milliseconds, "R49")
{
    bridge_ring_t ring = make_ring();
    uint64_t at_us = 0;
    (void)append(&ring, 3, 1000);
    (void)append(&ring, 3, 19000);
    (void)append(&ring, 3, 40000);
    CHECK_EQUAL(bridge_ring_read(&ring, 0, 100, &at_us).length, 6);
    CHECK_EQUAL(at_us, 1000);
}

TEST(an_acknowledgement_of_what_is_to_come_forgets_what_is_here, "R50")
{
    bridge_ring_t ring = make_ring();
    (void)append(&ring, 10, 1000);
    bridge_ring_acknowledge(&ring, 99);
    CHECK_EQUAL(ring.oldest, 10);
    CHECK_EQUAL(ring.next, 10);
}
