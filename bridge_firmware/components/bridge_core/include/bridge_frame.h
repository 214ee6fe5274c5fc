/* The preamble and the frame every message travels in (BRIDGE_PROTOCOL.md, section 1). */
#pragma once

#include "bridge_bytes.h"
#include "bridge_limits.h"

typedef struct {
    uint8_t type;
    uint8_t port;
    bridge_span_t payload;
} bridge_frame_t;

void bridge_put_preamble(bridge_writer_t *writer);

/* Judge what a peer sent first. BRIDGE_WAIT while it is not whole; BRIDGE_ERR_FOREIGN; BRIDGE_ERR_VERSION. */
bridge_error_t bridge_judge_preamble(bridge_span_t start, uint8_t *minor);

/* The protocol that begins with these bytes, for people. Never NULL. */
const char *bridge_looks_like(bridge_span_t start);

/* Find the first frame; its payload lies in `data`, it takes `used` bytes. BRIDGE_WAIT while it is not whole,
 * BRIDGE_ERR_MALFORMED as soon as its header announces more than `max_frame` bytes (R6). */
bridge_error_t bridge_take_frame(bridge_span_t data, size_t max_frame, bridge_frame_t *frame, size_t *used);
