#include "bridge_bytes.h"

#include <string.h>

bridge_reader_t bridge_reader(const uint8_t *data, size_t length)
{
    return (bridge_reader_t){.data = data, .length = length};
}

bridge_span_t bridge_get_span(bridge_reader_t *reader, size_t length)
{
    if (reader->is_wrong || length > reader->length - reader->at) {
        reader->is_wrong = true;
        return (bridge_span_t){0};
    }
    bridge_span_t span = {reader->data + reader->at, length};
    reader->at += length;
    return span;
}

static uint64_t get(bridge_reader_t *reader, size_t size)
{
    bridge_span_t span = bridge_get_span(reader, size);
    uint64_t value = 0;
    for (size_t i = span.length; i > 0; i--) {
        value = value << 8 | span.data[i - 1];
    }
    return value;
}

uint8_t bridge_get_u8(bridge_reader_t *reader)
{
    return (uint8_t)get(reader, 1);
}

uint16_t bridge_get_u16(bridge_reader_t *reader)
{
    return (uint16_t)get(reader, 2);
}

uint32_t bridge_get_u32(bridge_reader_t *reader)
{
    return (uint32_t)get(reader, 4);
}

uint64_t bridge_get_u64(bridge_reader_t *reader)
{
    return get(reader, 8);
}

bridge_span_t bridge_get_text(bridge_reader_t *reader, size_t most_bytes)
{
    size_t length = bridge_get_u8(reader);
    bridge_span_t text = bridge_get_span(reader, length);
    if (length > most_bytes || !bridge_is_utf8(text)) {
        reader->is_wrong = true;
        return (bridge_span_t){0};
    }
    return text;
}

bridge_error_t bridge_reader_end(const bridge_reader_t *reader)
{
    return reader->is_wrong ? BRIDGE_ERR_MALFORMED : BRIDGE_OK;
}

bridge_writer_t bridge_writer(uint8_t *data, size_t capacity)
{
    return (bridge_writer_t){.data = data, .capacity = capacity};
}

static void put(bridge_writer_t *writer, uint64_t value, size_t size)
{
    if (writer->is_wrong || size > writer->capacity - writer->at) {
        writer->is_wrong = true;
        return;
    }
    for (size_t i = 0; i < size; i++) {
        writer->data[writer->at++] = (uint8_t)(value >> (8 * i));
    }
}

void bridge_put_u8(bridge_writer_t *writer, uint8_t value)
{
    put(writer, value, 1);
}

void bridge_put_u16(bridge_writer_t *writer, uint16_t value)
{
    put(writer, value, 2);
}

void bridge_put_u32(bridge_writer_t *writer, uint32_t value)
{
    put(writer, value, 4);
}

void bridge_put_u64(bridge_writer_t *writer, uint64_t value)
{
    put(writer, value, 8);
}

void bridge_put_span(bridge_writer_t *writer, bridge_span_t span)
{
    if (writer->is_wrong || span.length > writer->capacity - writer->at) {
        writer->is_wrong = true;
        return;
    }
    if (span.length > 0) {
        memmove(writer->data + writer->at, span.data, span.length);
        writer->at += span.length;
    }
}

void bridge_put_text(bridge_writer_t *writer, bridge_span_t text, size_t most_bytes)
{
    if (text.length > most_bytes) {
        text.length = most_bytes;
        while (text.length > 0 && (text.data[text.length] & 0xC0U) == 0x80U) {
            text.length--;
        }
    }
    bridge_put_u8(writer, (uint8_t)text.length);
    bridge_put_span(writer, text);
}

bridge_error_t bridge_writer_end(const bridge_writer_t *writer)
{
    return writer->is_wrong ? BRIDGE_ERR_FULL : BRIDGE_OK;
}

/* Length of the character that begins with `first` (RFC 3629), 0 when none does. */
static size_t utf8_length(uint8_t first)
{
    if (first < 0x80U) {
        return 1;
    }
    if (first >= 0xC2U && first <= 0xDFU) {
        return 2;
    }
    if ((first & 0xF0U) == 0xE0U) {
        return 3;
    }
    return first >= 0xF0U && first <= 0xF4U ? 4 : 0;
}

/* Whether a second byte makes no overlong form, no surrogate, nothing beyond U+10FFFF (RFC 3629 section 4). */
static bool is_second(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xE0U:
        return second >= 0xA0U && second <= 0xBFU;
    case 0xEDU:
        return second >= 0x80U && second <= 0x9FU;
    case 0xF0U:
        return second >= 0x90U && second <= 0xBFU;
    case 0xF4U:
        return second >= 0x80U && second <= 0x8FU;
    default:
        return (second & 0xC0U) == 0x80U;
    }
}

uint16_t bridge_count_up(uint16_t count, uint32_t by)
{
    uint32_t room = UINT16_MAX - (uint32_t)count;
    return (uint16_t)(count + (by < room ? by : room));
}

bool bridge_is_utf8(bridge_span_t text)
{
    size_t at = 0;
    while (at < text.length) {
        size_t length = utf8_length(text.data[at]);
        if (length == 0 || length > text.length - at) {
            return false;
        }
        if (length > 1 && !is_second(text.data[at], text.data[at + 1])) {
            return false;
        }
        for (size_t i = 2; i < length; i++) {
            if ((text.data[at + i] & 0xC0U) != 0x80U) {
                return false;
            }
        }
        at += length;
    }
    return true;
}

bridge_span_t bridge_span_of(const char *text)
{
    return (bridge_span_t){(const uint8_t *)text, strlen(text)};
}
