#include "bench.h"

#include "check.h"

#define MOST_ROUNDS 200000 /* of the tasks within one call: a busy wait shows here */
#define ENOUGH_US 2000     /* for anything that takes no time of its own */

static bench_t s_bench;

static bench_t *start(bool is_managed)
{
    static bridge_settings_t settings;
    const bridge_chip_t *chip = bridge_chip("esp32");
    bridge_settings_default(&settings, chip, "lab", 7820);
    settings.network_settings = true;
    settings.network_update = true;
    bench_t *bench = &s_bench;
    memset(bench, 0, sizeof(*bench));
    fake_init(&bench->port);
    bridge_config_t config = {
        .name = "lab",
        .firmware = "fake-1",
        .is_power_up = true,
        .credit = BENCH_CREDIT,
        .max_batch = BENCH_MAX_BATCH,
        .console = {.baud = 115200, .data_bits = 8, .stop_bits = 1},
        .project = is_managed ? "stmota_bridge" : NULL,
        .chip = is_managed ? chip : NULL,
        .settings = is_managed ? &settings : NULL,
        .requests = bench->requests,
        .work = bench->work,
        .results = bench->results,
        .last = bench->last,
        .input = bench->input,
        .ring = bench->ring,
        .ring_bytes = BENCH_RING_BYTES,
        .marks = bench->marks,
        .mark_count = sizeof(bench->marks) / sizeof(bench->marks[0]),
    };
    CHECK_EQUAL(bridge_start(&bench->bridge, &bench->port, &config), BRIDGE_OK);
    bench->chance = 1;
    return bench;
}

bench_t *bench_start(void)
{
    return start(false);
}

bench_t *bench_start_managed(void)
{
    return start(true);
}

static uint64_t next_byte_us(const bridge_port_t *port)
{
    return port->incoming_at < port->incoming_count ? port->incoming[port->incoming_at].at_us : UINT64_MAX;
}

static bool run_engine(bench_t *bench)
{
    bridge_port_t *port = &bench->port;
    if (!port->is_engine_woken && port->now_us < bench->execute_at_us && port->now_us < next_byte_us(port)) {
        return false;
    }
    port->is_engine_woken = false;
    bench->error = bridge_execute(&bench->bridge, &bench->execute_at_us);
    if (next_byte_us(port) <= port->now_us) { /* it left bytes for a later step: they wake nobody */
        bench->error = bridge_execute(&bench->bridge, &bench->execute_at_us);
    }
    return true;
}

static bool run_network(bench_t *bench)
{
    bridge_port_t *port = &bench->port;
    if (!port->is_network_woken && !port->has_socket_news && port->now_us < bench->serve_at_us) {
        return false;
    }
    port->is_network_woken = false;
    port->has_socket_news = false;
    bridge_serve(&bench->bridge, &bench->serve_at_us);
    return true;
}

/* The next moment at which something happens; bytes that no step reads now happen to nobody. */
static uint64_t next_us(const bench_t *bench)
{
    uint64_t at_us = bench->execute_at_us < bench->serve_at_us ? bench->execute_at_us : bench->serve_at_us;
    for (size_t i = bench->port.incoming_at; i < bench->port.incoming_count; i++) {
        uint64_t byte_us = bench->port.incoming[i].at_us;
        if (byte_us > bench->port.now_us) {
            return byte_us < at_us ? byte_us : at_us;
        }
    }
    return at_us;
}

void bench_run(bench_t *bench, uint64_t for_us)
{
    uint64_t end_us = bench->port.now_us + for_us;
    for (unsigned int i = 0;; i++) {
        CHECK(i < MOST_ROUNDS);
        bench->chance = bench->chance * 1664525U + 1013904223U;
        bool is_engine_first = (bench->chance >> 16 & 1) != 0;
        bool has_run = is_engine_first ? run_engine(bench) : run_network(bench);
        has_run = (is_engine_first ? run_network(bench) : run_engine(bench)) || has_run;
        bool is_woken = bench->port.is_engine_woken || bench->port.is_network_woken || bench->serve_at_us == 0;
        if (has_run && is_woken) {
            continue;
        }
        uint64_t at_us = next_us(bench);
        if (at_us > end_us) {
            bench->port.now_us = end_us;
            return;
        }
        bench->port.now_us = at_us > bench->port.now_us ? at_us : bench->port.now_us;
    }
}

int bench_connect(bench_t *bench)
{
    int sock = fake_connect(&bench->port);
    fake_peer_says(&bench->port, sock, "STMOTA\1\0", BRIDGE_PREAMBLE_BYTES);
    bench_run(bench, ENOUGH_US);
    return sock;
}

