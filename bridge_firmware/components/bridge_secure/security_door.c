/* The door of a bridge in secure mode: TLS comes in, everything else is told why not (R71). */
#include <string.h>

#include "bridge_message.h"
#include "security.h"

#define TLS_HANDSHAKE 0x16U /* the first byte of TLS: a record of handshake (RFC 8446, 5.1) */
#define MOST_DRAINED 16U    /* reads in one go of what is not listened to */

static bool is_pending(const security_door_t *door)
{
    return door->state == DOOR_KNOCKED || door->state == DOOR_HANDSHAKE || door->state == DOOR_TURNED_AWAY;
}

void security_door_free(security_door_t *door)
{
    if (door->state == DOOR_HANDSHAKE || door->state == DOOR_INSIDE) {
        mbedtls_ssl_free(&door->tls);
    }
    *door = (security_door_t){.state = DOOR_FREE};
}

static void slam(security_door_t *door)
{
    bridge_port_t *port = door->port;
    int sock = door->sock;
    security_door_free(door);
    bridge_raw_close(port, sock);
}

security_door_t *security_door_of(bridge_security_t *security, int sock)
{
    for (size_t i = 0; i < SECURITY_DOORS; i++) {
        security_door_t *door = &security->doors[i];
        if (door->state != DOOR_FREE && door->sock == sock) {
            return door;
        }
    }
    return NULL;
}

void security_clear_doors(bridge_security_t *security)
{
    for (size_t i = 0; i < SECURITY_DOORS; i++) {
        if (is_pending(&security->doors[i])) {
            slam(&security->doors[i]);
        }
    }
}

void security_break_doors(bridge_security_t *security, const security_credentials_t *credentials)
{
    for (size_t i = 0; i < SECURITY_DOORS; i++) {
        security_door_t *door = &security->doors[i];
        if (door->state == DOOR_INSIDE && door->credentials == credentials) {
            mbedtls_ssl_free(&door->tls);
            door->state = DOOR_BROKEN;
        }
    }
}

/* R13: those that have said no Hello are few, whether their handshake is done or not. */
static void let_knock(bridge_security_t *security, size_t waiting)
{
    int sock;
    while (bridge_raw_accept(security->port, &sock) == BRIDGE_OK) {
        security_door_t *found = NULL;
        size_t pending = 0;
        for (size_t i = 0; i < SECURITY_DOORS; i++) {
            pending += is_pending(&security->doors[i]) ? 1 : 0;
            found = security->doors[i].state == DOOR_FREE ? &security->doors[i] : found;
        }
        if (found == NULL || waiting + pending >= BRIDGE_MAX_WAITING) {
            bridge_raw_close(security->port, sock);
            continue;
        }
        uint64_t now_us = bridge_port_now_us(security->port);
        *found = (security_door_t){.state = DOOR_KNOCKED, .sock = sock, .made_us = now_us, .port = security->port,
                                   .until_us = now_us + BRIDGE_HELLO_WITHIN_US};
    }
}

/* BRIDGE_OK: go on. */
static bridge_error_t look_at_first(bridge_security_t *security, security_door_t *door)
{
    size_t got = 0;
    bridge_error_t error = bridge_raw_receive(door->port, door->sock, &door->first, 1, &got);
    if (error != BRIDGE_OK || got == 0) {
        door->is_dry = true;
        return error == BRIDGE_OK ? BRIDGE_WAIT : BRIDGE_ERR_CLOSED;
    }
    if (door->first != TLS_HANDSHAKE || security->current == NULL) {
        door->state = DOOR_TURNED_AWAY;
        uint64_t last_us = bridge_port_now_us(door->port) + BRIDGE_LAST_WORDS_US;
        door->until_us = last_us < door->until_us ? last_us : door->until_us;
        return BRIDGE_OK;
    }
    door->has_first = true;
    door->credentials = security->current;
    door->state = security_tls_start(door) ? DOOR_HANDSHAKE : DOOR_KNOCKED;
    return door->state == DOOR_HANDSHAKE ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

/* Whether all of the reason is written. */
static bool tell_reason(security_door_t *door)
{
    uint8_t data[BRIDGE_PREAMBLE_BYTES + BRIDGE_HEADER_BYTES + 2U + BRIDGE_MAX_TEXT];
    bridge_writer_t writer = bridge_writer(data, sizeof(data));
    bridge_message_t closing = {.type = BRIDGE_CLOSING};
    closing.as.closing.reason = BRIDGE_CLOSE_SECURED;
    closing.as.closing.text = bridge_span_of(BRIDGE_SECURED_TEXT);
    bridge_put_preamble(&writer);
    (void)bridge_encode(&writer, &closing);
    size_t sent = 0;
    bridge_span_t rest = {data + door->half_sent, writer.at - door->half_sent};
    if (rest.length > 0 && bridge_raw_send(door->port, door->sock, rest, &sent) == BRIDGE_OK) {
        door->half_sent += sent;
        if (door->half_sent == writer.at) {
            bridge_raw_finish(door->port, door->sock);
        }
    }
    return door->half_sent == writer.at;
}

/* What it says is dropped until it is gone or its time is over: data unread at a close would make TCP drop the reason. */
static bridge_error_t turn_away(security_door_t *door)
{
    uint8_t dropped[64];
    size_t got = 1;
    (void)tell_reason(door);
    for (unsigned int i = 0; i < MOST_DRAINED && got > 0; i++) {
        if (bridge_raw_receive(door->port, door->sock, dropped, sizeof(dropped), &got) != BRIDGE_OK) {
            return BRIDGE_ERR_CLOSED;
        }
    }
    door->is_dry = got == 0;
    return BRIDGE_WAIT;
}

/* BRIDGE_OK: its handshake is done. BRIDGE_WAIT. BRIDGE_ERR_CLOSED. */
static bridge_error_t attend(bridge_security_t *security, security_door_t *door)
{
    if (bridge_port_now_us(door->port) >= door->until_us) {
        return BRIDGE_ERR_CLOSED;
    }
    if (door->state == DOOR_KNOCKED) {
        bridge_error_t error = look_at_first(security, door);
        if (error != BRIDGE_OK) {
            return error;
        }
    }
    return door->state == DOOR_TURNED_AWAY ? turn_away(door) : security_tls_step(door);
}

bridge_error_t security_accept(bridge_security_t *security, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    let_knock(security, waiting);
    for (size_t i = 0; i < SECURITY_DOORS; i++) {
        security_door_t *door = &security->doors[i];
        if (!is_pending(door)) {
            continue;
        }
        bridge_error_t error = attend(security, door);
        if (error == BRIDGE_OK) {
            door->state = DOOR_INSIDE;
            *arrived = (bridge_arrival_t){door->sock, door->made_us, true};
            return BRIDGE_OK;
        }
        if (error != BRIDGE_WAIT) {
            slam(door);
            continue;
        }
        uint64_t again_us = door->is_dry ? door->until_us : 0;
        *wake_us = again_us < *wake_us ? again_us : *wake_us;
    }
    return BRIDGE_WAIT;
}
