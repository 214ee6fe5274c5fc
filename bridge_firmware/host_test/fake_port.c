#include "fake_port.h"

#include <string.h>

#include "check.h"

/* Whoever holds the lock calls nothing of the port. */
static void check_unlocked(const bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
}

void fake_init(bridge_port_t *port)
{
    memset(port, 0, sizeof(*port));
    port->now_us = 1000000;
    port->uart = (bridge_uart_t){.baud = 115200, .data_bits = 8, .stop_bits = 1};
    port->lines = BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0;
    port->levels = BRIDGE_LINE_BOOT0; /* wrong on purpose */
    port->write_room = SIZE_MAX;
}

void fake_target_says(bridge_port_t *port, uint64_t at_us, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        if (port->incoming_count == FAKE_WIRE_BYTES) { /* the oldest are taken, or lost */
            port->incoming_count -= port->incoming_at;
            memmove(port->incoming, port->incoming + port->incoming_at,
                    port->incoming_count * sizeof(port->incoming[0]));
            port->incoming_at = 0;
        }
        if (port->incoming_count == FAKE_WIRE_BYTES) {
            return;
        }
        uint64_t byte_us = at_us + bridge_wire_time_us(&port->uart, i);
        port->incoming[port->incoming_count++] = (fake_byte_t){byte_us, bytes[i]};
    }
}

int fake_connect(bridge_port_t *port)
{
    CHECK(port->socket_count < FAKE_SOCKETS);
    fake_socket_t *socket = &port->sockets[port->socket_count];
    socket->is_open = true;
    socket->send_room = SIZE_MAX;
    socket->made_us = port->now_us;
    socket->is_inside_tls = port->secure == BRIDGE_SECURE_ON;
    port->has_socket_news = true;
    return (int)port->socket_count++;
}

void fake_peer_says(bridge_port_t *port, int sock, const void *data, size_t length)
{
    fake_socket_t *socket = &port->sockets[sock];
    CHECK(length <= FAKE_SOCKET_BYTES - socket->to_bridge_length);
    memcpy(socket->to_bridge + socket->to_bridge_length, data, length);
    socket->to_bridge_length += length;
    port->has_socket_news = true;
}

void fake_peer_leaves(bridge_port_t *port, int sock)
{
    port->sockets[sock].is_gone = true;
    port->has_socket_news = true;
}

void fake_peer_reads(bridge_port_t *port, int sock, size_t length)
{
    port->sockets[sock].send_room = length;
    port->has_socket_news = true;
}

bool fake_heard(bridge_port_t *port, int sock, bridge_frame_t *frame)
{
    fake_socket_t *socket = &port->sockets[sock];
    size_t used;
    if (socket->said_at == 0) {
        if (socket->said_length < BRIDGE_PREAMBLE_BYTES) {
            return false;
        }
        CHECK(memcmp(socket->said, "STMOTA\1\1", BRIDGE_PREAMBLE_BYTES) == 0);
        socket->said_at = BRIDGE_PREAMBLE_BYTES;
    }
    bridge_span_t rest = {socket->said + socket->said_at, socket->said_length - socket->said_at};
    bridge_error_t error = bridge_take_frame(rest, BRIDGE_MAX_FRAME, frame, &used);
    CHECK(error == BRIDGE_OK || error == BRIDGE_WAIT);
    socket->said_at += error == BRIDGE_OK ? used : 0;
    return error == BRIDGE_OK;
}

uint64_t bridge_port_now_us(bridge_port_t *port)
{
    check_unlocked(port);
    return port->now_us;
}

void bridge_port_lock(bridge_port_t *port)
{
    check_unlocked(port);
    port->locks++;
}

void bridge_port_unlock(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 1);
    port->locks--;
}

void bridge_port_wake_engine(bridge_port_t *port)
{
    check_unlocked(port);
    port->is_engine_woken = true;
}

