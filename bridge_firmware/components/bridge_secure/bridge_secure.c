/* What bridge_port.h says of sockets and of secure mode, for a platform with this component. */
#include "bridge_secure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "security.h"

#define STORED "secure"
#define LAYOUT 1U /* of the value: layout u8, then key, certificate and CA's certificate, each with its length u16 */
#define DAMAGED "what this bridge keeps of secure mode is damaged; its console's word insecure forgets it"

static void put_part(bridge_writer_t *writer, bridge_span_t part)
{
    bridge_put_u16(writer, (uint16_t)part.length);
    bridge_put_span(writer, part);
}

static bridge_span_t get_part(bridge_reader_t *reader)
{
    size_t length = bridge_get_u16(reader);
    return bridge_get_span(reader, length);
}

static bridge_error_t fail(bridge_security_t *security, bridge_error_t error, const char *why)
{
    snprintf(security->trouble, sizeof(security->trouble), "%s", why);
    return error;
}

static void wipe(bridge_security_t *security)
{
    mbedtls_platform_zeroize(security->value, sizeof(security->value));
}

/* Take what is in `value`. */
static bool adopt(bridge_security_t *security, size_t length)
{
    bridge_reader_t reader = bridge_reader(security->value, length);
    bool is_ours = bridge_get_u8(&reader) == LAYOUT;
    bridge_span_t key = get_part(&reader);
    bridge_span_t certificate = get_part(&reader);
    bridge_span_t authority = get_part(&reader);
    security_credentials_t *credentials = &security->credentials[0];
    is_ours = is_ours && bridge_reader_end(&reader) == BRIDGE_OK && reader.at == length;
    if (!is_ours || key.length > sizeof(security->key) ||
        !security_credentials_load(security, credentials, key, certificate, authority)) {
        return false;
    }
    memcpy(security->key, key.data, key.length);
    security->key_length = key.length;
    security->current = credentials;
    return true;
}

bridge_error_t bridge_security_open(bridge_port_t *port, const uint8_t *unique_id, bridge_security_t **opened)
{
    size_t length = 0;
    bridge_security_t *security = calloc(1, sizeof(*security));
    *opened = security;
    if (security == NULL) {
        return BRIDGE_ERR_PORT;
    }
    security->port = port;
    for (size_t i = 0; i < BRIDGE_UNIQUE_ID_BYTES; i++) {
        snprintf(security->id + 2 * i, 3, "%02x", unique_id[i]);
    }
    if (security_chance_start(&security->chance) != 0) {
        bridge_security_close(security);
        *opened = NULL;
        return BRIDGE_ERR_PORT;
    }
    bridge_error_t error = bridge_port_load(port, STORED, security->value, sizeof(security->value), &length);
    security->is_damaged = error != BRIDGE_ERR_UNKNOWN && (error != BRIDGE_OK || !adopt(security, length));
    wipe(security);
    return security->is_damaged ? BRIDGE_ERR_MALFORMED : BRIDGE_OK;
}

void bridge_security_close(bridge_security_t *security)
{
    if (security == NULL) {
        return;
    }
    for (size_t i = 0; i < SECURITY_DOORS; i++) {
        security_door_free(&security->doors[i]);
    }
    security_credentials_free(&security->credentials[0]);
    security_credentials_free(&security->credentials[1]);
    security_chance_end(&security->chance);
    mbedtls_platform_zeroize(security->key, sizeof(security->key));
    free(security);
}

/* Sockets. */

bridge_error_t bridge_port_accept(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    if (bridge_port_secure_state(port) == BRIDGE_SECURE_ON) {
        return security_accept(bridge_port_security(port), waiting, arrived, wake_us);
    }
    *arrived = (bridge_arrival_t){.made_us = bridge_port_now_us(port)};
    return bridge_raw_accept(port, &arrived->sock);
}

static security_door_t *door_of(bridge_port_t *port, int sock)
{
    bridge_security_t *security = bridge_port_security(port);
    return security != NULL ? security_door_of(security, sock) : NULL;
}

bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    security_door_t *door = door_of(port, sock);
    *got = 0;
    if (door == NULL) {
        return bridge_raw_receive(port, sock, data, capacity, got);
    }
    return door->state == DOOR_INSIDE ? security_tls_receive(door, data, capacity, got) : BRIDGE_ERR_CLOSED;
}

bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    security_door_t *door = door_of(port, sock);
    *sent = 0;
    if (door == NULL) {
        return bridge_raw_send(port, sock, data, sent);
    }
    return door->state == DOOR_INSIDE ? security_tls_send(door, data, sent) : BRIDGE_ERR_CLOSED;
}

void bridge_port_finish(bridge_port_t *port, int sock)
{
    security_door_t *door = door_of(port, sock);
    if (door != NULL && door->state == DOOR_INSIDE) {
        security_tls_finish(door);
    }
    bridge_raw_finish(port, sock);
}

