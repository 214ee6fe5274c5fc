/* What a call of this component says of its success. */
#pragma once

typedef enum {
    BRIDGE_OK = 0,
    BRIDGE_WAIT,            /* nothing wrong, nothing yet: bytes, room or time are missing */
    BRIDGE_ERR_MALFORMED,   /* bytes that the protocol's tables forbid (R8) */
    BRIDGE_ERR_RULE,        /* well formed, but a rule of BRIDGE_PROTOCOL.md forbids it here */
    BRIDGE_ERR_UNKNOWN,     /* a message of a type, or for a UART, that is not there (R7) */
    BRIDGE_ERR_FOREIGN,     /* another protocol's first bytes */
    BRIDGE_ERR_VERSION,     /* another major version of this protocol */
    BRIDGE_ERR_FULL,        /* it does not fit the room that was given */
    BRIDGE_ERR_UNSUPPORTED, /* this hardware cannot do it; nothing was changed */
    BRIDGE_ERR_PORT,        /* the UART is gone or refuses to work */
    BRIDGE_ERR_CLOSED,      /* the peer closed, or its connection broke */
} bridge_error_t;
