/* A port without hardware: a clock that the test moves, a UART whose wire takes the time it takes, sockets of memory.
 *
 * It also watches the core: no function of the port is called under the lock, which is never taken twice. */
#pragma once

#include "bridge.h"

#define FAKE_WIRE_BYTES 4096U
#define FAKE_SOCKETS 16
#define FAKE_SOCKET_BYTES 32768U

#define FAKE_KEPT 32
#define FAKE_VALUE_BYTES 128U
#define FAKE_SLOT_BYTES 100000U

typedef struct {
    char key[BRIDGE_MAX_KEY + 1U];
    uint8_t value[FAKE_VALUE_BYTES];
    size_t length;
} fake_kept_t;

typedef struct {
    uint64_t at_us; /* its stop bit */
    uint8_t byte;
} fake_byte_t;

typedef struct {
    bool is_open;     /* the bridge has not closed it */
    bool is_accepted;
    bool is_gone;     /* the peer has closed, or the connection broke */
    bool is_finished; /* the bridge says nothing more */
    size_t send_room; /* until the peer reads */
    uint8_t to_bridge[FAKE_SOCKET_BYTES];
    size_t to_bridge_at;
    size_t to_bridge_length;
    uint8_t said[FAKE_SOCKET_BYTES]; /* by the bridge */
    size_t said_length;
    size_t said_at; /* up to where the test has looked */
    uint64_t made_us;
    bool is_inside_tls;
} fake_socket_t;

struct bridge_port {
    uint64_t now_us;
    unsigned int locks; /* how often the lock is held: 0 or 1 */
    bool is_engine_woken;
    bool is_network_woken;
    bool has_socket_news; /* as the network task's select sees it */
    unsigned int confirmed;
    /* The UART. */
    bridge_uart_t uart;
    bool is_gone;          /* every call fails */
    bool lacks_configure;  /* any setting is unsupported */
    fake_byte_t incoming[FAKE_WIRE_BYTES]; /* in the order of their times */
    size_t incoming_count;
    size_t incoming_at;
    uint64_t early_us; /* the next reads tell their bytes' times so much too early */
    uint8_t sent[FAKE_WIRE_BYTES]; /* the first bytes of it */
    size_t sent_length;
    size_t write_room; /* the transmitter takes so many at once */
    bool echoes;       /* what is sent comes back as it leaves */
    uint64_t sent_us;
    uint8_t lines;  /* that are there */
    uint8_t levels;
    unsigned int line_changes;
    bridge_line_errors_t errors;
    fake_socket_t sockets[FAKE_SOCKETS];
    size_t socket_count;
    fake_kept_t kept[FAKE_KEPT];
    size_t kept_count;
    bool is_updating;
    uint32_t slot_length; /* announced */
    uint32_t slot_written;
    unsigned int restarts;
    bridge_trial_t trial;
    uint8_t verified[BRIDGE_SHA256_BYTES]; /* the newest digest whose signature was looked at */
    /* Secure mode. Its key's fingerprint is FAKE_FINGERPRINT in each byte. */
    bridge_secure_state_t secure;
    unsigned int keys; /* made */
    bool has_key;
    bool keeps_nothing; /* what is to be stored cannot be */
    char told[1024];    /* on the bridge's own console, each line with its end */
};

#define FAKE_FINGERPRINT 0xA5U
#define FAKE_CSR "request"
#define FAKE_CERTIFICATE "good" /* any other is not */

/* A UART of 115200 8N1, NRST and BOOT0, time 1 s. */
void fake_init(bridge_port_t *port);
/* The target sends bytes back to back, the first one complete at `at_us`. */
void fake_target_says(bridge_port_t *port, uint64_t at_us, const void *data, size_t length);
/* A peer connects, inside TLS where the bridge is secured; its socket's number. */
int fake_connect(bridge_port_t *port);
/* The peer writes. */
void fake_peer_says(bridge_port_t *port, int sock, const void *data, size_t length);
/* The peer closes, or its connection breaks. */
void fake_peer_leaves(bridge_port_t *port, int sock);
/* The peer lets the bridge send so much more. */
void fake_peer_reads(bridge_port_t *port, int sock, size_t length);
/* The next frame that the bridge said to it, behind the preamble; false: there is none that is whole. */
bool fake_heard(bridge_port_t *port, int sock, bridge_frame_t *frame);
