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

#define BRIDGE_PROTOCOL_MARK "stmota bridge protocol " /* the version stands behind it, in the firmware's image */

/* The version of the protocol as text: `1.1`. What uses it keeps the mark in the image. */
const char *bridge_protocol_version(void);

/* Judge what a peer sent first. BRIDGE_WAIT while it is not whole; BRIDGE_ERR_FOREIGN; BRIDGE_ERR_VERSION. */
bridge_error_t bridge_judge_preamble(bridge_span_t start, uint8_t *minor);

/* Say for people why these first bytes, a whole preamble's length, are refused: what they look like, or who has to be
 * updated (R3). */
void bridge_tell_refusal(bridge_span_t start, char *text, size_t capacity);

/* Find the first frame; its payload lies in `data`, it takes `used` bytes. BRIDGE_WAIT while it is not whole,
 * BRIDGE_ERR_MALFORMED as soon as its header announces more than `max_frame` bytes (R6). */
bridge_error_t bridge_take_frame(bridge_span_t data, size_t max_frame, bridge_frame_t *frame, size_t *used);
