/* Reads frames as lines of hex, answers each with a line: for the differential test against the Python parser.
 *
 * `ok HEX` (decoded and encoded again), `malformed`, `cut`, `unknown HEX`. A BatchRequest's answer goes on with its
 * charge, its first step that is not understood (65535: none), and its steps, each decoded and encoded again. */
#include <stdlib.h>
#include <string.h>

#include "bridge_message.h"
#include "hex.h"

#define LINE_BYTES 300000

static char s_line[LINE_BYTES];
static uint8_t s_data[LINE_BYTES / 2];
static uint8_t s_copy[BRIDGE_MAX_FRAME];

static void print_steps(const bridge_message_t *message)
{
    bridge_measure_t measure;
    bridge_error_t error = bridge_measure(message->as.request.steps, message->as.request.count, &measure);
    printf(" %zu %u ", error == BRIDGE_OK ? bridge_charge(&measure) : 0, (unsigned int)measure.not_understood);
    bridge_steps_t steps = bridge_steps(message->as.request.steps, message->as.request.count);
    bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
    bridge_step_t step;
    while (bridge_next_step(&steps, &step) == BRIDGE_OK) {
        bridge_put_step(&writer, &step);
    }
    hex_print(s_copy, writer.at);
}

static void answer(bridge_span_t data)
{
    bridge_frame_t frame;
    bridge_message_t message;
    size_t used;
    /* A copy of its own size, so that the address sanitizer sees a read beyond it. */
    uint8_t *copy = malloc(data.length + 1);
    memcpy(copy, data.data, data.length);
    bridge_error_t error = bridge_take_frame((bridge_span_t){copy, data.length}, BRIDGE_MAX_FRAME, &frame, &used);
    if (error == BRIDGE_OK) {
        error = bridge_decode(&frame, &message);
    }
    if (error != BRIDGE_OK && error != BRIDGE_ERR_UNKNOWN) {
        printf(error == BRIDGE_WAIT ? "cut" : "malformed");
    } else {
        bridge_writer_t writer = bridge_writer(s_copy, sizeof(s_copy));
        if (bridge_encode(&writer, &message) != BRIDGE_OK) {
            abort();
        }
        printf(error == BRIDGE_OK ? "ok " : "unknown ");
        hex_print(s_copy, writer.at);
        if (error == BRIDGE_OK && message.type == BRIDGE_BATCH_REQUEST) {
            print_steps(&message);
        }
    }
    printf("\n");
    free(copy);
}

int main(void)
{
    while (fgets(s_line, sizeof(s_line), stdin) != NULL) {
        answer((bridge_span_t){s_data, hex_read(s_line, s_data, sizeof(s_data))});
    }
    return EXIT_SUCCESS;
}
