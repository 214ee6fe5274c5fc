/* A new firmware over the network: what is granted, taken, checked, and handed to the port. */
#include <stdio.h>
#include <string.h>

#include "bridge_session.h"

#define AHEAD_BYTES 8192U /* of BRIDGE_MAX_UPDATE_AHEAD: two flash sectors, a tenth of a second's work of an ESP32 */
#define GRANT_STEP 4096U  /* a status for each sector, not for each frame */
#define NOT_ALLOWED "the network may not update this bridge; to allow it, write at the bridge's own console: " \
                    "set net_update yes, save, reboot"

#define NOT_SIGNED "this bridge is in secure mode, and the update is not signed by the daemon that secured it"

_Static_assert(AHEAD_BYTES <= BRIDGE_MAX_UPDATE_AHEAD, "R64");

static bridge_error_t tell(bridge_upkeep_t *upkeep, bridge_update_state_t state, const char *text)
{
    upkeep->state = (uint8_t)state;
    upkeep->has_status = true;
    snprintf(upkeep->text, sizeof(upkeep->text), "%s", text);
    return BRIDGE_OK;
}

static void grant(bridge_upkeep_t *upkeep)
{
    uint32_t left = upkeep->length - upkeep->received;
    upkeep->granted = upkeep->received + (left < AHEAD_BYTES ? left : AHEAD_BYTES);
}

static const char *trouble(bridge_t *bridge, const char *otherwise)
{
    const char *text = bridge_port_update_trouble(bridge->port);
    return text[0] != '\0' ? text : otherwise;
}

/* R74 */
static bool is_signed(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_span_t what = bridge_span_of("stmota bridge update");
    uint8_t length[4];
    uint8_t digest[BRIDGE_SHA256_BYTES];
    bridge_sha256_t sum;
    bridge_writer_t writer = bridge_writer(length, sizeof(length));
    if (bridge_port_secure_state(bridge->port) != BRIDGE_SECURE_ON) {
        return true;
    }
    bridge_put_u32(&writer, message->as.begin.length);
    bridge_sha256_start(&sum);
    bridge_sha256_add(&sum, what);
    bridge_sha256_add(&sum, (bridge_span_t){length, sizeof(length)});
    bridge_sha256_add(&sum, (bridge_span_t){message->as.begin.sha256, BRIDGE_SHA256_BYTES});
    bridge_sha256_end(&sum, digest);
    return message->as.begin.signature.length > 0 &&
           bridge_port_secure_verify(bridge->port, digest, message->as.begin.signature) == BRIDGE_OK;
}

static bridge_error_t tell_too_long(bridge_upkeep_t *upkeep, uint32_t slot_bytes)
{
    char text[BRIDGE_MAX_TEXT];
    snprintf(text, sizeof(text), "the image has %lu bytes, and this bridge's slot for firmware %lu",
             (unsigned long)upkeep->length, (unsigned long)slot_bytes);
    return tell(upkeep, BRIDGE_UPDATE_REFUSED, text);
}

/* R63 */
static bridge_error_t begin(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    if (upkeep->state == BRIDGE_UPDATE_RECEIVING) { /* R62 */
        return BRIDGE_ERR_RULE;
    }
    upkeep->granted = 0;
    upkeep->received = 0;
    upkeep->length = message->as.begin.length;
    memcpy(upkeep->sha256, message->as.begin.sha256, BRIDGE_SHA256_BYTES);
    bool is_allowed = (bridge_upkeep_rights(bridge, bridge->controller) & BRIDGE_MAY_UPDATE) != 0;
    if (!is_allowed && bridge->config.settings != NULL) {
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, NOT_ALLOWED);
    }
    if (is_allowed && !is_signed(bridge, message)) {
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, NOT_SIGNED);
    }
    uint32_t slot_bytes = 0;
    bridge_error_t error = is_allowed ? bridge_port_update_begin(bridge->port, upkeep->length, &slot_bytes)
                                      : BRIDGE_ERR_UNSUPPORTED;
    if (error == BRIDGE_ERR_FULL) {
        return tell_too_long(upkeep, slot_bytes);
    }
    if (error != BRIDGE_OK) {
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, trouble(bridge, "this bridge cannot be updated over the network"));
    }
    bridge_sha256_start(&upkeep->sum);
    grant(upkeep);
    return tell(upkeep, BRIDGE_UPDATE_RECEIVING, "");
}

/* R64 */
static bridge_error_t take(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    bridge_span_t bytes = message->as.data.bytes;
    uint32_t offset = message->as.data.offset;
    if (offset != upkeep->received || bytes.length > upkeep->granted - offset) {
        return BRIDGE_ERR_RULE;
    }
    upkeep->received += (uint32_t)bytes.length;
    if (upkeep->state != BRIDGE_UPDATE_RECEIVING) { /* R66 */
        return BRIDGE_OK;
    }
    if (bridge_port_update_write(bridge->port, bytes) != BRIDGE_OK) {
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, trouble(bridge, "the firmware could not be written"));
    }
    bridge_sha256_add(&upkeep->sum, bytes);
    bool is_all_granted = upkeep->granted == upkeep->length;
    if (!is_all_granted && upkeep->granted - upkeep->received <= AHEAD_BYTES - GRANT_STEP) {
        grant(upkeep);
        return tell(upkeep, BRIDGE_UPDATE_RECEIVING, "");
    }
    return BRIDGE_OK;
}

/* R65 */
static bridge_error_t finish(bridge_t *bridge)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    uint8_t digest[BRIDGE_SHA256_BYTES];
    if (upkeep->state != BRIDGE_UPDATE_RECEIVING) {
        if (upkeep->state == BRIDGE_UPDATE_REFUSED) { /* it crossed the news of that */
            upkeep->has_status = true;
            return BRIDGE_OK;
        }
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, "no update was begun");
    }
    if (upkeep->received != upkeep->length) {
        bridge_port_update_cancel(bridge->port);
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, "the image is not whole");
    }
    bridge_sha256_end(&upkeep->sum, digest);
    if (memcmp(digest, upkeep->sha256, sizeof(digest)) != 0) {
        bridge_port_update_cancel(bridge->port);
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, "the image is not the one that was announced: its SHA-256 differs");
    }
    if (bridge_port_update_finish(bridge->port) != BRIDGE_OK) {
        return tell(upkeep, BRIDGE_UPDATE_REFUSED, trouble(bridge, "the image is not good"));
    }
    return tell(upkeep, BRIDGE_UPDATE_WRITTEN, "");
}

static bridge_error_t cancel(bridge_t *bridge)
{
    if (bridge->upkeep.state == BRIDGE_UPDATE_RECEIVING) {
        bridge_port_update_cancel(bridge->port);
    }
    return tell(&bridge->upkeep, BRIDGE_UPDATE_NONE, "");
}

bridge_error_t bridge_update_hear(bridge_t *bridge, const bridge_message_t *message)
{
    switch (message->type) {
    case BRIDGE_UPDATE_BEGIN:
        return begin(bridge, message);
    case BRIDGE_UPDATE_DATA:
        return take(bridge, message);
    case BRIDGE_UPDATE_FINISH:
        return finish(bridge);
    case BRIDGE_UPDATE_CANCEL:
        return cancel(bridge);
    default:
        return BRIDGE_ERR_RULE;
    }
}
