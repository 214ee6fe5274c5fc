/* Settings over the network of a bridge that has them all: an ESP32's. */
#include "bench.h"
#include "check.h"

typedef struct {
    const char *key;
    const char *good;
    const char *wrong;
} values_t;

static const values_t s_values[] = {
    {"name", "bench 9", "\n"},
    {"ssid", "lab", "a name that no Wi-Fi network can have: 33"},
    {"password", "correct horse", "short"},
    {"tx", "4", "99"},
    {"rx", "27", "GPIO"},
    {"nrst", "19", "5"},
    {"boot0", "23", "34"},
    {"direction", "18", "6"},
    {"led", "21", "-7"},
    {"console", "57600 8E1", "fast"},
    {"port", "7821", "0"},
    {"net_settings", "no", "maybe"},
    {"net_update", "no", "maybe"},
};

#define VALUES (sizeof(s_values) / sizeof(s_values[0]))

static bool is_text(bridge_span_t span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.data, text, span.length) == 0;
}

static bool has_text(bridge_span_t span, const char *text)
{
    char whole[BRIDGE_MAX_TEXT + 1U];
    memcpy(whole, span.data, span.length);
    whole[span.length] = '\0';
    return strstr(whole, text) != NULL;
}

static bridge_message_t change(bench_t *bench, int sock, const values_t *first, const values_t *second)
{
    uint8_t bytes[512];
    bridge_writer_t entries = bridge_writer(bytes, sizeof(bytes));
    bridge_message_t message = {.type = BRIDGE_SET_SETTINGS};
    const values_t *const changes[] = {first, second};
    for (size_t i = 0; i < 2 && changes[i] != NULL; i++) {
        bridge_put_text(&entries, bridge_span_of(changes[i]->key), BRIDGE_MAX_WIRE_KEY);
        bridge_put_text(&entries, bridge_span_of(changes[i]->good), BRIDGE_MAX_WIRE_VALUE);
        message.as.settings.count++;
    }
    message.as.settings.entries = (bridge_span_t){bytes, entries.at};
    bench_say(bench, sock, &message);
    bench_run(bench, 1000);
    return bench_expect(bench, sock, BRIDGE_SETTINGS_ANSWER);
}

/* Each setting's value as it is told, and its flags; in the order to show them. */
static void told(bench_t *bench, int sock, bridge_span_t *values, uint8_t *flags)
{
    bridge_message_t message = {.type = BRIDGE_GET_SETTINGS};
    bench_say(bench, sock, &message);
    bench_run(bench, 1000);
    bridge_message_t table = bench_expect(bench, sock, BRIDGE_SETTINGS);
    CHECK_EQUAL(table.as.settings.count, VALUES);
    bridge_reader_t reader = bridge_reader(table.as.settings.entries.data, table.as.settings.entries.length);
    for (size_t i = 0; i < VALUES; i++) {
        CHECK(is_text(bridge_get_text(&reader, BRIDGE_MAX_WIRE_KEY), s_values[i].key));
        values[i] = bridge_get_text(&reader, BRIDGE_MAX_WIRE_VALUE);
        flags[i] = bridge_get_u8(&reader);
    }
    CHECK_EQUAL(bridge_reader_end(&reader), BRIDGE_OK);
}

TEST(each_is_told_once_takes_what_is_right_and_refuses_what_is_not, "R59 R60")
{
    bench_t *bench = bench_start_managed();
    int sock = bench_control(bench, 1);
    bridge_span_t values[VALUES];
    uint8_t flags[VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        values_t wrong = {s_values[i].key, s_values[i].wrong, ""};
        bridge_message_t refused = change(bench, sock, &wrong, NULL);
        CHECK_EQUAL(refused.as.answer.verdict, BRIDGE_SETTINGS_REFUSED);
        CHECK(is_text(refused.as.answer.key, wrong.key));
        CHECK(refused.as.answer.text.length > 0);
    }
    for (size_t i = 0; i < VALUES; i++) {
        CHECK(change(bench, sock, &s_values[i], NULL).as.answer.verdict != BRIDGE_SETTINGS_REFUSED);
    }
    told(bench, sock, values, flags);
    for (size_t i = 0; i < VALUES; i++) {
        bool is_secret = strcmp(s_values[i].key, "password") == 0;
        CHECK(is_text(values[i], is_secret ? "set" : s_values[i].good));
        CHECK_EQUAL((flags[i] & BRIDGE_SETTING_IS_SECRET) != 0, is_secret);
    }
}

TEST(a_secret_is_told_in_no_message_and_no_sentence, "R59 R60")
{
    bench_t *bench = bench_start_managed();
    int sock = bench_control(bench, 1);
    bridge_span_t values[VALUES];
    uint8_t flags[VALUES];
    values_t password = {"password", "correct horse", ""};
    values_t too_short = {"password", "hunter2", ""};
    told(bench, sock, values, flags);
    CHECK(is_text(values[2], "not set"));
    CHECK_EQUAL(flags[2], BRIDGE_SETTING_IS_SECRET);
    CHECK_EQUAL(change(bench, sock, &password, NULL).as.answer.verdict, BRIDGE_SETTINGS_AFTER_RESTART);
    told(bench, sock, values, flags);
    CHECK(is_text(values[2], "set"));
    CHECK_EQUAL(flags[2], BRIDGE_SETTING_IS_SECRET | BRIDGE_SETTING_IS_PENDING);
    bridge_message_t refused = change(bench, sock, &too_short, NULL);
    CHECK_EQUAL(refused.as.answer.verdict, BRIDGE_SETTINGS_REFUSED);
    CHECK(is_text(refused.as.answer.key, "password"));
    CHECK(!has_text(refused.as.answer.text, "hunter2"));
}

TEST(pins_have_to_be_fit_for_it_and_to_go_together, "R60")
{
    bench_t *bench = bench_start_managed();
    int sock = bench_control(bench, 1);
    values_t strapping = {"nrst", "5", ""};
    values_t one = {"nrst", "25", ""};
    values_t same = {"boot0", "25", ""};
    CHECK(has_text(change(bench, sock, &strapping, NULL).as.answer.text, "strapping"));
    bridge_message_t refused = change(bench, sock, &one, &same);
    CHECK(is_text(refused.as.answer.key, ""));
    CHECK(has_text(refused.as.answer.text, "GPIO25 cannot be both nrst and boot0"));
}
