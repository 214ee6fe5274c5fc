#include <string.h>

#include "bridge_message.h"

#define FIRST_OF_A_UART BRIDGE_BEGIN_RUN /* messages from here on are about one UART (R7) */
#define TAKE_OVER 0x01U

static void get_id(bridge_reader_t *reader, uint8_t *id, size_t length)
{
    bridge_span_t span = bridge_get_span(reader, length);
    if (span.length == length) {
        memcpy(id, span.data, length);
    }
}

static void decode_greeting(bridge_reader_t *reader, bridge_greeting_t *greeting)
{
    get_id(reader, greeting->unique_id, BRIDGE_UNIQUE_ID_BYTES);
    get_id(reader, greeting->boot_id, BRIDGE_BOOT_ID_BYTES);
    greeting->lines = bridge_get_u8(reader);
    greeting->credit = bridge_get_u32(reader);
    greeting->max_batch = bridge_get_u32(reader);
    greeting->console_ring = bridge_get_u32(reader);
    greeting->console_oldest = bridge_get_u64(reader);
    greeting->console_next = bridge_get_u64(reader);
    greeting->now_us = bridge_get_u64(reader);
    greeting->last_run = bridge_get_u32(reader);
    greeting->last_number = bridge_get_u32(reader);
    greeting->last_outcome = bridge_get_u8(reader);
    greeting->name = bridge_get_text(reader, BRIDGE_MAX_NAME);
    greeting->firmware = bridge_get_text(reader, BRIDGE_MAX_FIRMWARE);
    greeting->holder = bridge_get_text(reader, BRIDGE_MAX_NAME);
    size_t steps = bridge_get_u8(reader);
    greeting->steps = bridge_get_span(reader, steps);
    if (reader->at < reader->length) { /* a bridge of 1.0 ends before */
        greeting->rights = bridge_get_u8(reader);
        greeting->project = bridge_get_text(reader, BRIDGE_MAX_PROJECT);
        greeting->chip = bridge_get_text(reader, BRIDGE_MAX_CHIP);
        greeting->trial = bridge_get_u8(reader);
    }
    bool is_outcome = greeting->last_outcome <= BRIDGE_ABORTED || greeting->last_outcome == BRIDGE_NO_BATCH;
    if (!is_outcome || greeting->trial > BRIDGE_TRIAL_FAILED || greeting->console_oldest > greeting->console_next) {
        reader->is_wrong = true;
    }
}

static void decode_hello(bridge_reader_t *reader, bridge_hello_t *hello)
{
    get_id(reader, hello->controller_id, BRIDGE_CONTROLLER_ID_BYTES);
    hello->takes_over = (bridge_get_u8(reader) & TAKE_OVER) != 0;
    hello->console_from = bridge_get_u64(reader);
    hello->name = bridge_get_text(reader, BRIDGE_MAX_NAME);
}

static void decode_welcome(bridge_reader_t *reader, bridge_welcome_t *welcome)
{
    uint8_t has_last = bridge_get_u8(reader);
    welcome->has_last = has_last == 1;
    if (has_last > 1) {
        reader->is_wrong = true;
    } else if (welcome->has_last) {
        welcome->last_port = bridge_get_u8(reader);
        bridge_get_result(reader, &welcome->last);
    }
}

static void decode_request(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.request.run = bridge_get_u32(reader);
    message->as.request.number = bridge_get_u32(reader);
    message->as.request.count = bridge_get_u16(reader);
    bridge_span_t rest = bridge_get_span(reader, reader->length - reader->at);
    bridge_measure_t measure;
    if (reader->is_wrong || message->as.request.count > BRIDGE_MAX_STEPS ||
        bridge_measure(rest, message->as.request.count, &measure) != BRIDGE_OK) {
        reader->is_wrong = true;
        return;
    }
    message->as.request.steps = (bridge_span_t){rest.data, measure.request_bytes - BRIDGE_REQUEST_FIXED};
}