int bench_control(bench_t *bench, uint8_t id)
{
    int sock = bench_connect(bench);
    bench_say_hello(bench, sock, id, false, 0);
    bench_run(bench, ENOUGH_US);
    (void)bench_expect(bench, sock, BRIDGE_WELCOME);
    return sock;
}

void bench_say(bench_t *bench, int sock, const bridge_message_t *message)
{
    uint8_t frame[BRIDGE_MAX_FRAME];
    bridge_writer_t writer = bridge_writer(frame, sizeof(frame));
    CHECK_EQUAL(bridge_encode(&writer, message), BRIDGE_OK);
    fake_peer_says(&bench->port, sock, frame, writer.at);
}

void bench_say_hello(bench_t *bench, int sock, uint8_t id, bool takes_over, uint64_t console_from)
{
    bridge_message_t message = {.type = BRIDGE_HELLO};
    message.as.hello.controller_id[0] = id;
    message.as.hello.takes_over = takes_over;
    message.as.hello.console_from = console_from;
    message.as.hello.name = bridge_span_of("tester");
    bench_say(bench, sock, &message);
}

void bench_say_run(bench_t *bench, int sock, uint8_t type, uint32_t run, uint8_t unclaimed)
{
    bridge_message_t message = {.type = type};
    message.as.run.run = run;
    message.as.run.unclaimed = unclaimed;
    bench_say(bench, sock, &message);
}

void bench_say_batch(bench_t *bench, int sock, uint32_t run, uint32_t number, uint16_t count, bridge_span_t steps)
{
    bridge_message_t message = {.type = BRIDGE_BATCH_REQUEST};
    message.as.request.run = run;
    message.as.request.number = number;
    message.as.request.count = count;
    message.as.request.steps = steps;
    bench_say(bench, sock, &message);
}

bridge_message_t bench_hear(bench_t *bench, int sock)
{
    bridge_frame_t frame;
    bridge_message_t message;
    CHECK(fake_heard(&bench->port, sock, &frame));
    CHECK_EQUAL(bridge_decode(&frame, &message), BRIDGE_OK);
    return message;
}

bridge_message_t bench_expect(bench_t *bench, int sock, uint8_t type)
{
    bridge_message_t message;
    bool is_passed_over;
    do {
        message = bench_hear(bench, sock);
        bool is_alive = message.type == BRIDGE_PING || message.type == BRIDGE_PONG;
        is_passed_over = message.type != type && (is_alive || message.type == BRIDGE_GREETING);
    } while (is_passed_over);
    CHECK_EQUAL(message.type, type);
    return message;
}

bool bench_is_silent(bench_t *bench, int sock)
{
    bridge_frame_t frame;
    while (fake_heard(&bench->port, sock, &frame)) {
        if (frame.type != BRIDGE_PING && frame.type != BRIDGE_PONG) {
            return false;
        }
    }
    return true;
}

static void put_header(bridge_writer_t *steps, uint8_t number, size_t length)
{
    bridge_put_u8(steps, number);
    bridge_put_u16(steps, (uint16_t)length);
}

void put_send(bridge_writer_t *steps, const char *text)
{
    put_header(steps, BRIDGE_STEP_SEND, strlen(text));
    bridge_put_span(steps, bridge_span_of(text));
}

void put_expect(bridge_writer_t *steps, uint8_t good, uint32_t within_us)
{
    put_header(steps, BRIDGE_STEP_EXPECT, 10);
    bridge_put_u8(steps, good);
    bridge_put_u32(steps, within_us);
    bridge_put_u8(steps, BRIDGE_SILENCE_FAILS);
    bridge_put_u32(steps, 0);
}

void put_receive(bridge_writer_t *steps, uint16_t length, uint32_t within_us)
{
    put_header(steps, BRIDGE_STEP_RECEIVE, 6);
    bridge_put_u16(steps, length);
    bridge_put_u32(steps, within_us);
}

void put_wait(bridge_writer_t *steps, uint32_t wait_us)
{
    put_header(steps, BRIDGE_STEP_WAIT, 4);
    bridge_put_u32(steps, wait_us);
}

void put_lines(bridge_writer_t *steps, uint8_t mask, uint8_t levels)
{
    put_header(steps, BRIDGE_STEP_SET_LINES, 2);
    bridge_put_u8(steps, mask);
    bridge_put_u8(steps, levels);
}

void put_configure(bridge_writer_t *steps, uint32_t baud, bool has_echo)
{
    put_header(steps, BRIDGE_STEP_CONFIGURE, 9);
    bridge_put_u32(steps, baud);
    bridge_put_u8(steps, 8);
    bridge_put_u8(steps, 0);
    bridge_put_u8(steps, 1);
    bridge_put_u8(steps, 0);
    bridge_put_u8(steps, has_echo ? 1 : 0);
}
