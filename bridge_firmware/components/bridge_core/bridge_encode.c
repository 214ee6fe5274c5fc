#include "bridge_message.h"

static bridge_span_t id_span(const uint8_t *id, size_t length)
{
    return (bridge_span_t){id, length};
}

static void put_greeting(bridge_writer_t *writer, const bridge_greeting_t *greeting)
{
    bridge_put_span(writer, id_span(greeting->unique_id, BRIDGE_UNIQUE_ID_BYTES));
    bridge_put_span(writer, id_span(greeting->boot_id, BRIDGE_BOOT_ID_BYTES));
    bridge_put_u8(writer, greeting->lines);
    bridge_put_u32(writer, greeting->credit);
    bridge_put_u32(writer, greeting->max_batch);
    bridge_put_u32(writer, greeting->console_ring);
    bridge_put_u64(writer, greeting->console_oldest);
    bridge_put_u64(writer, greeting->console_next);
    bridge_put_u64(writer, greeting->now_us);
    bridge_put_u32(writer, greeting->last_run);
    bridge_put_u32(writer, greeting->last_number);
    bridge_put_u8(writer, greeting->last_outcome);
    bridge_put_text(writer, greeting->name, BRIDGE_MAX_NAME);
    bridge_put_text(writer, greeting->firmware, BRIDGE_MAX_FIRMWARE);
    bridge_put_text(writer, greeting->holder, BRIDGE_MAX_NAME);
    bridge_put_u8(writer, (uint8_t)greeting->steps.length);
    bridge_put_span(writer, greeting->steps);
    bridge_put_u8(writer, greeting->rights);
    bridge_put_text(writer, greeting->project, BRIDGE_MAX_PROJECT);
    bridge_put_text(writer, greeting->chip, BRIDGE_MAX_CHIP);
    bridge_put_u8(writer, greeting->trial);
}

static void put_hello(bridge_writer_t *writer, const bridge_hello_t *hello)
{
    bridge_put_span(writer, id_span(hello->controller_id, BRIDGE_CONTROLLER_ID_BYTES));
    bridge_put_u8(writer, hello->takes_over ? 1 : 0);
    bridge_put_u64(writer, hello->console_from);
    bridge_put_text(writer, hello->name, BRIDGE_MAX_NAME);
}

static void put_welcome(bridge_writer_t *writer, const bridge_welcome_t *welcome)
{
    bridge_put_u8(writer, welcome->has_last ? 1 : 0);
    if (welcome->has_last) {
        bridge_put_u8(writer, welcome->last_port);
        bridge_put_result(writer, &welcome->last);
    }
}

static bool put_handshake(bridge_writer_t *writer, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_GREETING:
        put_greeting(writer, &message->as.greeting);
        return true;
    case BRIDGE_HELLO:
        put_hello(writer, &message->as.hello);
        return true;
    case BRIDGE_WELCOME:
        put_welcome(writer, &message->as.welcome);
        return true;
    case BRIDGE_BUSY:
        bridge_put_span(writer, id_span(message->as.busy.holder_id, BRIDGE_CONTROLLER_ID_BYTES));
        bridge_put_u64(writer, message->as.busy.held_for_us);
        bridge_put_text(writer, message->as.busy.holder, BRIDGE_MAX_NAME);
        return true;
    case BRIDGE_UNSUPPORTED:
        bridge_put_u8(writer, message->as.unsupported);
        return true;
    case BRIDGE_CLOSING:
        bridge_put_u8(writer, message->as.closing.reason);
        bridge_put_text(writer, message->as.closing.text, BRIDGE_MAX_TEXT);
        return true;
    default:
        return false;
    }
}

static bool put_batches(bridge_writer_t *writer, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_PING:
        bridge_put_u32(writer, message->as.ping.token);
        return true;
    case BRIDGE_PONG:
        bridge_put_u32(writer, message->as.ping.token);
        bridge_put_u64(writer, message->as.ping.now_us);
        return true;
    case BRIDGE_BEGIN_RUN:
        bridge_put_u32(writer, message->as.run.run);
        bridge_put_u8(writer, message->as.run.unclaimed);
        return true;
    case BRIDGE_ABORT:
    case BRIDGE_END_RUN:
        bridge_put_u32(writer, message->as.run.run);
        return true;
    case BRIDGE_BATCH_REQUEST:
        bridge_put_u32(writer, message->as.request.run);
        bridge_put_u32(writer, message->as.request.number);
        bridge_put_u16(writer, message->as.request.count);
        bridge_put_span(writer, message->as.request.steps);
        return true;
    case BRIDGE_BATCH_RESULT:
        bridge_put_result(writer, &message->as.result);
        return true;
    default:
        return false;
    }
}

static bool put_consoles(bridge_writer_t *writer, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_CONSOLE:
        bridge_put_u64(writer, message->as.console.position);
        bridge_put_u64(writer, message->as.console.at_us);
        bridge_put_u16(writer, (uint16_t)message->as.console.data.length);
        bridge_put_span(writer, message->as.console.data);
        return true;
    case BRIDGE_CONSOLE_GAP:
        bridge_put_u64(writer, message->as.gap.position);
        bridge_put_u64(writer, message->as.gap.length);
        return true;
    case BRIDGE_CONSOLE_ACK:
        bridge_put_u64(writer, message->as.ack);
        return true;
    default:
        return false;
    }
}

bridge_error_t bridge_encode(bridge_writer_t *writer, const bridge_message_t *message)
{
    size_t start = writer->at;
    bridge_put_u16(writer, 0);
    bridge_put_u8(writer, message->type);
    bridge_put_u8(writer, message->port);
    if (!bridge_is_ours(message->type, message->port) ||
        (!put_handshake(writer, message) && !put_batches(writer, message) && !put_consoles(writer, message) &&
         !bridge_put_upkeep(writer, message) && !bridge_put_secure(writer, message))) {
        bridge_put_span(writer, message->as.unknown);
    }
    size_t length = writer->at - start - BRIDGE_HEADER_BYTES;
    if (writer->is_wrong || length > UINT16_MAX) {
        *writer = (bridge_writer_t){.data = writer->data, .capacity = writer->capacity, .at = start};
        return BRIDGE_ERR_FULL;
    }
    writer->data[start] = (uint8_t)length;
    writer->data[start + 1] = (uint8_t)(length >> 8);
    return BRIDGE_OK;
}
