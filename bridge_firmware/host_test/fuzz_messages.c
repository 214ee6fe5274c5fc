#include "fuzz_messages.h"

#include "bench.h"
#include "bridge_settings.h"
#include "bridge_sha256.h"

#define RUNS 6U
#define MOST_STEPS 4U
#define MAX_PIECE 300U /* of an image: a session has 2048 bytes in all */

static const uint8_t s_image[2000];

static uint32_t some_time(fuzz_chance_t chance)
{
    static const uint32_t times_us[] = {0, 1, 100, 5000, 100000, UINT32_MAX};
    return times_us[chance(sizeof(times_us) / sizeof(times_us[0]))];
}

static void put_step(bridge_writer_t *steps, fuzz_chance_t chance)
{
    switch (chance(9)) {
    case 0:
        put_send(steps, chance(2) != 0 ? "?" : "a longer text");
        break;
    case 1:
        put_receive(steps, (uint16_t)chance(2000), some_time(chance));
        break;
    case 2:
        put_wait(steps, some_time(chance) / 2U);
        break;
    case 3:
        put_lines(steps, (uint8_t)chance(4), (uint8_t)chance(4));
        break;
    case 4:
        put_configure(steps, chance(2) != 0 ? 115200 : chance(3) * 9600U, chance(2) != 0);
        break;
    case 5: /* one of those that have only numbers: right lengths, any values */
        bridge_put_u8(steps, (uint8_t)(BRIDGE_STEP_RECEIVE_COUNTED + chance(3)));
        bridge_put_u16(steps, steps->data[steps->at - 1] == BRIDGE_STEP_DISCARD           ? 8
                              : steps->data[steps->at - 1] == BRIDGE_STEP_RECEIVE_COUNTED ? 9
                                                                                          : 10);
        for (uint16_t left = steps->data[steps->at - 2]; left > 0; left--) {
            bridge_put_u8(steps, (uint8_t)chance(3));
        }
        break;
    case 6:
        bridge_put_u8(steps, BRIDGE_STEP_SENSE);
        bridge_put_u16(steps, 0);
        break;
    case 7: /* an Expect that repeats */
        bridge_put_u8(steps, BRIDGE_STEP_EXPECT);
        bridge_put_u16(steps, 10);
        bridge_put_u8(steps, '?');
        bridge_put_u32(steps, some_time(chance));
        bridge_put_u8(steps, (uint8_t)chance(3));
        bridge_put_u16(steps, (uint16_t)chance(3));
        bridge_put_u16(steps, (uint16_t)chance(5));
        break;
    default:
        put_expect(steps, '?', some_time(chance));
    }
}

static void put_batch(bridge_writer_t *frames, fuzz_chance_t chance)
{
    uint8_t bytes[256];
    bridge_writer_t steps = bridge_writer(bytes, sizeof(bytes));
    bridge_message_t message = {.type = BRIDGE_BATCH_REQUEST};
    message.as.request.run = chance(RUNS);
    message.as.request.number = chance(3);
    message.as.request.count = (uint16_t)chance(MOST_STEPS);
    for (uint16_t i = 0; i < message.as.request.count; i++) {
        put_step(&steps, chance);
    }
    message.as.request.steps = (bridge_span_t){bytes, steps.at};
    (void)bridge_encode(frames, &message);
}

static void put_run(bridge_writer_t *frames, fuzz_chance_t chance)
{
    static const uint8_t types[] = {BRIDGE_BEGIN_RUN, BRIDGE_BEGIN_RUN, BRIDGE_ABORT, BRIDGE_END_RUN};
    bridge_message_t message = {.type = types[chance(sizeof(types))]};
    message.as.run.run = chance(RUNS);
    message.as.run.unclaimed = (uint8_t)chance(2);
    (void)bridge_encode(frames, &message);
}

static void put_hello(bridge_writer_t *frames, fuzz_chance_t chance)
{
    bridge_message_t message = {.type = BRIDGE_HELLO};
    message.as.hello.controller_id[0] = (uint8_t)chance(2);
    message.as.hello.takes_over = chance(2) != 0;
    message.as.hello.console_from = chance(20);
    message.as.hello.name = bridge_span_of(chance(2) != 0 ? "" : "tester");
    bridge_put_preamble(frames);
    (void)bridge_encode(frames, &message);
}

