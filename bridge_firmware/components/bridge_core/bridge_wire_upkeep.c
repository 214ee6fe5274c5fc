/* The messages about settings, restart and update, as bytes. */
#include <string.h>

#include "bridge_message.h"

/* Count and entries, each with two texts; those of Settings with flags. The span goes as far as the entries do. */
static void get_settings(bridge_reader_t *reader, bridge_message_t *message)
{
    uint8_t count = bridge_get_u8(reader);
    size_t start = reader->at;
    for (unsigned int i = 0; i < count && !reader->is_wrong; i++) {
        (void)bridge_get_text(reader, BRIDGE_MAX_WIRE_KEY);
        (void)bridge_get_text(reader, BRIDGE_MAX_WIRE_VALUE);
        if (message->type == BRIDGE_SETTINGS) {
            (void)bridge_get_u8(reader);
        }
    }
    if (reader->is_wrong || count > BRIDGE_MAX_SETTINGS) {
        reader->is_wrong = true;
        return;
    }
    message->as.settings.count = count;
    message->as.settings.entries = (bridge_span_t){reader->data + start, reader->at - start};
}

static void get_answer(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.answer.verdict = bridge_get_u8(reader);
    message->as.answer.key = bridge_get_text(reader, BRIDGE_MAX_WIRE_KEY);
    message->as.answer.text = bridge_get_text(reader, BRIDGE_MAX_TEXT);
    if (message->as.answer.verdict > BRIDGE_SETTINGS_REFUSED) {
        reader->is_wrong = true;
    }
}

static void get_begin(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.begin.length = bridge_get_u32(reader);
    bridge_span_t sha256 = bridge_get_span(reader, BRIDGE_SHA256_BYTES);
    if (sha256.length == BRIDGE_SHA256_BYTES) {
        memcpy(message->as.begin.sha256, sha256.data, sha256.length);
    }
    size_t length = bridge_get_u16(reader);
    message->as.begin.signature = bridge_get_span(reader, length);
    if (length > BRIDGE_MAX_SIGNATURE) {
        reader->is_wrong = true;
    }
}

static void get_status(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.status.state = bridge_get_u8(reader);
    message->as.status.granted = bridge_get_u32(reader);
    message->as.status.text = bridge_get_text(reader, BRIDGE_MAX_TEXT);
    if (message->as.status.state > BRIDGE_UPDATE_REFUSED) {
        reader->is_wrong = true;
    }
}

static void get_data(bridge_reader_t *reader, bridge_message_t *message)
{
    message->as.data.offset = bridge_get_u32(reader);
    size_t length = bridge_get_u16(reader);
    message->as.data.bytes = bridge_get_span(reader, length);
    if (length < 1 || length > BRIDGE_MAX_UPDATE_DATA) {
        reader->is_wrong = true;
    }
}

bool bridge_get_upkeep(bridge_reader_t *reader, bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_SETTINGS:
    case BRIDGE_SET_SETTINGS:
        get_settings(reader, message);
        return true;
    case BRIDGE_SETTINGS_ANSWER:
        get_answer(reader, message);
        return true;
    case BRIDGE_UPDATE_BEGIN:
        get_begin(reader, message);
        return true;
    case BRIDGE_UPDATE_STATUS:
        get_status(reader, message);
        return true;
    case BRIDGE_UPDATE_DATA:
        get_data(reader, message);
        return true;
    case BRIDGE_GET_SETTINGS:
    case BRIDGE_RESTART:
    case BRIDGE_UPDATE_FINISH:
    case BRIDGE_UPDATE_CANCEL:
        return true;
    default:
        return false;
    }
}

void bridge_put_setting(bridge_writer_t *writer, bridge_span_t key, bridge_span_t value, uint8_t flags)
{
    bridge_put_text(writer, key, BRIDGE_MAX_WIRE_KEY);
    bridge_put_text(writer, value, BRIDGE_MAX_WIRE_VALUE);
    bridge_put_u8(writer, flags);
}

bool bridge_put_upkeep(bridge_writer_t *writer, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_SETTINGS:
    case BRIDGE_SET_SETTINGS:
        bridge_put_u8(writer, message->as.settings.count);
        bridge_put_span(writer, message->as.settings.entries);
        return true;
    case BRIDGE_SETTINGS_ANSWER:
        bridge_put_u8(writer, message->as.answer.verdict);
        bridge_put_text(writer, message->as.answer.key, BRIDGE_MAX_WIRE_KEY);
        bridge_put_text(writer, message->as.answer.text, BRIDGE_MAX_TEXT);
        return true;
    case BRIDGE_UPDATE_BEGIN:
        bridge_put_u32(writer, message->as.begin.length);
        bridge_put_span(writer, (bridge_span_t){message->as.begin.sha256, BRIDGE_SHA256_BYTES});
        bridge_put_u16(writer, (uint16_t)message->as.begin.signature.length);
        bridge_put_span(writer, message->as.begin.signature);
        return true;
    case BRIDGE_UPDATE_STATUS:
        bridge_put_u8(writer, message->as.status.state);
        bridge_put_u32(writer, message->as.status.granted);
        bridge_put_text(writer, message->as.status.text, BRIDGE_MAX_TEXT);
        return true;
    case BRIDGE_UPDATE_DATA:
        bridge_put_u32(writer, message->as.data.offset);
        bridge_put_u16(writer, (uint16_t)message->as.data.bytes.length);
        bridge_put_span(writer, message->as.data.bytes);
        return true;
    case BRIDGE_GET_SETTINGS:
    case BRIDGE_RESTART:
    case BRIDGE_UPDATE_FINISH:
    case BRIDGE_UPDATE_CANCEL:
        return true;
    default:
        return false;
    }
}
