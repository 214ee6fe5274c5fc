/* One connection inside TLS: mbedTLS between the core and a plain socket. */
#include "security.h"

#define MOST_EMPTY_RECORDS 16U /* in a row: alerts and the like; who sends more of them means no good */

static int take(void *context, unsigned char *data, size_t capacity)
{
    security_door_t *door = context;
    size_t got = 0;
    if (door->has_first && capacity > 0) {
        door->has_first = false;
        data[0] = door->first;
        return 1;
    }
    if (bridge_raw_receive(door->port, door->sock, data, capacity, &got) != BRIDGE_OK) {
        return 0; /* the end of it, for mbedTLS */
    }
    door->is_dry = got == 0;
    return got > 0 ? (int)got : MBEDTLS_ERR_SSL_WANT_READ;
}

static int give(void *context, const unsigned char *data, size_t length)
{
    security_door_t *door = context;
    size_t sent = 0;
    if (bridge_raw_send(door->port, door->sock, (bridge_span_t){data, length}, &sent) != BRIDGE_OK) {
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    door->is_dry = sent == 0;
    return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static bool is_wait(int error)
{
    return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

bool security_tls_start(security_door_t *door)
{
    mbedtls_ssl_init(&door->tls);
    if (mbedtls_ssl_setup(&door->tls, &door->credentials->config) != 0) {
        mbedtls_ssl_free(&door->tls);
        return false;
    }
    mbedtls_ssl_set_bio(&door->tls, door, give, take, NULL);
    return true;
}

bridge_error_t security_tls_step(security_door_t *door)
{
    door->is_dry = false;
    int error = mbedtls_ssl_handshake_step(&door->tls);
    if (error != 0) {
        return is_wait(error) ? BRIDGE_WAIT : BRIDGE_ERR_CLOSED;
    }
    return security_is_handshake_over(&door->tls) ? BRIDGE_OK : BRIDGE_WAIT;
}

bridge_error_t security_tls_receive(security_door_t *door, uint8_t *data, size_t capacity, size_t *got)
{
    *got = 0;
    for (unsigned int i = 0; i < MOST_EMPTY_RECORDS; i++) {
        bool is_new_record = mbedtls_ssl_get_bytes_avail(&door->tls) == 0;
        door->is_dry = false;
        int found = mbedtls_ssl_read(&door->tls, data, capacity);
        if (found > 0) {
            size_t length = (size_t)found + mbedtls_ssl_get_bytes_avail(&door->tls);
            *got = (size_t)found;
            return is_new_record && length > BRIDGE_MAX_TLS_DATA ? BRIDGE_ERR_CLOSED : BRIDGE_OK; /* R73 */
        }
        if (!is_wait(found)) {
            return BRIDGE_ERR_CLOSED;
        }
        if (door->is_dry) {
            return BRIDGE_OK;
        }
    }
    return BRIDGE_ERR_CLOSED;
}

/* A record that did not go as a whole is mbedTLS's to finish: until then it takes the same call again, and the caller has the same bytes
 * at the front. */
bridge_error_t security_tls_send(security_door_t *door, bridge_span_t data, size_t *sent)
{
    size_t length = data.length < BRIDGE_MAX_TLS_DATA ? data.length : BRIDGE_MAX_TLS_DATA;
    length = door->half_sent > 0 ? door->half_sent : length;
    *sent = 0;
    int written = mbedtls_ssl_write(&door->tls, data.data, length);
    if (is_wait(written)) {
        door->half_sent = length;
        return BRIDGE_OK;
    }
    if (written <= 0) {
        return BRIDGE_ERR_CLOSED;
    }
    door->half_sent = 0;
    *sent = (size_t)written;
    return BRIDGE_OK;
}

void security_tls_finish(security_door_t *door)
{
    (void)mbedtls_ssl_close_notify(&door->tls); /* where it does not go, the end of the connection says as much (R11) */
}
