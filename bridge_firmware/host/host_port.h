/* The bridge's port on a POSIX machine: a tty or pty, lines through RTS and DTR, TCP sockets. */
#pragma once

#include "bridge.h"

#define HOST_MESSAGE_BYTES 256U

typedef struct {
    unsigned int bit; /* TIOCM_RTS or TIOCM_DTR; 0: not wired */
    bool is_inverted;
} host_wire_t;

struct bridge_port {
    const char *path;
    int tty;
    bool is_pty;
    host_wire_t reset; /* asserted: NRST is low */
    host_wire_t boot0; /* asserted: BOOT0 is high */
    bridge_uart_t uart;
    bridge_line_errors_t counted;
    uint64_t start_us;
    uint64_t sent_us; /* when the last stop bit leaves, reckoned */
    bool wants_read;
    bool wants_write;
    int listener;
    struct {
        int sock;
        bool wants_write;
    } peers[BRIDGE_CONNECTIONS];
    size_t peer_count;
    char trouble[HOST_MESSAGE_BYTES]; /* what went wrong, for people */
};

/* Open the tty at `path`, its lines at their safe levels. False: `trouble` says why not. */
bool host_open_tty(bridge_port_t *port, const char *path);
/* Lines safe, and close without waiting for what was not sent. */
void host_close_tty(bridge_port_t *port);

/* Listen on HOST:PORT; `shown` gets the address. False: `trouble` says why not. */
bool host_listen(bridge_port_t *port, const char *address, char *shown, size_t shown_bytes, bool *is_loopback);

/* Wait until there is something to do, `wake_us` has come, or a signal. */
void host_wait(bridge_port_t *port, uint64_t wake_us);
