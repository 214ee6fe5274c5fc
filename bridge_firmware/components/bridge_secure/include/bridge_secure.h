/* Secure mode on mbedTLS: the bridge's key and certificates, and the door of TLS before its sockets
 * (BRIDGE_PROTOCOL.md, section 7).
 *
 * This component defines bridge_port.h's sockets and secure mode. A platform defines the plain sockets of bridge_raw.h, storage,
 * and `bridge_port_security`. It works with mbedTLS 2.28, 3.6 and 4.
 *
 * All of it is the network task's. Nothing here waits for a socket; computing takes what the chip needs: a handshake goes on by one
 * of its steps a call, so that other connections are served in between. mbedTLS wants about 6 KiB of that task's stack.
 *
 * Memory: mbedTLS allocates, and what it may hold at once is bounded by BRIDGE_CONNECTIONS doors and one. A connection inside TLS takes
 * mbedTLS's two record buffers (MBEDTLS_SSL_IN_CONTENT_LEN and _OUT_CONTENT_LEN; 4096 are enough, R73) and some state; one in its
 * handshake, of which there are BRIDGE_MAX_WAITING at most, takes more until that is done. A connection that has said nothing takes
 * none. Where there is no memory, that connection is closed. docs/firmware.md has figures. */
#pragma once

#include "bridge_port.h"

typedef struct bridge_security bridge_security_t;

/* Read what is stored, and stand ready; `opened` is the caller's until `bridge_security_close`. What is stored is one value, whole or
 * not there, under the key "secure". BRIDGE_ERR_MALFORMED: it is damaged; the bridge turns everybody away until it is made to
 * forget, since one that was secured is never plain by mistake. BRIDGE_ERR_PORT: there is no memory, or no randomness: nothing was
 * opened, and `*opened` is NULL. */
bridge_error_t bridge_security_open(bridge_port_t *port, const uint8_t *unique_id, bridge_security_t **opened);
/* Free it; the sockets are closed by their owners. NULL does nothing. */
void bridge_security_close(bridge_security_t *security);

/* The platform's: what was opened for this port. NULL: this one has no secure mode. */
bridge_security_t *bridge_port_security(bridge_port_t *port);
