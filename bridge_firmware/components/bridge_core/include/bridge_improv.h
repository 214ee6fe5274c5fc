/* Improv Wi-Fi over a serial line (https://www.improv-wifi.com/serial): packets, found among lines of text.
 *
 * "IMPROV", version 1, type, length, data, a sum of all bytes before it; clients and we end it by a line feed. */
#pragma once

#include "bridge_bytes.h"

#define BRIDGE_IMPROV_MOST_DATA 255U
#define BRIDGE_IMPROV_HEAD_BYTES 9U /* to the length, inclusive */
#define BRIDGE_IMPROV_MOST_BYTES (BRIDGE_IMPROV_HEAD_BYTES + BRIDGE_IMPROV_MOST_DATA + 2U)

/* Types. */
enum {
    BRIDGE_IMPROV_STATE = 0x01,
    BRIDGE_IMPROV_ERROR = 0x02,
    BRIDGE_IMPROV_COMMAND = 0x03,
    BRIDGE_IMPROV_RESULT = 0x04,
};

/* The data of a STATE, and of an ERROR. */
enum {
    BRIDGE_IMPROV_READY = 0x02,
    BRIDGE_IMPROV_PROVISIONING = 0x03,
    BRIDGE_IMPROV_PROVISIONED = 0x04,
};

enum {
    BRIDGE_IMPROV_NO_ERROR = 0x00,
    BRIDGE_IMPROV_INVALID = 0x01,
    BRIDGE_IMPROV_UNKNOWN = 0x02,
    BRIDGE_IMPROV_NOT_JOINED = 0x03,
};

/* A COMMAND's and a RESULT's first byte; the length of what follows is the second. */
enum {
    BRIDGE_IMPROV_SEND_WIFI = 0x01,
    BRIDGE_IMPROV_GET_STATE = 0x02,
    BRIDGE_IMPROV_GET_DEVICE = 0x03,
    BRIDGE_IMPROV_GET_NETWORKS = 0x04,
};

typedef enum {
    BRIDGE_IMPROV_NOT_MINE, /* `packet[0..length)` is text; forget it by `length = 0` */
    BRIDGE_IMPROV_MORE,
    BRIDGE_IMPROV_PACKET, /* a whole one is here; forget it by `length = 0` */
    BRIDGE_IMPROV_DAMAGED,
} bridge_improv_taken_t;

typedef struct {
    uint8_t packet[BRIDGE_IMPROV_MOST_BYTES];
    size_t length;
} bridge_improv_t;

/* Take the next byte. */
bridge_improv_taken_t bridge_improv_take(bridge_improv_t *improv, uint8_t byte);
/* The type and the data of a whole packet. */
uint8_t bridge_improv_type(const bridge_improv_t *improv);
bridge_span_t bridge_improv_data(const bridge_improv_t *improv);
/* Make a packet, line feed included; return its length. `packet` takes BRIDGE_IMPROV_MOST_BYTES. */
size_t bridge_improv_make(uint8_t *packet, uint8_t type, bridge_span_t data);
