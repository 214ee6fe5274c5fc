/* A bridge: one edge, its connections, and who controls it (BRIDGE_PROTOCOL.md).
 *
 * The caller gives all memory and starts it. Then one task calls `bridge_execute` for ever and another one
 * `bridge_serve`: bridge_port.h says when. One task may do both in turn. */
#pragma once

#include "bridge_edge.h"
#include "bridge_settings.h"
#include "bridge_sha256.h"

#define BRIDGE_PARTING 2U /* connections that say their last words; a third makes the oldest of them end */
#define BRIDGE_CONNECTIONS (1U + BRIDGE_MAX_WAITING + BRIDGE_PARTING)
#define BRIDGE_LAST_WORDS_US 1000000U /* for a Closing to reach the peer: a round trip of a bad link */
#define BRIDGE_OUT_BYTES 1152U        /* the largest Console (1046), or preamble and Greeting with some answers */
#define BRIDGE_MOST_REFUSED 32U      /* a peer of a later version tries its new messages once each */
#define BRIDGE_CONSOLE_WINDOW 16384U  /* R51, less where the ring is smaller: a second at 115200 baud */
#define BRIDGE_LARGEST_CONSOLE (BRIDGE_HEADER_BYTES + 18U + BRIDGE_MAX_CONSOLE)

_Static_assert(BRIDGE_OUT_BYTES >= BRIDGE_LARGEST_CONSOLE, "a Console is built whole");

typedef struct {
    const char *name;
    const char *firmware;
    uint8_t unique_id[BRIDGE_UNIQUE_ID_BYTES];
    uint8_t boot_id[BRIDGE_BOOT_ID_BYTES];
    uint32_t credit;
    uint32_t max_batch; /* BRIDGE_MAX_FRAME at most */
    bridge_uart_t console;
    const char *project;               /* as an image's description names it; NULL: not told */
    const bridge_chip_t *chip;         /* NULL: not told, and no settings */
    const bridge_settings_t *settings; /* what it runs with; NULL: it has none that could be changed */
    uint64_t trial_us; /* how long a firmware on trial waits for a controller (R65) */
    bool is_power_up; /* R68: nobody on the network made it start */
    /* Memory that is the bridge's from now on. */
    uint8_t *requests; /* BRIDGE_REQUEST_QUEUE_BYTES */
    uint8_t *work;     /* max_batch: the batch in hand */
    uint8_t *results;  /* BRIDGE_RESULT_QUEUE_BYTES */
    uint8_t *last;     /* credit: the newest result, for Welcome (R18) */
    uint8_t *input;    /* BRIDGE_INPUT_BYTES: the controller's message as it comes */
    uint8_t *ring;
    uint32_t ring_bytes;
    bridge_mark_t *marks;
    size_t mark_count; /* ring_bytes / BRIDGE_RING_BYTES_A_MARK is enough */
} bridge_config_t;

#define BRIDGE_INPUT_BYTES(max_batch) ((max_batch) > BRIDGE_MAX_SMALL_FRAME ? (max_batch) : BRIDGE_MAX_SMALL_FRAME)

typedef enum {
    BRIDGE_FREE = 0,
    BRIDGE_AWAIT_PREAMBLE,
    BRIDGE_AWAIT_HELLO,
    BRIDGE_READY,
    BRIDGE_IS_PARTING, /* its Closing is on its way; what comes is dropped */
} bridge_state_t;

typedef struct {
    bridge_state_t state;
    int sock;
    bool is_inside_tls;
    uint64_t made_us;
    uint64_t heard_us;
    uint64_t wrote_us;
    uint64_t stuck_us; /* since when nothing could be written; UINT64_MAX: it can */
    uint64_t part_by_us;
    uint64_t console_seen; /* Greeting's console_next */
    uint8_t controller_id[BRIDGE_CONTROLLER_ID_BYTES];
    uint8_t name[BRIDGE_MAX_NAME];
    size_t name_length;
    uint8_t small[BRIDGE_MAX_SMALL_FRAME];
    uint8_t *input;
    size_t input_capacity;
    size_t input_length;
    uint8_t out[BRIDGE_OUT_BYTES];
    size_t out_at;
    size_t out_length;
    struct {
        uint8_t type;
        uint8_t port;
    } refused[BRIDGE_MOST_REFUSED]; /* R7: to be answered Unsupported, behind a result that is half said */
    size_t refused_count;
    bool has_pong; /* R21: the newest Ping's is enough */
    uint32_t pong_token;
    bool has_closing;
    bool is_finished; /* the Closing is written, and nothing follows */
    uint8_t closing_reason;
    uint8_t closing_text[BRIDGE_MAX_TEXT];
    size_t closing_length;
} bridge_connection_t;

