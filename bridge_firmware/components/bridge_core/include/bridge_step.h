/* Steps: what a batch is made of (BRIDGE_PROTOCOL.md, section 2). */
#pragma once

#include "bridge_bytes.h"
#include "bridge_limits.h"

/* Wire numbers: append only. */
typedef enum {
    BRIDGE_STEP_SEND = 0x01,
    BRIDGE_STEP_EXPECT = 0x02,
    BRIDGE_STEP_RECEIVE = 0x03,
    BRIDGE_STEP_RECEIVE_COUNTED = 0x04,
    BRIDGE_STEP_RECEIVE_UNTIL_QUIET = 0x05,
    BRIDGE_STEP_DISCARD = 0x06,
    BRIDGE_STEP_SET_LINES = 0x07,
    BRIDGE_STEP_SENSE = 0x08,
    BRIDGE_STEP_WAIT = 0x09,
    BRIDGE_STEP_CONFIGURE = 0x0A,
} bridge_step_number_t;

#define BRIDGE_FIRST_STEP BRIDGE_STEP_SEND
#define BRIDGE_LAST_STEP BRIDGE_STEP_CONFIGURE

typedef enum {
    BRIDGE_SILENCE_FAILS = 0,
    BRIDGE_SILENCE_GOES_ON = 1,
    BRIDGE_SILENCE_REPEATS = 2,
} bridge_on_silence_t;

enum {
    BRIDGE_LINE_NRST = 0x01,
    BRIDGE_LINE_BOOT0 = 0x02,
};

/* R24: NRST released, BOOT0 low. */
#define BRIDGE_SAFE_MASK (BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0)
#define BRIDGE_SAFE_LEVELS BRIDGE_LINE_NRST

typedef struct {
    uint32_t baud;
    uint8_t data_bits;
    uint8_t parity;    /* 0 none, 1 even, 2 odd */
    uint8_t stop_bits; /* 1 or 2 */
    uint8_t rs485;     /* 0 off, 1 direction line high while sending, 2 low */
    bool has_echo;
} bridge_uart_t;

typedef struct {
    uint8_t number;
    bool is_understood; /* R36: number, length, values and repeat */
    bridge_span_t arguments;
    union {
        bridge_span_t send;
        struct {
            uint8_t good;
            uint32_t within_us;
            uint8_t on_silence;
            uint16_t repeat_back;
            uint16_t repeat_times;
            bridge_span_t skip;
        } expect;
        struct {
            uint16_t length;
            uint32_t within_us;
        } receive;
        struct {
            uint8_t count_bytes;
            uint16_t extra;
            uint16_t cap;
            uint32_t within_us;
        } counted;
        struct {
            uint32_t quiet_us;
            uint16_t cap; /* unused by Discard */
            uint32_t within_us;
        } quiet; /* ReceiveUntilQuiet and Discard */
        struct {
            uint8_t mask;
            uint8_t levels;
        } lines;
        uint32_t wait_us;
        bridge_uart_t configure;
    } as;
} bridge_step_t;

/* A place in a batch's steps. */
typedef struct {
    bridge_reader_t reader;
    uint16_t index; /* of the step that comes next */
    uint16_t count;
    bool has_repeat;
} bridge_steps_t;

typedef struct {
    size_t request_bytes;    /* the whole frame, without what R5 ignores */
    size_t result_bytes;     /* the largest that is possible, the whole frame */
    size_t output_bytes;     /* of these, for outputs */
    uint16_t arrivals;       /* and for so many arrivals */
    uint16_t not_understood; /* the first such step; BRIDGE_NO_STEP: none */
} bridge_measure_t;

bridge_steps_t bridge_steps(bridge_span_t steps, uint16_t count);
/* The next step, whose arguments lie where the steps lie. BRIDGE_WAIT when there is none,
 * BRIDGE_ERR_MALFORMED when it passes the end. */
bridge_error_t bridge_next_step(bridge_steps_t *steps, bridge_step_t *step);
/* Write a step, header and all; one that is not understood as it came. */
void bridge_put_step(bridge_writer_t *writer, const bridge_step_t *step);
/* Room of the step's output in a result, header included; 0 when it has none. */
size_t bridge_output_room(const bridge_step_t *step);
/* What a batch is charged (R41). BRIDGE_ERR_MALFORMED when a step passes the end. */
bridge_error_t bridge_measure(bridge_span_t steps, uint16_t count, bridge_measure_t *measure);
size_t bridge_charge(const bridge_measure_t *measure);

/* How long so many bytes take on the wire, rounded up. */
uint64_t bridge_wire_time_us(const bridge_uart_t *uart, size_t length);
