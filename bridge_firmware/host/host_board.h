/* A board of this program: a bridge with its port (a UART, which is a tty or a virtual board's, and TCP sockets) and all
 * of its memory. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bridge.h"
#include "virtual_board.h"

#define HOST_CREDIT 65536U    /* several of the largest batches, as the Python bridge has */
#define HOST_MAX_BATCH 16384U /* seven 2 KiB pages */
#define HOST_RING_BYTES 65536U /* 5.7 s of an unbroken stream at 115200 baud */
#define HOST_MESSAGE_BYTES 256U
#define HOST_PROJECT "stmota_bridge" /* as in ../CMakeLists.txt */
#define HOST_ADDRESS_BYTES 192U

/* What the kernel has counted since the port was opened. */
typedef struct {
    uint32_t parity;
    uint32_t framing;
    uint32_t overrun;
} host_counted_t;

typedef struct {
    unsigned int bit; /* TIOCM_RTS or TIOCM_DTR; 0: not wired */
    bool is_inverted;
} host_wire_t;

/* What of bridge_port.h is a UART's. */
typedef struct {
    uint8_t (*lines)(bridge_port_t *port);
    bridge_error_t (*write)(bridge_port_t *port, bridge_span_t data, size_t *written);
    bridge_error_t (*read)(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us);
    uint64_t (*sent_by_us)(bridge_port_t *port);
    bridge_error_t (*is_sent)(bridge_port_t *port, uint64_t *ask_again_us);
    void (*drop_unsent)(bridge_port_t *port);
    bridge_error_t (*configure)(bridge_port_t *port, const bridge_uart_t *uart);
    bridge_error_t (*set_lines)(bridge_port_t *port, uint8_t mask, uint8_t levels);
    bridge_error_t (*sense)(bridge_port_t *port, uint8_t *mask, uint8_t *levels);
    bridge_line_errors_t (*take_errors)(bridge_port_t *port);
    uint64_t (*next_us)(bridge_port_t *port); /* when something is there that no file tells of */
    void (*close)(bridge_port_t *port);       /* lines safe; what was not sent is not waited for */
} host_uart_t;

/* What wakes one of the two threads, which serve all boards. */
typedef struct {
    int event;             /* an eventfd */
    atomic_bool is_rung;   /* and nobody has come yet */
} host_bell_t;

struct bridge_port {
    pthread_mutex_t lock;
    host_bell_t *engine_bell;
    host_bell_t *network_bell;
    atomic_bool is_engine_called;
    atomic_bool is_network_called;
    /* The engine thread's. */
    const host_uart_t *kind;
    virtual_board_t *board; /* of a virtual UART */
    const char *path;
    int tty; /* or -1 */
    bool is_pty;
    host_wire_t reset; /* asserted: NRST is low */
    host_wire_t boot0; /* asserted: BOOT0 is high */
    bridge_uart_t uart;
    host_counted_t counted;
    uint64_t sent_us; /* when the last stop bit leaves, reckoned */
    bool wants_read;
    bool wants_write;
    /* The network thread's. */
    int listener;
    int epoll;
    uint32_t number;
    const char *state_dir; /* where settings and firmware are kept; NULL: nowhere */
    FILE *update;          /* the image that is being received */
    char update_trouble[BRIDGE_TROUBLE_BYTES];
    bridge_trial_t trial;  /* what became of the newest one */
    char firmware[BRIDGE_MAX_FIRMWARE + 1U];
    const bridge_chip_t *chip;
    bridge_settings_t settings; /* what it runs with */
    bool is_restarting;
    struct bridge_security *security; /* NULL: it cannot be secured */
    /* What went wrong, for people: the engine thread's until it says `has_failed`. */
    char trouble[HOST_MESSAGE_BYTES];
    atomic_bool has_failed;
};

typedef struct {
    bridge_port_t port;
    bridge_t bridge;
    char name[BRIDGE_MAX_NAME];
    char shown[HOST_ADDRESS_BYTES]; /* where it listens */
    bool is_shut;
    uint8_t requests[BRIDGE_REQUEST_QUEUE_BYTES(HOST_CREDIT)];
    uint8_t work[HOST_MAX_BATCH];
    uint8_t results[BRIDGE_RESULT_QUEUE_BYTES(HOST_CREDIT)];
    uint8_t last[HOST_CREDIT];
    uint8_t input[BRIDGE_INPUT_BYTES(HOST_MAX_BATCH)];
    uint8_t ring[HOST_RING_BYTES];
    bridge_mark_t marks[HOST_RING_BYTES / BRIDGE_RING_BYTES_A_MARK];
} host_board_t;

/* Microseconds since this program started, for all boards. */
uint64_t host_now_us(void);

/* Open the tty at `path`, its lines at their safe levels. False: `trouble` says why not. */
bool host_open_tty(bridge_port_t *port, const char *path);
/* Make the virtual board that the file at `path` describes. False: `trouble` says why not. */
bool host_open_virtual(bridge_port_t *port, const char *path);

/* Listen on HOST:PORT, `offset` ports above (not above port 0); `shown` gets the address. False: `trouble` says why
 * not. Whether that is a loopback's: `is_loopback`. */
bool host_listen(bridge_port_t *port, const char *address, unsigned int offset, char *shown, bool *is_loopback);

/* Keep settings, firmware and key in that directory, which is made; NULL: nothing is kept. False: `trouble` says why not. */
bool host_open_state(bridge_port_t *port, const char *directory);
/* A start: which firmware runs now, by its version; `otherwise` where none was ever sent here. */
const char *host_firmware(bridge_port_t *port, const char *otherwise);

/* secure/host_secure.c, or plain/host_plain.c in a build without mbedTLS: secure mode of a board with a state directory. False:
 * `trouble` says what is wrong; a bridge that was secured never starts plain by mistake. */
bool host_open_security(bridge_port_t *port, const uint8_t *unique_id, bool is_forgotten);
void host_close_security(bridge_port_t *port);
bool host_has_security(void);

/* The bridge's own console on standard input: whether that is a terminal or a pipe; begin with a bridge that has started; and take
 * what was written there, up to a restart: false at its end. */
bool host_has_console(void);
void host_start_console(host_board_t *board);
bool host_read_console(void);

/* Serve these boards, whose bridges have started, until a signal comes (caught while it waits) or the UART of each has
 * failed; then say goodbye. Whether no UART failed. */
bool host_run(host_board_t *const *boards, size_t count, const volatile int *is_stopped);
