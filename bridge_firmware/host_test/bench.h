/* A bridge on the fake port, its two tasks run as bridge_port.h says and no more often; and peers that speak to it. */
#pragma once

#include "fake_port.h"

#define BENCH_CREDIT 4096U
#define BENCH_MAX_BATCH 2048U
#define BENCH_RING_BYTES 2048U

typedef struct {
    bridge_port_t port;
    bridge_t bridge;
    uint64_t execute_at_us;
    uint64_t serve_at_us;
    bridge_error_t error; /* the engine task's last word */
    uint32_t chance;      /* which task goes first when both are woken */
    uint8_t requests[BRIDGE_REQUEST_QUEUE_BYTES(BENCH_CREDIT)];
    uint8_t work[BENCH_MAX_BATCH];
    uint8_t results[BRIDGE_RESULT_QUEUE_BYTES(BENCH_CREDIT)];
    uint8_t last[BENCH_CREDIT];
    uint8_t input[BRIDGE_INPUT_BYTES(BENCH_MAX_BATCH)];
    uint8_t ring[BENCH_RING_BYTES];
    bridge_mark_t marks[BENCH_RING_BYTES / BRIDGE_RING_BYTES_A_MARK];
} bench_t;

/* The bench of this program's test, started anew. */
bench_t *bench_start(void);
/* The same as an ESP32 whose settings and firmware the network may change. */
bench_t *bench_start_managed(void);
/* Let time pass: the tasks run when they are woken, and only then. */
void bench_run(bench_t *bench, uint64_t for_us);

/* A peer that has sent its preamble. */
int bench_connect(bench_t *bench);
/* One that is the controller, by its id's first byte; what it was told so far is behind it. */
int bench_control(bench_t *bench, uint8_t id);
void bench_say(bench_t *bench, int sock, const bridge_message_t *message);
void bench_say_hello(bench_t *bench, int sock, uint8_t id, bool takes_over, uint64_t console_from);
void bench_say_run(bench_t *bench, int sock, uint8_t type, uint32_t run, uint8_t unclaimed);
/* A batch of these steps, as bytes. */
void bench_say_batch(bench_t *bench, int sock, uint32_t run, uint32_t number, uint16_t count, bridge_span_t steps);
/* The next message to a peer; its spans last until the socket's end. It has to be there. */
bridge_message_t bench_hear(bench_t *bench, int sock);
/* The same, passing over Greeting, Pings and Pongs; it has to be of this type. */
bridge_message_t bench_expect(bench_t *bench, int sock, uint8_t type);
/* Nothing but signs of life is there. */
bool bench_is_silent(bench_t *bench, int sock);

/* Steps, written one behind the other. */
void put_send(bridge_writer_t *steps, const char *text);
void put_expect(bridge_writer_t *steps, uint8_t good, uint32_t within_us);
void put_receive(bridge_writer_t *steps, uint16_t length, uint32_t within_us);
void put_wait(bridge_writer_t *steps, uint32_t wait_us);
void put_lines(bridge_writer_t *steps, uint8_t mask, uint8_t levels);
void put_configure(bridge_writer_t *steps, uint32_t baud, bool has_echo);
