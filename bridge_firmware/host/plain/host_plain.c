/* A build without mbedTLS: no secure mode, and no door before the sockets. */
#include "bridge_raw.h"
#include "host_board.h"

bridge_error_t bridge_port_accept(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    (void)waiting;
    (void)wake_us;
    *arrived = (bridge_arrival_t){.made_us = bridge_port_now_us(port)};
    return bridge_raw_accept(port, &arrived->sock);
}

bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    return bridge_raw_receive(port, sock, data, capacity, got);
}

bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    return bridge_raw_send(port, sock, data, sent);
}

void bridge_port_finish(bridge_port_t *port, int sock)
{
    bridge_raw_finish(port, sock);
}

void bridge_port_close(bridge_port_t *port, int sock)
{
    bridge_raw_close(port, sock);
}

bridge_secure_state_t bridge_port_secure_state(bridge_port_t *port)
{
    (void)port;
    return BRIDGE_SECURE_LACKING;
}

/* Nobody calls these: the state forbids it. */

bridge_error_t bridge_port_secure_fingerprint(bridge_port_t *port, uint8_t *fingerprint)
{
    (void)port;
    (void)fingerprint;
    return BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_secure_request(bridge_port_t *port, uint8_t *csr, size_t *length)
{
    (void)port;
    (void)csr;
    *length = 0;
    return BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_secure_install(bridge_port_t *port, bridge_span_t certificate, bridge_span_t authority)
{
    (void)port;
    (void)certificate;
    (void)authority;
    return BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_secure_forget(bridge_port_t *port)
{
    (void)port;
    return BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_secure_verify(bridge_port_t *port, const uint8_t *sha256, bridge_span_t signature)
{
    (void)port;
    (void)sha256;
    (void)signature;
    return BRIDGE_ERR_MALFORMED;
}

const char *bridge_port_secure_trouble(bridge_port_t *port)
{
    (void)port;
    return "";
}

bool host_open_security(bridge_port_t *port, const uint8_t *unique_id, bool is_forgotten)
{
    uint8_t first;
    size_t length;
    (void)unique_id;
    if (is_forgotten) {
        (void)bridge_port_forget(port, "secure");
    }
    if (bridge_port_load(port, "secure", &first, sizeof(first), &length) == BRIDGE_ERR_UNKNOWN) {
        return true;
    }
    snprintf(port->trouble, sizeof(port->trouble),
             "%.100s is a secured bridge's, and this program was built without secure mode; --insecure forgets it",
             port->state_dir);
    return false;
}

void host_close_security(bridge_port_t *port)
{
    (void)port;
}

bool host_has_security(void)
{
    return false;
}
