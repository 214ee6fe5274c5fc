#include "bridge_frame.h"

#include <stdio.h>
#include <string.h>

static const uint8_t s_magic[] = {'S', 'T', 'M', 'O', 'T', 'A'};

_Static_assert(sizeof(s_magic) + 2 == BRIDGE_PREAMBLE_BYTES, "magic, major, minor");

typedef struct {
    const char *first;
    const char *name;
} foreign_t;

static const foreign_t s_foreign[] = {
    {"SSH-", "SSH"},
    {"HTTP/", "an HTTP answer"},
    {"GET ", "an HTTP request"},
    {"HEAD ", "an HTTP request"},
    {"POST ", "an HTTP request"},
    {"PUT ", "an HTTP request"},
    {"DELETE ", "an HTTP request"},
    {"OPTIONS ", "an HTTP request"},
    {"CONNECT ", "an HTTP request"},
    {"PRI * HT", "an HTTP/2 request"},
    {"\x16\x03", "TLS"},
    {"\x15\x03", "a TLS alert"},
    {"\xff\xfb", "telnet or RFC 2217"},
    {"\xff\xfd", "telnet or RFC 2217"},
    {"\xff\xfa", "telnet or RFC 2217"},
    {"220 ", "an FTP or mail server"},
};

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* Who has the image of a firmware finds the version in it, before it runs. */
static const char s_protocol[] = BRIDGE_PROTOCOL_MARK TEXT(BRIDGE_PLAIN_MAJOR) "." TEXT(BRIDGE_PLAIN_MINOR);

const char *bridge_protocol_version(void)
{
    return s_protocol + sizeof(BRIDGE_PROTOCOL_MARK) - 1;
}

void bridge_put_preamble(bridge_writer_t *writer)
{
    bridge_put_span(writer, (bridge_span_t){s_magic, sizeof(s_magic)});
    bridge_put_u8(writer, BRIDGE_MAJOR);
    bridge_put_u8(writer, BRIDGE_MINOR);
}

bridge_error_t bridge_judge_preamble(bridge_span_t start, uint8_t *minor)
{
    if (start.length < BRIDGE_PREAMBLE_BYTES) {
        return BRIDGE_WAIT;
    }
    if (memcmp(start.data, s_magic, sizeof(s_magic)) != 0) {
        return BRIDGE_ERR_FOREIGN;
    }
    if (start.data[sizeof(s_magic)] != BRIDGE_MAJOR) {
        return BRIDGE_ERR_VERSION;
    }
    *minor = start.data[sizeof(s_magic) + 1];
    return BRIDGE_OK;
}

/* The protocol that begins with these bytes; NULL: none that is known. */
static const char *known_by(bridge_span_t start)
{
    for (size_t i = 0; i < sizeof(s_foreign) / sizeof(s_foreign[0]); i++) {
        size_t length = strlen(s_foreign[i].first);
        if (start.length >= length && memcmp(start.data, s_foreign[i].first, length) == 0) {
            return s_foreign[i].name;
        }
    }
    return NULL;
}

static void describe(const uint8_t *start, char *text, size_t capacity)
{
    char hex[BRIDGE_PREAMBLE_BYTES * 3 + 1] = "";
    bool is_text = true;
    for (size_t i = 0; i < BRIDGE_PREAMBLE_BYTES; i++) {
        is_text = is_text && start[i] >= 0x20 && start[i] < 0x7F;
        snprintf(hex + i * 3, 4, " %02x", start[i]);
    }
    if (is_text) {
        snprintf(text, capacity, "text, '%.*s'", (int)BRIDGE_PREAMBLE_BYTES, (const char *)start);
    } else {
        snprintf(text, capacity, "bytes%s", hex);
    }
}

void bridge_tell_refusal(bridge_span_t start, char *text, size_t capacity)
{
    unsigned int major = start.data[sizeof(s_magic)];
    unsigned int minor = start.data[sizeof(s_magic) + 1];
    if (memcmp(start.data, s_magic, sizeof(s_magic)) == 0) {
        snprintf(text, capacity, "the peer speaks version %u.%u of the bridge protocol, this side %u.%u: update %s",
                 major, minor, BRIDGE_MAJOR, BRIDGE_MINOR, major < BRIDGE_MAJOR ? "the peer" : "this side");
        return;
    }
    char shown[BRIDGE_PREAMBLE_BYTES * 3 + sizeof("bytes")];
    const char *name = known_by(start);
    describe(start.data, shown, sizeof(shown));
    snprintf(text, capacity, "this is no stmota bridge protocol: it looks like %s", name != NULL ? name : shown);
}

bridge_error_t bridge_take_frame(bridge_span_t data, size_t max_frame, bridge_frame_t *frame, size_t *used)
{
    bridge_reader_t reader = bridge_reader(data.data, data.length);
    size_t length = bridge_get_u16(&reader);
    frame->type = bridge_get_u8(&reader);
    frame->port = bridge_get_u8(&reader);
    if (reader.is_wrong) {
        return BRIDGE_WAIT;
    }
    if (BRIDGE_HEADER_BYTES + length > max_frame) {
        return BRIDGE_ERR_MALFORMED;
    }
    frame->payload = bridge_get_span(&reader, length);
    *used = reader.at;
    return reader.is_wrong ? BRIDGE_WAIT : BRIDGE_OK;
}
