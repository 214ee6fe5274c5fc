/* What the files that make up a bridge's connections share; of no use outside of them. */
#pragma once

#include "bridge.h"

/* bridge_connection.c: one connection's bytes and times. */
void bridge_connection_open(bridge_t *bridge, bridge_connection_t *connection, const bridge_arrival_t *arrived);
/* Queue a message. A peer that asks more than it reads is closed. */
void bridge_say(bridge_t *bridge, bridge_connection_t *connection, const bridge_message_t *message);
/* Say why and end. Nothing that the peer says from now on counts. */
void bridge_close(bridge_t *bridge, bridge_connection_t *connection, uint8_t reason, bridge_span_t text);
/* End without a word. */
void bridge_drop(bridge_t *bridge, bridge_connection_t *connection);
void bridge_connection_read(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us);
/* Mind its times, and write what waits. */
void bridge_connection_write(bridge_t *bridge, bridge_connection_t *connection, uint64_t *wake_us);
bool bridge_is_waiting(const bridge_connection_t *connection);

/* bridge_output.c: what is to be sent next. Whether there was anything. */
bool bridge_next_output(bridge_t *bridge, bridge_connection_t *connection);

/* bridge_session.c: what a peer says. BRIDGE_ERR_RULE, BRIDGE_ERR_MALFORMED: it broke the protocol. */
bridge_error_t bridge_handle(bridge_t *bridge, bridge_connection_t *connection, const bridge_frame_t *frame);
/* The controller is gone (R23). */
void bridge_leave(bridge_t *bridge, const bridge_connection_t *connection);

/* bridge_upkeep.c: settings, restart, update. BRIDGE_ERR_RULE. */
bridge_error_t bridge_upkeep_hear(bridge_t *bridge, const bridge_message_t *message);
/* What may be done over this connection, as Greeting tells it (R58). */
uint8_t bridge_upkeep_rights(const bridge_t *bridge, const bridge_connection_t *connection);
/* Say what waits to be said; whether there was anything. */
bool bridge_upkeep_say(bridge_t *bridge, bridge_connection_t *connection);
/* The controller is gone (R67). */
void bridge_upkeep_leave(bridge_t *bridge);
/* bridge_update.c */
bridge_error_t bridge_update_hear(bridge_t *bridge, const bridge_message_t *message);

/* bridge_security.c: SecureRequest and SecureInstall. BRIDGE_ERR_UNKNOWN: this bridge has no secure mode (R7). BRIDGE_ERR_RULE:
 * it is another message. */
bridge_error_t bridge_security_hear(bridge_t *bridge, bridge_connection_t *connection, const bridge_message_t *message);

static inline void bridge_earliest(uint64_t *wake_us, uint64_t at_us)
{
    *wake_us = at_us < *wake_us ? at_us : *wake_us;
}
