/* The messages of the bridge protocol as values (BRIDGE_PROTOCOL.md, section 4).
 *
 * Spans point into the payload they were decoded from. */
#pragma once

#include "bridge_frame.h"
#include "bridge_step.h"

/* Wire numbers: append only. */
typedef enum {
    BRIDGE_GREETING = 0x01,
    BRIDGE_HELLO = 0x02,
    BRIDGE_WELCOME = 0x03,
    BRIDGE_BUSY = 0x04,
    BRIDGE_PING = 0x05,
    BRIDGE_PONG = 0x06,
    BRIDGE_UNSUPPORTED = 0x07,
    BRIDGE_CLOSING = 0x08,
    BRIDGE_BEGIN_RUN = 0x10,
    BRIDGE_BATCH_REQUEST = 0x11,
    BRIDGE_BATCH_RESULT = 0x12,
    BRIDGE_ABORT = 0x13,
    BRIDGE_END_RUN = 0x14,
    BRIDGE_CONSOLE = 0x20,
    BRIDGE_CONSOLE_GAP = 0x21,
    BRIDGE_CONSOLE_ACK = 0x22,
    BRIDGE_GET_SETTINGS = 0x40,
    BRIDGE_SETTINGS = 0x41,
    BRIDGE_SET_SETTINGS = 0x42,
    BRIDGE_SETTINGS_ANSWER = 0x43,
    BRIDGE_RESTART = 0x44,
    BRIDGE_UPDATE_BEGIN = 0x50,
    BRIDGE_UPDATE_STATUS = 0x51,
    BRIDGE_UPDATE_DATA = 0x52,
    BRIDGE_UPDATE_FINISH = 0x53,
    BRIDGE_UPDATE_CANCEL = 0x54,
    BRIDGE_SECURE_REQUEST = 0x60,
    BRIDGE_SECURE_CSR = 0x61,
    BRIDGE_SECURE_INSTALL = 0x62,
    BRIDGE_SECURE_ANSWER = 0x63,
} bridge_message_type_t;

typedef enum {
    BRIDGE_CLOSE_SHUTDOWN = 1,
    BRIDGE_CLOSE_REPLACED = 2,
    BRIDGE_CLOSE_TAKEN_OVER = 3,
    BRIDGE_CLOSE_PROTOCOL_ERROR = 4,
    BRIDGE_CLOSE_VERSION = 5,
    BRIDGE_CLOSE_TOO_MANY = 6,
    BRIDGE_CLOSE_TOO_SLOW = 7,
    BRIDGE_CLOSE_SECURED = 8,
} bridge_close_reason_t;

typedef enum {
    BRIDGE_DONE = 0,
    BRIDGE_FAILED = 1,
    BRIDGE_SKIPPED = 2,
    BRIDGE_ABORTED = 3,
} bridge_outcome_t;

typedef enum {
    BRIDGE_CAUSE_NONE = 0,
    BRIDGE_CAUSE_SILENCE = 1,
    BRIDGE_CAUSE_WRONG_BYTE = 2,
    BRIDGE_CAUSE_ECHO = 3,
    BRIDGE_CAUSE_CAP = 4,
    BRIDGE_CAUSE_UNSUPPORTED = 5,
    BRIDGE_CAUSE_PORT = 6,
} bridge_cause_t;

typedef enum {
    BRIDGE_UNCLAIMED_CONSOLE = 0,
    BRIDGE_UNCLAIMED_RESIDUE = 1,
} bridge_unclaimed_t;

/* What the network may do. */
enum {
    BRIDGE_MAY_SETTINGS = 0x01,
    BRIDGE_MAY_UPDATE = 0x02,
};

/* Of one setting. */
enum {
    BRIDGE_SETTING_IS_SECRET = 0x01,
    BRIDGE_SETTING_IS_PENDING = 0x02,
};

typedef enum {
    BRIDGE_SETTINGS_DONE = 0,
    BRIDGE_SETTINGS_AFTER_RESTART = 1,
    BRIDGE_SETTINGS_REFUSED = 2,
} bridge_verdict_t;

typedef enum {
    BRIDGE_UPDATE_NONE = 0,
    BRIDGE_UPDATE_RECEIVING = 1,
    BRIDGE_UPDATE_WRITTEN = 2,
    BRIDGE_UPDATE_REFUSED = 3,
} bridge_update_state_t;

/* What became of the newest update. */
typedef enum {
    BRIDGE_TRIAL_NONE = 0,
    BRIDGE_TRIAL_UNDER_WAY = 1, /* what runs is new, and kept once a controller is welcomed */
    BRIDGE_TRIAL_FAILED = 2,    /* what was new was welcomed by nobody: the firmware before it runs */
} bridge_trial_t;

typedef struct {
    uint8_t unique_id[BRIDGE_UNIQUE_ID_BYTES];
    uint8_t boot_id[BRIDGE_BOOT_ID_BYTES];
    uint8_t lines;
    uint32_t credit;
    uint32_t max_batch;
    uint32_t console_ring;
    uint64_t console_oldest;
    uint64_t console_next;
    uint64_t now_us;
    uint32_t last_run;
    uint32_t last_number;
    uint8_t last_outcome; /* BRIDGE_NO_BATCH: no batch has ended */
    bridge_span_t name;
    bridge_span_t firmware;
    bridge_span_t holder;
    bridge_span_t steps;
    uint8_t rights; /* bits BRIDGE_MAY_… */
    bridge_span_t project;
    bridge_span_t chip;
    uint8_t trial; /* bridge_trial_t */
} bridge_greeting_t;

