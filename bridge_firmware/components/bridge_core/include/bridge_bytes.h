/* Little-endian fields, read and written one after the other within bounds; no struct is laid over bytes.
 *
 * Readers and writers are sticky: after a field that did not fit every later one gives 0 or does nothing, so
 * that the error is asked for once, at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge_error.h"

typedef struct {
    const uint8_t *data;
    size_t length;
} bridge_span_t;

typedef struct {
    const uint8_t *data;
    size_t length;
    size_t at;
    bool is_wrong;
} bridge_reader_t;

typedef struct {
    uint8_t *data;
    size_t capacity;
    size_t at;
    bool is_wrong;
} bridge_writer_t;

bridge_reader_t bridge_reader(const uint8_t *data, size_t length);
uint8_t bridge_get_u8(bridge_reader_t *reader);
uint16_t bridge_get_u16(bridge_reader_t *reader);
uint32_t bridge_get_u32(bridge_reader_t *reader);
uint64_t bridge_get_u64(bridge_reader_t *reader);
bridge_span_t bridge_get_span(bridge_reader_t *reader, size_t length);
/* A length u8, at most `most_bytes`, and as many bytes of UTF-8. */
bridge_span_t bridge_get_text(bridge_reader_t *reader, size_t most_bytes);
/* BRIDGE_ERR_MALFORMED when a field passed the end or was wrong. */
bridge_error_t bridge_reader_end(const bridge_reader_t *reader);

bridge_writer_t bridge_writer(uint8_t *data, size_t capacity);
void bridge_put_u8(bridge_writer_t *writer, uint8_t value);
void bridge_put_u16(bridge_writer_t *writer, uint16_t value);
void bridge_put_u32(bridge_writer_t *writer, uint32_t value);
void bridge_put_u64(bridge_writer_t *writer, uint64_t value);
void bridge_put_span(bridge_writer_t *writer, bridge_span_t span);
/* A length u8 and the text; what exceeds `most_bytes` is cut between two characters. */
void bridge_put_text(bridge_writer_t *writer, bridge_span_t text, size_t most_bytes);
/* BRIDGE_ERR_FULL when a field did not fit. */
bridge_error_t bridge_writer_end(const bridge_writer_t *writer);

/* A count of the wire, raised: it stops at its largest value. */
uint16_t bridge_count_up(uint16_t count, uint32_t by);

bool bridge_is_utf8(bridge_span_t text);
bridge_span_t bridge_span_of(const char *text);