void bridge_port_wake_network(bridge_port_t *port)
{
    check_unlocked(port);
    port->is_network_woken = true;
}

uint8_t bridge_port_lines(bridge_port_t *port)
{
    return port->lines;
}

bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    check_unlocked(port);
    *written = data.length < port->write_room ? data.length : port->write_room;
    if (port->is_gone) {
        return BRIDGE_ERR_PORT;
    }
    size_t room = FAKE_WIRE_BYTES - port->sent_length;
    size_t kept = *written < room ? *written : room;
    memcpy(port->sent + port->sent_length, data.data, kept);
    port->sent_length += kept;
    uint64_t from_us = port->sent_us > port->now_us ? port->sent_us : port->now_us;
    if (port->echoes) {
        fake_target_says(port, from_us + bridge_wire_time_us(&port->uart, 1), data.data, *written);
    }
    port->sent_us = from_us + bridge_wire_time_us(&port->uart, *written);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us)
{
    check_unlocked(port);
    *got = 0;
    while (*got < capacity && port->incoming_at < port->incoming_count &&
           port->incoming[port->incoming_at].at_us <= port->now_us) {
        *at_us = *got == 0 ? port->incoming[port->incoming_at].at_us - port->early_us : *at_us;
        data[(*got)++] = port->incoming[port->incoming_at++].byte;
    }
    return port->is_gone ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

uint64_t bridge_port_sent_by_us(bridge_port_t *port)
{
    check_unlocked(port);
    return port->sent_us;
}

bridge_error_t bridge_port_is_sent(bridge_port_t *port, uint64_t *ask_again_us)
{
    check_unlocked(port);
    *ask_again_us = port->sent_us;
    return port->is_gone ? BRIDGE_ERR_PORT : port->now_us >= port->sent_us ? BRIDGE_OK : BRIDGE_WAIT;
}

void bridge_port_drop_unsent(bridge_port_t *port)
{
    check_unlocked(port);
    port->sent_us = port->now_us;
}

bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    check_unlocked(port);
    if (port->is_gone || port->lacks_configure) {
        return port->is_gone ? BRIDGE_ERR_PORT : BRIDGE_ERR_UNSUPPORTED;
    }
    CHECK(port->now_us >= port->sent_us);
    port->uart = *uart;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels)
{
    check_unlocked(port);
    CHECK((mask & ~port->lines) == 0);
    port->levels = (uint8_t)((port->levels & ~mask) | (levels & mask));
    port->line_changes++;
    return port->is_gone ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

bridge_error_t bridge_port_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels)
{
    check_unlocked(port);
    *mask = port->lines;
    *levels = port->levels;
    return port->is_gone ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

bridge_line_errors_t bridge_port_take_errors(bridge_port_t *port)
{
    check_unlocked(port);
    bridge_line_errors_t errors = port->errors;
    port->errors = (bridge_line_errors_t){0};
    return errors;
}

bridge_error_t bridge_port_accept(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    (void)wake_us;
    (void)waiting;
    check_unlocked(port);
    for (size_t i = 0; i < port->socket_count; i++) {
        if (!port->sockets[i].is_accepted) {
            port->sockets[i].is_accepted = true;
            const fake_socket_t *socket = &port->sockets[i];
            *arrived = (bridge_arrival_t){(int)i, socket->made_us, socket->is_inside_tls};
            return BRIDGE_OK;
        }
    }
    return BRIDGE_WAIT;
}

bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    check_unlocked(port);
    fake_socket_t *socket = &port->sockets[sock];
    CHECK(socket->is_open);
    size_t there = socket->to_bridge_length - socket->to_bridge_at;
    *got = there < capacity ? there : capacity;
    memcpy(data, socket->to_bridge + socket->to_bridge_at, *got);
    socket->to_bridge_at += *got;
    return socket->is_gone && *got == 0 ? BRIDGE_ERR_CLOSED : BRIDGE_OK;
}

bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    check_unlocked(port);
    fake_socket_t *socket = &port->sockets[sock];
    CHECK(socket->is_open && !socket->is_finished);
    *sent = data.length < socket->send_room ? data.length : socket->send_room;
    if (socket->is_gone) {
        return BRIDGE_ERR_CLOSED;
    }
    size_t left = FAKE_SOCKET_BYTES - socket->said_length; /* a peer that has not read so much reads no more */
    *sent = *sent < left ? *sent : left;
    memcpy(socket->said + socket->said_length, data.data, *sent);
    socket->said_length += *sent;
    socket->send_room -= socket->send_room == SIZE_MAX ? 0 : *sent;
    return BRIDGE_OK;
}

void bridge_port_finish(bridge_port_t *port, int sock)
{
    check_unlocked(port);
    port->sockets[sock].is_finished = true;
}

void bridge_port_close(bridge_port_t *port, int sock)
{
    check_unlocked(port);
    CHECK(port->sockets[sock].is_open);
    port->sockets[sock].is_open = false;
}

void bridge_port_confirm(bridge_port_t *port)
{
    check_unlocked(port);
    port->confirmed++;
    port->trial = port->trial == BRIDGE_TRIAL_UNDER_WAY ? BRIDGE_TRIAL_NONE : port->trial;
}

bridge_secure_state_t bridge_port_secure_state(bridge_port_t *port)
{
    check_unlocked(port);
    return port->secure;
}

bridge_error_t bridge_port_secure_fingerprint(bridge_port_t *port, uint8_t *fingerprint)
{
    check_unlocked(port);
    CHECK(port->secure != BRIDGE_SECURE_LACKING);
    port->keys += port->has_key ? 0 : 1;
    port->has_key = true;
    memset(fingerprint, FAKE_FINGERPRINT, BRIDGE_SHA256_BYTES);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_secure_request(bridge_port_t *port, uint8_t *csr, size_t *length)
{
    check_unlocked(port);
    CHECK(port->has_key);
    *length = strlen(FAKE_CSR);
    memcpy(csr, FAKE_CSR, *length);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_secure_install(bridge_port_t *port, bridge_span_t certificate, bridge_span_t authority)
{
    (void)authority;
    check_unlocked(port);
    CHECK(port->secure != BRIDGE_SECURE_LACKING);
    bool is_good = certificate.length == strlen(FAKE_CERTIFICATE) &&
                   memcmp(certificate.data, FAKE_CERTIFICATE, certificate.length) == 0;
    if (!is_good || port->keeps_nothing) {
        return is_good ? BRIDGE_ERR_PORT : BRIDGE_ERR_MALFORMED;
    }
    port->secure = BRIDGE_SECURE_ON;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_secure_forget(bridge_port_t *port)
{
    check_unlocked(port);
    CHECK(port->secure != BRIDGE_SECURE_LACKING);
    if (port->keeps_nothing) {
        return BRIDGE_ERR_PORT;
    }
    port->secure = BRIDGE_SECURE_OFF;
    port->has_key = false;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_secure_verify(bridge_port_t *port, const uint8_t *sha256, bridge_span_t signature)
{
    memcpy(port->verified, sha256, sizeof(port->verified));
    check_unlocked(port);
    CHECK(port->secure != BRIDGE_SECURE_LACKING);
    bool is_good = port->secure == BRIDGE_SECURE_ON && signature.length == strlen(FAKE_CERTIFICATE) &&
                   memcmp(signature.data, FAKE_CERTIFICATE, signature.length) == 0;
    return is_good ? BRIDGE_OK : BRIDGE_ERR_MALFORMED;
}

const char *bridge_port_secure_trouble(bridge_port_t *port)
{
    check_unlocked(port);
    return "";
}

void bridge_port_tell(bridge_port_t *port, const char *line)
{
    check_unlocked(port);
    size_t length = strlen(port->told);
    snprintf(port->told + length, sizeof(port->told) - length, "%s\n", line);
}