void bridge_port_close(bridge_port_t *port, int sock)
{
    security_door_t *door = door_of(port, sock);
    if (door != NULL) {
        security_door_free(door);
    }
    bridge_raw_close(port, sock);
}

/* Secure mode. */

bridge_secure_state_t bridge_port_secure_state(bridge_port_t *port)
{
    const bridge_security_t *security = bridge_port_security(port);
    if (security == NULL) {
        return BRIDGE_SECURE_LACKING;
    }
    return security->current != NULL || security->is_damaged ? BRIDGE_SECURE_ON : BRIDGE_SECURE_OFF;
}

bridge_error_t bridge_port_secure_fingerprint(bridge_port_t *port, uint8_t *fingerprint)
{
    bridge_security_t *security = bridge_port_security(port);
    if (security->is_damaged) {
        return fail(security, BRIDGE_ERR_PORT, DAMAGED);
    }
    return fail(security, security_fingerprint(security, fingerprint), "");
}

bridge_error_t bridge_port_secure_request(bridge_port_t *port, uint8_t *csr, size_t *length)
{
    bridge_security_t *security = bridge_port_security(port);
    return fail(security, security_request(security, csr, length), "");
}

/* Key and certificates into `value`; its length, 0 where they do not fit. */
static size_t compose(bridge_security_t *security, bridge_span_t certificate, bridge_span_t authority)
{
    bridge_writer_t writer = bridge_writer(security->value, sizeof(security->value));
    bridge_put_u8(&writer, LAYOUT);
    put_part(&writer, (bridge_span_t){security->key, security->key_length});
    put_part(&writer, certificate);
    put_part(&writer, authority);
    return bridge_writer_end(&writer) == BRIDGE_OK ? writer.at : 0;
}

/* All that can fail comes first; what is stored is one value. */
static bridge_error_t keep(bridge_security_t *security, security_credentials_t *credentials, bridge_span_t certificate,
                           bridge_span_t authority)
{
    bridge_span_t key = {security->key, security->key_length};
    if (!security_credentials_load(security, credentials, key, certificate, authority)) {
        return fail(security, BRIDGE_ERR_MALFORMED, "no certificate that could be used");
    }
    if (!security_credentials_are_good(security, credentials)) {
        return BRIDGE_ERR_MALFORMED;
    }
    size_t length = compose(security, certificate, authority);
    bridge_error_t error = bridge_port_store(security->port, STORED, (bridge_span_t){security->value, length});
    wipe(security);
    return fail(security, error == BRIDGE_OK ? BRIDGE_OK : BRIDGE_ERR_PORT,
                error == BRIDGE_OK ? "" : "the bridge cannot keep its certificate");
}

bridge_error_t bridge_port_secure_install(bridge_port_t *port, bridge_span_t certificate, bridge_span_t authority)
{
    bridge_security_t *security = bridge_port_security(port);
    bool is_first = security->current == &security->credentials[0];
    security_credentials_t *credentials = &security->credentials[is_first ? 1 : 0];
    if (security_make_key(security) != BRIDGE_OK) {
        return fail(security, BRIDGE_ERR_PORT, "the bridge could not make its key");
    }
    security_break_doors(security, credentials);
    security_credentials_free(credentials);
    bridge_error_t error = keep(security, credentials, certificate, authority);
    if (error != BRIDGE_OK) {
        security_credentials_free(credentials);
        return error;
    }
    security_clear_doors(security);
    security->current = credentials;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_secure_forget(bridge_port_t *port)
{
    bridge_security_t *security = bridge_port_security(port);
    if (bridge_port_forget(port, STORED) != BRIDGE_OK) {
        return fail(security, BRIDGE_ERR_PORT, "key and certificates could not be forgotten");
    }
    security_clear_doors(security);
    mbedtls_platform_zeroize(security->key, sizeof(security->key));
    security->key_length = 0;
    security->current = NULL;
    security->is_damaged = false;
    return fail(security, BRIDGE_OK, "");
}

bridge_error_t bridge_port_secure_verify(bridge_port_t *port, const uint8_t *sha256, bridge_span_t signature)
{
    bridge_security_t *security = bridge_port_security(port);
    if (security == NULL || security->current == NULL) {
        return BRIDGE_ERR_MALFORMED;
    }
    int error = mbedtls_pk_verify(&security->current->authority.pk, MBEDTLS_MD_SHA256, sha256, BRIDGE_SHA256_BYTES,
                                  signature.data, signature.length);
    return error == 0 ? BRIDGE_OK : BRIDGE_ERR_MALFORMED;
}

const char *bridge_port_secure_trouble(bridge_port_t *port)
{
    return bridge_port_security(port)->trouble;
}