typedef struct {
    uint8_t controller_id[BRIDGE_CONTROLLER_ID_BYTES];
    bool takes_over;
    uint64_t console_from;
    bridge_span_t name;
} bridge_hello_t;

typedef struct {
    uint32_t run;
    uint32_t number;
    uint8_t outcome;
    uint16_t failed_step; /* BRIDGE_NO_STEP: none */
    uint8_t cause;
    uint32_t got; /* BRIDGE_NO_GOT: nothing */
    uint64_t started_us;
    uint64_t ended_us;
    uint16_t parity_errors;
    uint16_t framing_errors;
    uint16_t overrun_errors;
    uint32_t residue_lost;
    uint16_t output_count;
    uint16_t arrival_count;
    bridge_span_t residue;
    bridge_span_t outputs;  /* as on the wire: each step u16, length u16, bytes */
    bridge_span_t arrivals; /* as on the wire: each step u16, u32 */
} bridge_result_t;

typedef struct {
    bool has_last;
    uint8_t last_port;
    bridge_result_t last;
} bridge_welcome_t;

typedef struct {
    uint8_t type;
    uint8_t port;
    union {
        bridge_greeting_t greeting;
        bridge_hello_t hello;
        bridge_welcome_t welcome;
        struct {
            uint8_t holder_id[BRIDGE_CONTROLLER_ID_BYTES];
            uint64_t held_for_us;
            bridge_span_t holder;
        } busy;
        struct {
            uint32_t token;
            uint64_t now_us; /* of a Pong */
        } ping;
        uint8_t unsupported;
        struct {
            uint8_t reason;
            bridge_span_t text;
        } closing;
        struct {
            uint32_t run;
            uint8_t unclaimed; /* of a BeginRun */
        } run; /* BeginRun, Abort, EndRun */
        struct {
            uint32_t run;
            uint32_t number;
            uint16_t count;
            bridge_span_t steps;
        } request;
        bridge_result_t result;
        struct {
            uint64_t position;
            uint64_t at_us;
            bridge_span_t data;
        } console;
        struct {
            uint64_t position;
            uint64_t length;
        } gap;
        uint64_t ack;
        struct {
            uint8_t count;
            bridge_span_t entries; /* as on the wire */
        } settings; /* Settings, SetSettings */
        struct {
            uint8_t verdict;
            bridge_span_t key;
            bridge_span_t text;
        } answer; /* SettingsAnswer */
        struct {
            uint32_t length;
            uint8_t sha256[BRIDGE_SHA256_BYTES];
            bridge_span_t signature;
        } begin; /* UpdateBegin */
        struct {
            uint8_t state;
            uint32_t granted;
            bridge_span_t text;
        } status; /* UpdateStatus */
        struct {
            uint32_t offset;
            bridge_span_t bytes;
        } data; /* UpdateData */
        bridge_span_t asking; /* SecureRequest: the name of who asks */
        bridge_span_t csr;    /* SecureCsr */
        struct {
            bridge_span_t certificate;
            bridge_span_t authority;
        } install; /* SecureInstall */
        struct {
            bool is_refused;
            bridge_span_t text;
        } secured; /* SecureAnswer */
        bridge_span_t unknown; /* the payload of a message that is not known */
    } as;
} bridge_message_t;

/* Whether a message is about the connection, or about a UART that is there: the first is the only one (R7). */
bool bridge_is_ours(uint8_t type, uint8_t port);

/* BRIDGE_ERR_UNKNOWN: `message` holds type, port and payload (R7). BRIDGE_ERR_MALFORMED (R8). */
bridge_error_t bridge_decode(const bridge_frame_t *frame, bridge_message_t *message);

/* Append the whole frame, or nothing and BRIDGE_ERR_FULL. Texts that are too long are cut. */
bridge_error_t bridge_encode(bridge_writer_t *writer, const bridge_message_t *message);

/* bridge_wire_upkeep.c: settings, restart, update. Whether the message is one of these. */
bool bridge_get_upkeep(bridge_reader_t *reader, bridge_message_t *message);
bool bridge_put_upkeep(bridge_writer_t *writer, const bridge_message_t *message);
/* bridge_wire_secure.c: secure mode, the same way. */
bool bridge_get_secure(bridge_reader_t *reader, bridge_message_t *message);
bool bridge_put_secure(bridge_writer_t *writer, const bridge_message_t *message);
/* One entry of Settings. */
void bridge_put_setting(bridge_writer_t *writer, bridge_span_t key, bridge_span_t value, uint8_t flags);

/* A result stands in Welcome too. */
void bridge_get_result(bridge_reader_t *reader, bridge_result_t *result);
void bridge_put_result(bridge_writer_t *writer, const bridge_result_t *result);
/* All of it up to the residue, exclusive: 47 bytes. */
void bridge_put_result_fields(bridge_writer_t *writer, const bridge_result_t *result);