static void decode_console(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.console.position = bridge_get_u64(reader);
    message->as.console.at_us = bridge_get_u64(reader);
    size_t length = bridge_get_u16(reader);
    message->as.console.data = bridge_get_span(reader, length);
    if (length < 1 || length > BRIDGE_MAX_CONSOLE) {
        reader->is_wrong = true;
    }
}

static bool decode_handshake(bridge_reader_t *reader, bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_GREETING:
        decode_greeting(reader, &message->as.greeting);
        return true;
    case BRIDGE_HELLO:
        decode_hello(reader, &message->as.hello);
        return true;
    case BRIDGE_WELCOME:
        decode_welcome(reader, &message->as.welcome);
        return true;
    case BRIDGE_BUSY:
        get_id(reader, message->as.busy.holder_id, BRIDGE_CONTROLLER_ID_BYTES);
        message->as.busy.held_for_us = bridge_get_u64(reader);
        message->as.busy.holder = bridge_get_text(reader, BRIDGE_MAX_NAME);
        return true;
    case BRIDGE_UNSUPPORTED:
        message->as.unsupported = bridge_get_u8(reader);
        return true;
    case BRIDGE_CLOSING:
        message->as.closing.reason = bridge_get_u8(reader);
        message->as.closing.text = bridge_get_text(reader, BRIDGE_MAX_TEXT);
        return true;
    default:
        return false;
    }
}

static void decode_begin_run(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.run.run = bridge_get_u32(reader);
    message->as.run.unclaimed = bridge_get_u8(reader);
    if (message->as.run.unclaimed > BRIDGE_UNCLAIMED_RESIDUE) {
        reader->is_wrong = true;
    }
}

static bool decode_batches(bridge_reader_t *reader, bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_PING:
    case BRIDGE_PONG:
        message->as.ping.token = bridge_get_u32(reader);
        message->as.ping.now_us = message->type == BRIDGE_PONG ? bridge_get_u64(reader) : 0;
        return true;
    case BRIDGE_BEGIN_RUN:
        decode_begin_run(reader, message);
        return true;
    case BRIDGE_ABORT:
    case BRIDGE_END_RUN:
        message->as.run.run = bridge_get_u32(reader);
        return true;
    case BRIDGE_BATCH_REQUEST:
        decode_request(reader, message);
        return true;
    case BRIDGE_BATCH_RESULT:
        bridge_get_result(reader, &message->as.result);
        return true;
    default:
        return false;
    }
}

static bool decode_consoles(bridge_reader_t *reader, bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_CONSOLE:
        decode_console(reader, message);
        return true;
    case BRIDGE_CONSOLE_GAP:
        message->as.gap.position = bridge_get_u64(reader);
        message->as.gap.length = bridge_get_u64(reader);
        if (message->as.gap.length == 0) {
            reader->is_wrong = true;
        }
        return true;
    case BRIDGE_CONSOLE_ACK:
        message->as.ack = bridge_get_u64(reader);
        return true;
    default:
        return false;
    }
}

bool bridge_is_ours(uint8_t type, uint8_t port)
{
    return port == 0 || type < FIRST_OF_A_UART;
}

bridge_error_t bridge_decode(const bridge_frame_t *frame, bridge_message_t *message)
{
    *message = (bridge_message_t){.type = frame->type, .port = frame->port};
    bridge_reader_t reader = bridge_reader(frame->payload.data, frame->payload.length);
    if (bridge_is_ours(frame->type, frame->port) &&
        (decode_handshake(&reader, message) || decode_batches(&reader, message) ||
         decode_consoles(&reader, message) || bridge_get_upkeep(&reader, message) ||
         bridge_get_secure(&reader, message))) {
        return bridge_reader_end(&reader);
    }
    message->as.unknown = frame->payload;
    return BRIDGE_ERR_UNKNOWN;
}
