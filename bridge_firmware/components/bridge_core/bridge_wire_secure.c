/* The messages of secure mode, as bytes. */
#include "bridge_message.h"

/* A length u16 and a certificate, or a request for one. */
static bridge_span_t get_certificate(bridge_reader_t *reader)
{
    size_t length = bridge_get_u16(reader);
    if (length < 1 || length > BRIDGE_MAX_CERTIFICATE) {
        reader->is_wrong = true;
    }
    return bridge_get_span(reader, length);
}

static void put_certificate(bridge_writer_t *writer, bridge_span_t certificate)
{
    bridge_put_u16(writer, (uint16_t)certificate.length);
    bridge_put_span(writer, certificate);
}

bool bridge_get_secure(bridge_reader_t *reader, bridge_message_t *message)
{
    uint8_t outcome;
    switch (message->type) {
    case BRIDGE_SECURE_REQUEST:
        message->as.asking = bridge_get_text(reader, BRIDGE_MAX_NAME);
        return true;
    case BRIDGE_SECURE_CSR:
        message->as.csr = get_certificate(reader);
        return true;
    case BRIDGE_SECURE_INSTALL:
        message->as.install.certificate = get_certificate(reader);
        message->as.install.authority = get_certificate(reader);
        return true;
    case BRIDGE_SECURE_ANSWER:
        outcome = bridge_get_u8(reader);
        message->as.secured.is_refused = outcome == 1;
        message->as.secured.text = bridge_get_text(reader, BRIDGE_MAX_TEXT);
        if (outcome > 1) {
            reader->is_wrong = true;
        }
        return true;
    default:
        return false;
    }
}

bool bridge_put_secure(bridge_writer_t *writer, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_SECURE_REQUEST:
        bridge_put_text(writer, message->as.asking, BRIDGE_MAX_NAME);
        return true;
    case BRIDGE_SECURE_CSR:
        put_certificate(writer, message->as.csr);
        return true;
    case BRIDGE_SECURE_INSTALL:
        put_certificate(writer, message->as.install.certificate);
        put_certificate(writer, message->as.install.authority);
        return true;
    case BRIDGE_SECURE_ANSWER:
        bridge_put_u8(writer, message->as.secured.is_refused ? 1 : 0);
        bridge_put_text(writer, message->as.secured.text, BRIDGE_MAX_TEXT);
        return true;
    default:
        return false;
    }
}
