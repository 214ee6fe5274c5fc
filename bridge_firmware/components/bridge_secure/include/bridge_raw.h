/* A platform's TCP sockets, under the door of secure mode. They are what bridge_port.h says of sockets, but plain. */
#pragma once

#include "bridge_port.h"

/* [network] BRIDGE_WAIT when nobody waits. */
bridge_error_t bridge_raw_accept(bridge_port_t *port, int *sock);
/* [network] BRIDGE_ERR_CLOSED when the peer has closed or the connection broke. */
bridge_error_t bridge_raw_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got);
/* [network] May take fewer: then the task is woken when there is room. BRIDGE_ERR_CLOSED. */
bridge_error_t bridge_raw_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent);
/* [network] Say that nothing more will be sent. */
void bridge_raw_finish(bridge_port_t *port, int sock);
/* [network] */
void bridge_raw_close(bridge_port_t *port, int sock);