/* A frame too large for the controller's `out`: it passes through it in pieces. */
typedef enum {
    BRIDGE_BULK_NONE = 0,
    BRIDGE_BULK_RESULT,
    BRIDGE_BULK_LAST, /* the last result behind a Welcome */
} bridge_bulk_t;

/* Settings and update: what is under way with the controller, and what is to be said of it. */
typedef struct {
    bool is_table_wanted;
    bool has_answer;
    bool is_restarting; /* once the answer is said */
    bool has_status;
    uint8_t verdict;
    char key[BRIDGE_MAX_KEY + 1U];
    bridge_trouble_t trouble; /* the answer's sentence */
    uint8_t state;            /* bridge_update_state_t */
    uint32_t length;
    uint32_t received;
    uint32_t granted;
    uint8_t sha256[BRIDGE_SHA256_BYTES]; /* as announced */
    bridge_sha256_t sum;
    char text[BRIDGE_MAX_TEXT + 1U]; /* the status's sentence */
} bridge_upkeep_t;

typedef struct {
    bridge_port_t *port;
    bridge_config_t config;
    bridge_edge_t edge;
    bridge_connection_t connections[BRIDGE_CONNECTIONS];
    bridge_connection_t *controller;
    uint64_t since_us;  /* the controller's welcome */
    uint64_t gone_us;   /* since when there is none */
    bool is_safe;       /* the lines are, and nobody could have changed that */
    bool is_shut;       /* nobody is let in any more */
    uint64_t window_until_us; /* R68 */
    uint64_t trial_until_us;  /* R65; UINT64_MAX: no firmware is on trial */
    /* The controller's books. */
    int64_t newest_run;
    bool is_over; /* the newest run takes no batches */
    uint32_t next_number;
    uint32_t charged;
    uint64_t console_next;
    uint64_t console_settled;
    uint32_t ping_token;
    bridge_bulk_t bulk;
    size_t bulk_at;     /* so much of the frame is in `out`, or was sent */
    size_t bulk_length; /* of the whole frame */
    uint8_t console[BRIDGE_MAX_CONSOLE]; /* on its way from the ring to `out` */
    bridge_upkeep_t upkeep;
    bool has_unread; /* the controller said something before its Welcome was written */
} bridge_t;

/* Set UART and lines. BRIDGE_ERR_UNSUPPORTED, BRIDGE_ERR_PORT. */
bridge_error_t bridge_start(bridge_t *bridge, bridge_port_t *port, const bridge_config_t *config);
/* The engine task: do what can be done at the UART; `*wake_us`: when to call again at the latest. BRIDGE_WAIT;
 * BRIDGE_ERR_PORT: the UART is gone. */
bridge_error_t bridge_execute(bridge_t *bridge, uint64_t *wake_us);
/* The network task: do what can be done for the connections; `*wake_us` likewise. */
void bridge_serve(bridge_t *bridge, uint64_t *wake_us);
/* The network task: let nobody in any more, and say goodbye to everybody (SHUTDOWN). */
void bridge_shut(bridge_t *bridge, const char *text);
/* The network task: say goodbye to everybody, and start anew once they have heard it. */
void bridge_restart(bridge_t *bridge);
/* The network task, which serves again at once: the words of the bridge's own console. `secure` opens the window of R68,
 * `insecure` forgets key and certificates and ends all connections. `shown`: what it is now, or what is wrong, for people.
 * BRIDGE_ERR_UNSUPPORTED: it has no secure mode. BRIDGE_ERR_PORT. */
bridge_error_t bridge_secure(bridge_t *bridge, bridge_trouble_t *shown);
bridge_error_t bridge_insecure(bridge_t *bridge, bridge_trouble_t *shown);
/* The network task: whether a connection is open; whether one is the controller's. */
bool bridge_is_connected(const bridge_t *bridge);
bool bridge_is_controlled(const bridge_t *bridge);
