/* An update's signature, its trial, and what it takes from others, on a clock of the test. */
#include "bench.h"
#include "check.h"

#define SECOND_US 1000000U
#define TRIAL_US (600ULL * SECOND_US)
#define LENGTH 4000U

/* SHA-256 of "stmota bridge update", LENGTH as u32, and 32 zeros (python3 -c 'hashlib.sha256(...)'). */
static const uint8_t s_statement[BRIDGE_SHA256_BYTES] = {
    0x08, 0xa4, 0x0c, 0x20, 0x92, 0x18, 0x3d, 0xb0, 0x05, 0xb3, 0xe2, 0x02, 0x23, 0xdc, 0x98, 0x7d,
    0x9a, 0x78, 0xd6, 0xe9, 0xdf, 0x22, 0x2e, 0x64, 0x9b, 0x8d, 0x88, 0xf2, 0x84, 0x18, 0xf8, 0x93};

static bench_t *start_on_trial(bridge_trial_t trial)
{
    bench_t *bench = bench_start_managed();
    bridge_config_t config = bench->bridge.config;
    bench->port.trial = trial;
    config.trial_us = TRIAL_US;
    CHECK_EQUAL(bridge_start(&bench->bridge, &bench->port, &config), BRIDGE_OK);
    bench->serve_at_us = 0; /* as the network task begins */
    return bench;
}

static void begin(bench_t *bench, int sock, uint32_t length, const char *signature)
{
    bridge_message_t message = {.type = BRIDGE_UPDATE_BEGIN};
    message.as.begin.length = length;
    message.as.begin.signature = bridge_span_of(signature);
    bench_say(bench, sock, &message);
    bench_run(bench, 1000);
}

static bool begins(bench_t *bench, int sock, const char *signature)
{
    begin(bench, sock, LENGTH, signature);
    bridge_message_t status = bench_expect(bench, sock, BRIDGE_UPDATE_STATUS);
    CHECK_EQUAL(status.as.status.granted, status.as.status.state == BRIDGE_UPDATE_RECEIVING ? LENGTH : 0);
    return status.as.status.state == BRIDGE_UPDATE_RECEIVING;
}

static bridge_trial_t trial_told(bench_t *bench)
{
    bridge_message_t greeting = bench_hear(bench, bench_connect(bench));
    CHECK_EQUAL(greeting.type, BRIDGE_GREETING);
    return (bridge_trial_t)greeting.as.greeting.trial;
}

TEST(in_secure_mode_an_update_needs_the_signature_of_the_ca_over_length_and_digest, "R74")
{
    bench_t *bench = bench_start_managed();
    bench->port.secure = BRIDGE_SECURE_ON;
    int sock = bench_control(bench, 1);
    CHECK(!begins(bench, sock, ""));
    CHECK(!begins(bench, sock, "bad"));
    CHECK(!bench->port.is_updating);
    CHECK(begins(bench, sock, FAKE_CERTIFICATE));
    CHECK(memcmp(bench->port.verified, s_statement, sizeof(s_statement)) == 0);
}

TEST(in_plain_mode_a_signature_means_nothing, "R74")
{
    bench_t *bench = bench_start_managed();
    int sock = bench_control(bench, 1);
    CHECK(begins(bench, sock, "bad"));
    sock = bench_control(bench, 1);
    CHECK(begins(bench, sock, ""));
}

TEST(a_new_firmware_that_no_controller_comes_to_in_its_time_restarts_the_bridge, "R65")
{
    bench_t *bench = start_on_trial(BRIDGE_TRIAL_UNDER_WAY);
    CHECK_EQUAL(trial_told(bench), BRIDGE_TRIAL_UNDER_WAY); /* a look confirms nothing */
    bench_run(bench, TRIAL_US - 1 - (bench->port.now_us - bench->bridge.gone_us));
    CHECK_EQUAL(bench->port.restarts, 0);
    int waits = bench_connect(bench);
    bench_run(bench, 1);
    CHECK_EQUAL(bench->port.restarts, 1);
    CHECK_EQUAL(bench_expect(bench, waits, BRIDGE_CLOSING).as.closing.reason, BRIDGE_CLOSE_SHUTDOWN);
    CHECK_EQUAL(bench->port.confirmed, 0);
}

TEST(a_new_firmware_that_a_controller_comes_to_is_kept, "R65")
{
    bench_t *bench = start_on_trial(BRIDGE_TRIAL_UNDER_WAY);
    int sock = bench_control(bench, 1);
    CHECK_EQUAL(bench->port.confirmed, 1);
    fake_peer_leaves(&bench->port, sock);
    bench_run(bench, 2 * TRIAL_US);
    CHECK_EQUAL(bench->port.restarts, 0);
    CHECK_EQUAL(trial_told(bench), BRIDGE_TRIAL_NONE);
}

TEST(what_is_on_no_trial_never_restarts_and_tells_that_the_newest_failed, "R65")
{
    bench_t *bench = start_on_trial(BRIDGE_TRIAL_FAILED);
    bench_run(bench, 2 * TRIAL_US);
    CHECK_EQUAL(bench->port.restarts, 0);
    CHECK_EQUAL(trial_told(bench), BRIDGE_TRIAL_FAILED);
}

static void say_data(bench_t *bench, int sock, uint32_t offset, size_t length)
{
    static const uint8_t zeros[BRIDGE_MAX_UPDATE_DATA];
    bridge_message_t message = {.type = BRIDGE_UPDATE_DATA};
    message.as.data.offset = offset;
    message.as.data.bytes = (bridge_span_t){zeros, length};
    bench_say(bench, sock, &message);
}

/* All that is granted of an image comes in one go, before a batch: it begins in the same moment as without. */
TEST(what_is_granted_of_an_image_holds_up_neither_a_batch_nor_a_ping, "R64 R44")
{
    bench_t *bench = bench_start_managed();
    int sock = bench_control(bench, 1);
    uint8_t bytes[64];
    bridge_writer_t steps = bridge_writer(bytes, sizeof(bytes));
    put_send(&steps, "x");
    begin(bench, sock, 50000, "");
    uint32_t granted = bench_expect(bench, sock, BRIDGE_UPDATE_STATUS).as.status.granted;
    CHECK(granted > 0 && granted <= BRIDGE_MAX_UPDATE_AHEAD);
    for (uint32_t at = 0; at < granted; at += BRIDGE_MAX_UPDATE_DATA) {
        size_t left = granted - at;
        say_data(bench, sock, at, left < BRIDGE_MAX_UPDATE_DATA ? left : BRIDGE_MAX_UPDATE_DATA);
    }
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_CONSOLE);
    uint64_t said_us = bench->port.now_us;
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){bytes, steps.at});
    bridge_message_t ping = {.type = BRIDGE_PING};
    bench_say(bench, sock, &ping);
    bench_run(bench, 1000);
    CHECK_EQUAL(bench->bridge.upkeep.received, granted);
    CHECK(bench->bridge.upkeep.granted > granted);
    bridge_message_t message;
    while ((message = bench_hear(bench, sock)).type == BRIDGE_UPDATE_STATUS || message.type == BRIDGE_PONG) {
    }
    CHECK_EQUAL(message.type, BRIDGE_BATCH_RESULT);
    CHECK_EQUAL(message.as.result.started_us, said_us);
}