static void put_settings(bridge_writer_t *frames, fuzz_chance_t chance)
{
    static const char *const values[] = {"",    "yes", "no", "4",          "5!",          "-",
                                         "lab", "0",   "34", "57600 8E1", "a password", "70000"};
    uint8_t bytes[512];
    bridge_writer_t entries = bridge_writer(bytes, sizeof(bytes));
    const bridge_chip_t *chip = bridge_chip("esp32"); /* bench.c's */
    size_t keys = 0;
    while (bridge_settings_key(chip, keys) != NULL) {
        keys++;
    }
    bridge_message_t message = {.type = BRIDGE_SET_SETTINGS};
    message.as.settings.count = (uint8_t)chance(4);
    for (uint8_t i = 0; i < message.as.settings.count; i++) {
        const char *key = bridge_settings_key(chip, chance((uint32_t)keys + 1U));
        const char *value = values[chance(sizeof(values) / sizeof(values[0]))];
        bridge_put_text(&entries, bridge_span_of(key != NULL ? key : "unheard_of"), BRIDGE_MAX_WIRE_KEY);
        bridge_put_text(&entries, bridge_span_of(value), BRIDGE_MAX_WIRE_VALUE);
    }
    message.as.settings.entries = (bridge_span_t){bytes, entries.at};
    (void)bridge_encode(frames, &message);
}

static void put_bare(bridge_writer_t *frames, uint8_t type)
{
    bridge_message_t message = {.type = type};
    (void)bridge_encode(frames, &message);
}

/* Zeros, whose SHA-256 is right or not, whole or not. */
static void put_update(bridge_writer_t *frames, fuzz_chance_t chance)
{
    uint32_t length = chance(3) != 0 ? chance(2 * MAX_PIECE) : chance(2) * 200000U;
    bridge_message_t begin = {.type = BRIDGE_UPDATE_BEGIN};
    begin.as.begin.length = length;
    if (chance(4) != 0) {
        bridge_sha256_t sum;
        bridge_sha256_start(&sum);
        bridge_sha256_add(&sum, (bridge_span_t){s_image, length < sizeof(s_image) ? length : 0});
        bridge_sha256_end(&sum, begin.as.begin.sha256);
    }
    (void)bridge_encode(frames, &begin);
    uint32_t sent = chance(5) != 0 ? length : chance(length + 1U);
    for (uint32_t at = chance(8) == 0 ? chance(10) : 0; at < sent && at < 2 * MAX_PIECE;) {
        uint32_t piece = sent - at < MAX_PIECE ? sent - at : 1U + chance(MAX_PIECE);
        bridge_message_t data = {.type = BRIDGE_UPDATE_DATA};
        data.as.data.offset = at;
        data.as.data.bytes = (bridge_span_t){s_image, piece};
        (void)bridge_encode(frames, &data);
        at += piece;
    }
    put_bare(frames, chance(4) != 0 ? BRIDGE_UPDATE_FINISH : BRIDGE_UPDATE_CANCEL);
}

static void put_secure(bridge_writer_t *frames, fuzz_chance_t chance)
{
    bridge_message_t message = {.type = chance(2) != 0 ? BRIDGE_SECURE_REQUEST : BRIDGE_SECURE_INSTALL};
    if (message.type == BRIDGE_SECURE_REQUEST) {
        message.as.asking = bridge_span_of("tester");
    } else {
        message.as.install.certificate = bridge_span_of(chance(4) != 0 ? FAKE_CERTIFICATE : "bad");
        message.as.install.authority = bridge_span_of("authority");
    }
    if (chance(2) != 0) {
        bridge_put_preamble(frames);
    }
    (void)bridge_encode(frames, &message);
}

void fuzz_put_messages(bridge_writer_t *frames, fuzz_chance_t chance)
{
    static const uint8_t bare[] = {BRIDGE_GET_SETTINGS, BRIDGE_RESTART, BRIDGE_UPDATE_FINISH, BRIDGE_UPDATE_CANCEL};
    bridge_message_t message = {0};
    switch (chance(10)) {
    case 0:
        put_hello(frames, chance);
        break;
    case 1:
        put_run(frames, chance);
        break;
    case 2:
    case 3:
        put_batch(frames, chance);
        break;
    case 4:
        put_settings(frames, chance);
        break;
    case 5:
        put_update(frames, chance);
        break;
    case 6:
        put_secure(frames, chance);
        break;
    case 7:
        put_bare(frames, bare[chance(sizeof(bare))]);
        break;
    case 8:
        message.type = BRIDGE_CONSOLE_ACK;
        message.as.ack = chance(20);
        (void)bridge_encode(frames, &message);
        break;
    default:
        put_hello(frames, chance);
        put_run(frames, chance);
        put_batch(frames, chance);
    }
}
