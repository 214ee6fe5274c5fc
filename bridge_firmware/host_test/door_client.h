/* A client of mbedTLS before the door, with the certificate of a daemon. */
#pragma once

#include "door_sockets.h"
#include "mbedtls_versions.h"

#define DOOR_MOST_ROUNDS 200000

typedef struct {
    security_chance_t chance;
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt authority;
    mbedtls_ssl_config config;
    mbedtls_ssl_context tls;
    door_socket_t *socket;
} door_client_t;

void door_client_start(door_client_t *client, bridge_port_t *port);
void door_client_end(door_client_t *client);
/* Both ends' turns until the bridge lets it in; the network takes `step` bytes from the bridge in each. Return its socket. */
int door_shake_hands(bridge_port_t *port, door_client_t *client, size_t step);
/* The bridge sends all of it in pieces, as the core does, and the client gets the same. */
void door_check_sends(bridge_port_t *port, door_client_t *client, int sock, size_t step);
/* The client says a word, and the bridge gets it byte by byte. */
void door_check_receives(bridge_port_t *port, door_client_t *client, int sock);
