/* The hardware under the core: one UART with its lines, a clock, sockets, storage, update, and the two tasks' meeting.
 * Implemented once for each platform; `struct bridge_port` is the platform's own.
 *
 * Two tasks run a bridge, and the port owns both loops:
 *
 *     engine task, the more urgent:   for (;;) { bridge_execute(bridge, &wake_us); sleep; }
 *     network task:                   for (;;) { bridge_serve(bridge, &wake_us); sleep; }
 *
 * The engine task sleeps until the UART received or has room again (where the core was told that it has none), until
 * `bridge_port_wake_engine`, or until `wake_us` by `bridge_port_now_us`: to the microsecond as well as the platform can
 * (on FreeRTOS a one-shot timer that notifies the task, not a wait in ticks). The network task sleeps until a socket can
 * be read or written, or somebody connects, until `bridge_port_wake_network`, or until `wake_us`, where a millisecond
 * late does no harm. The core receives from a socket until it has nothing more, or asks to be called at once: a port
 * may wait for edges, and one that waits for levels looks only at sockets that had nothing. UINT64_MAX is for ever; a time that is over is at once. Waking up too often does no harm either.
 *
 * What they share (orders, results, the console's ring) is in the core, under the one lock of the port. Each function
 * says which task calls it: [engine], [network], or [both]. `bridge_start` calls from the task that runs it, before the
 * two exist. Only the lock waits, and the calls of [network] that say so. */
#pragma once

#include "bridge_bytes.h"
#include "bridge_message.h"

typedef struct bridge_port bridge_port_t;

typedef struct {
    uint16_t parity;
    uint16_t framing;
    uint16_t overrun; /* bytes lost to a full FIFO or a full buffer, as well as the platform can count them */
} bridge_line_errors_t;

/* Time and the two tasks. */

/* [both] Microseconds since boot; never goes back. */
uint64_t bridge_port_now_us(bridge_port_t *port);

/* [both] Enter and leave what only one task may be in. Held for as long as it takes to copy a frame, or to move a queue
 * within its memory (`credit` bytes at most); never twice by one task; no other function of the port is called inside.
 * A mutex with priority inheritance fits; interrupts stay enabled. */
void bridge_port_lock(bridge_port_t *port);
void bridge_port_unlock(bridge_port_t *port);

/* [network] End the engine task's sleep; one that is awake does not sleep next time (a task notification, a semaphore of
 * one). */
void bridge_port_wake_engine(bridge_port_t *port);
/* [engine] The same for the network task (an eventfd in its select). */
void bridge_port_wake_network(bridge_port_t *port);

/* The UART and its lines. Nothing here waits: a call that can do nothing now returns BRIDGE_OK and a count of 0. */

/* [both] Lines that can be driven, as bits of SetLines; the same for ever. */
uint8_t bridge_port_lines(bridge_port_t *port);

/* [engine] Hand bytes to the transmitter; it may take fewer: then the task is woken when there is room. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written);

/* [engine] Take received bytes, and when the first of them came (its stop bit; reckoned back where only the end of a
 * burst is known). What came later than 1 ms after a burst before it is not told with it. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us);

/* [engine] When the last stop bit of what was written leaves or has left, as well as that is known ahead. */
uint64_t bridge_port_sent_by_us(bridge_port_t *port);

/* [engine] BRIDGE_OK when the last stop bit has left; BRIDGE_WAIT, and when to ask again; BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_is_sent(bridge_port_t *port, uint64_t *ask_again_us);

/* [engine] Forget what was written and has not left; a byte being sent is finished. */
void bridge_port_drop_unsent(bridge_port_t *port);

/* [engine] Set the UART; what was sent has left, what was received stays. Direction and echo of RS-485 included: the
 * port switches the direction, the core takes the echo from what is received.
 * BRIDGE_ERR_UNSUPPORTED changes nothing; BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart);

/* [engine] Drive the lines of `mask`, all of which are there, together. Levels are the target's: the port inverts. */
bridge_error_t bridge_port_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels);

/* [engine] Which lines can be read back, and which of those are high. */
bridge_error_t bridge_port_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels);

/* [engine] The receiver's complaints since the last call. */
bridge_line_errors_t bridge_port_take_errors(bridge_port_t *port);

/* Sockets are numbers of the port's own: TCP_NODELAY, never blocking. In secure mode what passes is inside TLS. */

typedef struct {
    int sock;
    uint64_t made_us; /* before the handshake of TLS, where there is one */
    bool is_inside_tls;
} bridge_arrival_t;

/* [network] The next connection; BRIDGE_WAIT when there is none. In secure mode one is there once its handshake is done
 * (R71): of those whose handshake is not, and of the `waiting` that have said no Hello, there are never more than
 * BRIDGE_MAX_WAITING together, and none takes more than BRIDGE_HELLO_WITHIN_US. `*wake_us` becomes earlier where this is to
 * be called again before a socket tells of anything. */
bridge_error_t bridge_port_accept(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us);
/* [network] BRIDGE_ERR_CLOSED when the peer has closed or the connection broke. */
bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got);
/* [network] May take fewer: then the task is woken when there is room, and the rest stands at the front of the next call, which
 * may have more behind it, not less. BRIDGE_ERR_CLOSED. */
bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent);
/* [network] Say that nothing more will be sent. */
void bridge_port_finish(bridge_port_t *port, int sock);
/* [network] */
void bridge_port_close(bridge_port_t *port, int sock);

/* Storage: small values that outlive a restart. A key has at most BRIDGE_MAX_KEY characters of a-z, 0-9 and _ (NVS has
 * no longer ones). A value is stored whole or not at all. May wait for the flash, some tens of milliseconds. */
#define BRIDGE_MAX_KEY 15U
#define BRIDGE_MAX_VALUE 4000U /* a PEM certificate; NVS's own limit for a string */

/* [network] BRIDGE_ERR_UNKNOWN: there is no such value. BRIDGE_ERR_FULL: it is longer than `capacity`; `length` says how
 * long. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length);
/* [network] BRIDGE_ERR_FULL, BRIDGE_ERR_UNSUPPORTED (this bridge keeps nothing), BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value);
/* [network] Forget a value; one that is not there is BRIDGE_OK. */
bridge_error_t bridge_port_forget(bridge_port_t *port, const char *key);

/* Update of this firmware: written to the slot that does not run, in pieces, in order. Calls may wait for the flash.
 * `bridge_port_update_trouble` says in a sentence what was wrong with the last call. */

/* [network] BRIDGE_ERR_FULL: longer than the slot, whose size is in `*slot_bytes` then. BRIDGE_ERR_UNSUPPORTED: this bridge
 * cannot be updated so. BRIDGE_ERR_MALFORMED, BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_update_begin(bridge_port_t *port, uint32_t length_bytes, uint32_t *slot_bytes);
/* [network] BRIDGE_ERR_MALFORMED as soon as project or chip are seen not to fit, or that it tells no version.
 * BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_update_write(bridge_port_t *port, bridge_span_t data);
/* [network] All is written: check the whole, and start it at the next restart, on
 * trial: a restart before `bridge_port_confirm` brings the old one back. BRIDGE_ERR_MALFORMED, BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_update_finish(bridge_port_t *port);
/* [network] Forget an update that was begun. */
void bridge_port_update_cancel(bridge_port_t *port);
/* [network] For people; empty when nothing was wrong. Lives until the next call of an update's function. */
const char *bridge_port_update_trouble(bridge_port_t *port);
/* [network] A controller was welcomed: this firmware works, and is kept. Called at every Welcome; cheap. */
void bridge_port_confirm(bridge_port_t *port);
/* [network] What became of the newest update; cheap. */
bridge_trial_t bridge_port_trial(bridge_port_t *port);
/* [network] Restart. Returns where that takes a while. */
void bridge_port_restart(bridge_port_t *port);

/* Secure mode (section 7): what of it needs cryptography. components/bridge_secure has all of this, and the sockets' door
 * above, on mbedTLS; where it is not built in, the state is BRIDGE_SECURE_LACKING, and nothing else is called. Calls may
 * take a second or so of computing. `bridge_port_secure_trouble` says in a sentence what was wrong with the last call. */

typedef enum {
    BRIDGE_SECURE_LACKING, /* this bridge has no secure mode */
    BRIDGE_SECURE_OFF,
    BRIDGE_SECURE_ON, /* connections to come are inside TLS, or turned away */
} bridge_secure_state_t;

/* With Closing (SECURED). */
#define BRIDGE_SECURED_TEXT "this bridge is in secure mode: it speaks TLS, to the daemon that secured it"

/* [network] */
bridge_secure_state_t bridge_port_secure_state(bridge_port_t *port);
/* [network] SHA-256 of the SubjectPublicKeyInfo of the bridge's key, which is made now if there is none yet (R69).
 * `fingerprint` takes BRIDGE_SHA256_BYTES. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_secure_fingerprint(bridge_port_t *port, uint8_t *fingerprint);
/* [network] That key's request for a certificate, PKCS#10 in DER. `csr` takes BRIDGE_MAX_CERTIFICATE. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_secure_request(bridge_port_t *port, uint8_t *csr, size_t *length);
/* [network] Keep these certificates if they are good (R70); they are kept when this returns BRIDGE_OK, and the state is
 * BRIDGE_SECURE_ON. BRIDGE_ERR_MALFORMED: they are not good. BRIDGE_ERR_PORT: they cannot be kept. */
bridge_error_t bridge_port_secure_install(bridge_port_t *port, bridge_span_t certificate, bridge_span_t authority);
/* [network] Forget key and certificates: BRIDGE_SECURE_OFF. BRIDGE_ERR_PORT. */
bridge_error_t bridge_port_secure_forget(bridge_port_t *port);
/* [network] Whether the CA of the certificate that is kept signed what has this SHA-256: `signature` is ECDSA's, in DER.
 * BRIDGE_ERR_MALFORMED: it did not, or none is kept. */
bridge_error_t bridge_port_secure_verify(bridge_port_t *port, const uint8_t *sha256, bridge_span_t signature);
/* [network] For people; empty when nothing was wrong. Lives until the next call of secure mode's functions. */
const char *bridge_port_secure_trouble(bridge_port_t *port);

/* [network] Show a line of plain ASCII, without its end, at the bridge's own console. */
void bridge_port_tell(bridge_port_t *port, const char *line);
