/* Reads the files of protocol/vectors, which the Python tests read too: test_vectors FOLDER. Fails if one does. */
#include <stdlib.h>
#include <string.h>

#include "bridge_message.h"
#include "hex.h"

#define LINE_BYTES 300000 /* the longest vector: a frame of 65539 bytes in hex, and its meaning */

typedef bool (*check_t)(bridge_span_t data, const char *name, const char *meaning);

static char s_line[LINE_BYTES];
static uint8_t s_data[LINE_BYTES / 2];
static uint8_t s_copy[BRIDGE_MAX_FRAME];
static int s_failures;
static int s_checks;

static bridge_error_t decode_whole(bridge_span_t data, bridge_message_t *message)
{
    bridge_frame_t frame;
    size_t used;
    bridge_error_t error = bridge_take_frame(data, BRIDGE_MAX_FRAME, &frame, &used);
    if (error != BRIDGE_OK) {
        return error;
    }
    return used == data.length ? bridge_decode(&frame, message) : BRIDGE_ERR_FULL;
}

static bool check_message(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    bridge_message_t message;
    bool is_unknown = strncmp(meaning, "Unknown", 7) == 0;
    if (decode_whole(data, &message) != (is_unknown ? BRIDGE_ERR_UNKNOWN : BRIDGE_OK)) {
        return false;
    }
    bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
    return bridge_encode(&writer, &message) == BRIDGE_OK && writer.at == data.length &&
           memcmp(s_copy, data.data, data.length) == 0;
}

static bool check_surplus(bridge_span_t data, const char *name, const char *meaning)
{
    (void)meaning;
    bridge_message_t message;
    bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
    if (decode_whole(data, &message) != BRIDGE_OK || bridge_encode(&writer, &message) != BRIDGE_OK) {
        return false;
    }
    bool is_flags = strcmp(name, "hello_flags_to_come") == 0;
    if (is_flags) {
        return writer.at == data.length && !message.as.hello.takes_over;
    }
    return writer.at == data.length - 3 && memcmp(s_copy + 2, data.data + 2, writer.at - 2) == 0;
}

/* What an older peer does not say counts as 0 or empty: four bytes more in a Greeting. */
static bool check_older(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    (void)meaning;
    static const uint8_t nothing[4] = {0};
    bridge_message_t message;
    bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
    return decode_whole(data, &message) == BRIDGE_OK && bridge_encode(&writer, &message) == BRIDGE_OK &&
           writer.at == data.length + sizeof(nothing) && memcmp(s_copy + 2, data.data + 2, data.length - 2) == 0 &&
           memcmp(s_copy + data.length, nothing, sizeof(nothing)) == 0;
}

static bool check_malformed(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    (void)meaning;
    bridge_message_t message;
    return decode_whole(data, &message) == BRIDGE_ERR_MALFORMED;
}

static bool check_step(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    static const uint8_t before[] = {9, 4, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0, 0, 0}; /* Wait, Wait */
    uint8_t batch[1024];
    memcpy(batch, before, sizeof(before));
    memcpy(batch + sizeof(before), data.data, data.length);
    bridge_steps_t steps = bridge_steps((bridge_span_t){batch, sizeof(before) + data.length}, 3);
    bridge_step_t step;
    for (int i = 0; i < 3; i++) {
        if (bridge_next_step(&steps, &step) != BRIDGE_OK) {
            return false;
        }
    }
    bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
    bridge_put_step(&writer, &step);
    bool is_understood = strncmp(meaning, "UnknownStep", 11) != 0;
    return step.is_understood == is_understood && writer.at == data.length &&
           memcmp(s_copy, data.data, data.length) == 0;
}

static bool check_charge(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    bridge_message_t message;
    bridge_measure_t measure;
    unsigned long request, result, charge;
    if (sscanf(meaning, "request=%lu result=%lu charge=%lu", &request, &result, &charge) != 3 ||
        decode_whole(data, &message) != BRIDGE_OK ||
        bridge_measure(message.as.request.steps, message.as.request.count, &measure) != BRIDGE_OK) {
        return false;
    }
    return measure.request_bytes == request && measure.result_bytes == result &&
           bridge_charge(&measure) == charge;
}

static bool check_preamble(bridge_span_t data, const char *name, const char *meaning)
{
    (void)name;
    uint8_t minor = 0;
    bridge_error_t error = bridge_judge_preamble(data, &minor);
    unsigned int wanted;
    if (sscanf(meaning, "minor %u", &wanted) == 1) {
        return error == BRIDGE_OK && minor == wanted;
    }
    if (data.length < BRIDGE_PREAMBLE_BYTES) {
        return error == BRIDGE_WAIT;
    }
    char text[BRIDGE_MAX_TEXT];
    bridge_tell_refusal(data, text, sizeof(text));
    bool is_version = strstr(meaning, "speaks version") != NULL;
    return error == (is_version ? BRIDGE_ERR_VERSION : BRIDGE_ERR_FOREIGN) && strcmp(text, meaning) == 0;
}

static void check_line(check_t check, const char *file)
{
    char *bar = strstr(s_line, " | ");
    char *meaning = bar == NULL ? NULL : strstr(bar + 3, " | ");
    if (s_line[0] == '#' || meaning == NULL) {
        return;
    }
    *bar = '\0';
    meaning[strcspn(meaning, "\r\n")] = '\0';
    bridge_span_t data = {s_data, hex_read(bar + 3, s_data, sizeof(s_data))};
    s_checks++;
    if (!check(data, s_line, meaning + 3)) {
        s_failures++;
        printf("FAILED %s: %s\n", file, s_line);
    }
}

static void check_file(const char *folder, const char *file, check_t check)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *lines = fopen(path, "r");
    int before = s_checks;
    while (lines != NULL && fgets(s_line, sizeof(s_line), lines) != NULL) {
        check_line(check, file);
    }
    if (lines == NULL || s_checks == before) {
        s_failures++;
        printf("FAILED %s: no vectors\n", file);
    }
    if (lines != NULL) {
        fclose(lines);
    }
    printf("%s: %d\n", file, s_checks - before);
}

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    check_file(folder, "messages.txt", check_message);
    check_file(folder, "surplus.txt", check_surplus);
    check_file(folder, "older.txt", check_older);
    check_file(folder, "malformed.txt", check_malformed);
    check_file(folder, "steps.txt", check_step);
    check_file(folder, "charges.txt", check_charge);
    check_file(folder, "preambles.txt", check_preamble);
    check_file(folder, "secure/messages.txt", check_message);
    check_file(folder, "secure/surplus.txt", check_surplus);
    check_file(folder, "secure/malformed.txt", check_malformed);
    return s_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
