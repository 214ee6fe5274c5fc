/* What this component's own files share. */
#pragma once

#include "bridge_limits.h"
#include "bridge_raw.h"
#include "bridge_secure.h"
#include "bridge.h"
#include "mbedtls_versions.h"

#define SECURITY_KEY_BYTES 160U /* a P-256 key with its public half: RFC 5915, 121 bytes */
#define SECURITY_VALUE_BYTES (1U + 2U + SECURITY_KEY_BYTES + 2U * (2U + BRIDGE_MAX_CERTIFICATE))
#define SECURITY_ID_BYTES (2U * BRIDGE_UNIQUE_ID_BYTES + 1U) /* in hex, and its end */

/* What a handshake works with. */
typedef struct {
    bool is_there;
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt authority;
    mbedtls_ssl_config config;
} security_credentials_t;

typedef enum {
    DOOR_FREE = 0,
    DOOR_KNOCKED,     /* it has said nothing */
    DOOR_HANDSHAKE,
    DOOR_TURNED_AWAY, /* it is told why not */
    DOOR_INSIDE,      /* the core has it */
    DOOR_BROKEN,      /* the core has it, and it is over */
} security_door_state_t;

typedef struct {
    security_door_state_t state;
    int sock;
    uint64_t made_us;
    uint64_t until_us;
    bridge_port_t *port;
    const security_credentials_t *credentials;
    mbedtls_ssl_context tls;
    bool has_first; /* the byte that the door has looked at, and TLS not yet */
    uint8_t first;
    bool is_dry;    /* the socket had nothing more */
    size_t half_sent; /* bytes of a record that mbedTLS holds and has not sent; those of the reason, when turned away */
} security_door_t;

/* One more than the core keeps: a newcomer is let in before the core ends one that has parted in its favour. */
#define SECURITY_DOORS (BRIDGE_CONNECTIONS + 1U)

struct bridge_security {
    bridge_port_t *port;
    char id[SECURITY_ID_BYTES];
    security_chance_t chance;
    uint8_t key[SECURITY_KEY_BYTES];
    size_t key_length; /* 0: none was made yet */
    bool is_damaged;
    security_credentials_t credentials[2]; /* those before are left to connections that end */
    security_credentials_t *current;       /* NULL: not in secure mode, or damaged */
    security_door_t doors[SECURITY_DOORS];
    uint8_t value[SECURITY_VALUE_BYTES]; /* as it is stored; empty between two calls */
    char trouble[BRIDGE_MAX_TEXT + 1U];
};

/* security_key.c. BRIDGE_ERR_PORT: mbedTLS failed. */

/* Make the key if there is none. */
bridge_error_t security_make_key(bridge_security_t *security);
bridge_error_t security_fingerprint(bridge_security_t *security, uint8_t *fingerprint);
bridge_error_t security_request(bridge_security_t *security, uint8_t *csr, size_t *length);

/* security_certificates.c. */

/* Parse key and certificates, and make them ready for handshakes. False: they are no such things, or there is no memory; nothing is
 * held. */
bool security_credentials_load(bridge_security_t *security, security_credentials_t *credentials, bridge_span_t key,
                               bridge_span_t certificate, bridge_span_t authority);
void security_credentials_free(security_credentials_t *credentials);
/* What is wrong with them (R70): in `trouble`. */
bool security_credentials_are_good(bridge_security_t *security, security_credentials_t *credentials);

/* security_door.c. */

bridge_error_t security_accept(bridge_security_t *security, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us);
/* NULL: this socket came in plain. */
security_door_t *security_door_of(bridge_security_t *security, int sock);
void security_door_free(security_door_t *door);
/* Close those that are not inside. */
void security_clear_doors(bridge_security_t *security);
/* Whoever still works with these credentials is at an end. */
void security_break_doors(bridge_security_t *security, const security_credentials_t *credentials);

/* security_tls.c. */

bool security_tls_start(security_door_t *door);
/* One step. BRIDGE_OK: it is inside. BRIDGE_WAIT; `is_dry` tells whether for the socket. BRIDGE_ERR_CLOSED. */
bridge_error_t security_tls_step(security_door_t *door);
bridge_error_t security_tls_receive(security_door_t *door, uint8_t *data, size_t capacity, size_t *got);
bridge_error_t security_tls_send(security_door_t *door, bridge_span_t data, size_t *sent);
void security_tls_finish(security_door_t *door);
