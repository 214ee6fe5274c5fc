/* A platform for the door of secure mode: sockets of memory, one stored value, and a clock of the test. */
#pragma once

#include "bridge.h"
#include "bridge_secure.h"

#define DOOR_SOCKETS 12
#define DOOR_PIPE_BYTES 65536U
#define DOOR_CERTIFICATE_BYTES 512U
#define DOOR_VALUE_BYTES 2048U
#define SECOND_US 1000000U

typedef struct {
    uint8_t data[DOOR_PIPE_BYTES];
    size_t at;
    size_t length;
    size_t room; /* a write takes so many at once */
    size_t gulp; /* a read gives so many at once */
} door_pipe_t;

typedef struct {
    bool is_accepted;
    bool is_open;     /* for the bridge */
    bool is_gone;     /* the peer is */
    bool is_finished; /* the bridge says nothing more */
    door_pipe_t in;
    door_pipe_t out;
} door_socket_t;

struct bridge_port {
    uint64_t now_us;
    bridge_security_t *security;
    door_socket_t sockets[DOOR_SOCKETS];
    int count;
    uint8_t value[DOOR_VALUE_BYTES];
    size_t value_length; /* 0: none is stored */
    bool keeps_nothing;
};

/* The port of this program's test, started anew: a bridge whose key is known; secured, or not. */
bridge_port_t *door_start(bool is_secured);
/* All is closed. */
void door_end(bridge_port_t *port);
/* Somebody connects and says that. */
door_socket_t *door_knock(bridge_port_t *port, const char *first);
/* A turn of the door; nothing wakes it but what it asked for. */
bridge_error_t door_admit(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us);
/* How much was put, and got. */
size_t door_put(door_pipe_t *pipe, const uint8_t *data, size_t length);
size_t door_get(door_pipe_t *pipe, uint8_t *data, size_t capacity);
/* A text of hex as bytes, at most DOOR_CERTIFICATE_BYTES. */
bridge_span_t door_bytes(const char *hex, uint8_t *data);
/* The bridge said that it is in secure mode, and nothing else. */
void door_check_reason(const door_pipe_t *out);
