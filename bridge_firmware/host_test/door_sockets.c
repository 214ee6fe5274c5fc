#include "door_sockets.h"

#include "bridge_message.h"
#include "bridge_raw.h"
#include "check.h"
#include "door_credentials.h"
#include "hex.h"

static bridge_port_t s_port;

size_t door_put(door_pipe_t *pipe, const uint8_t *data, size_t length)
{
    if (pipe->at == pipe->length) {
        pipe->at = 0;
        pipe->length = 0;
    }
    size_t room = DOOR_PIPE_BYTES - pipe->length < pipe->room ? DOOR_PIPE_BYTES - pipe->length : pipe->room;
    length = length < room ? length : room;
    memcpy(pipe->data + pipe->length, data, length);
    pipe->length += length;
    return length;
}

size_t door_get(door_pipe_t *pipe, uint8_t *data, size_t capacity)
{
    size_t there = pipe->length - pipe->at;
    there = there < pipe->gulp ? there : pipe->gulp;
    there = there < capacity ? there : capacity;
    memcpy(data, pipe->data + pipe->at, there);
    pipe->at += there;
    return there;
}

bridge_security_t *bridge_port_security(bridge_port_t *port)
{
    return port->security;
}

uint64_t bridge_port_now_us(bridge_port_t *port)
{
    return port->now_us;
}

bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    CHECK(strcmp(key, "secure") == 0);
    *length = port->value_length;
    if (port->value_length == 0 || port->value_length > capacity) {
        return port->value_length == 0 ? BRIDGE_ERR_UNKNOWN : BRIDGE_ERR_FULL;
    }
    memcpy(data, port->value, port->value_length);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    CHECK(strcmp(key, "secure") == 0);
    CHECK(value.length > 0 && value.length <= DOOR_VALUE_BYTES);
    if (port->keeps_nothing) {
        return BRIDGE_ERR_PORT;
    }
    memcpy(port->value, value.data, value.length);
    port->value_length = value.length;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_forget(bridge_port_t *port, const char *key)
{
    CHECK(strcmp(key, "secure") == 0);
    port->value_length = port->keeps_nothing ? port->value_length : 0;
    return port->keeps_nothing ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

bridge_error_t bridge_raw_accept(bridge_port_t *port, int *sock)
{
    for (*sock = 0; *sock < port->count; (*sock)++) {
        if (!port->sockets[*sock].is_accepted) {
            port->sockets[*sock].is_accepted = true;
            return BRIDGE_OK;
        }
    }
    return BRIDGE_WAIT;
}

bridge_error_t bridge_raw_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    CHECK(port->sockets[sock].is_open);
    *got = door_get(&port->sockets[sock].in, data, capacity);
    return *got == 0 && port->sockets[sock].is_gone ? BRIDGE_ERR_CLOSED : BRIDGE_OK;
}

bridge_error_t bridge_raw_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    CHECK(port->sockets[sock].is_open && !port->sockets[sock].is_finished);
    *sent = door_put(&port->sockets[sock].out, data.data, data.length);
    port->sockets[sock].out.room -= port->sockets[sock].out.room == SIZE_MAX ? 0 : *sent;
    return port->sockets[sock].is_gone ? BRIDGE_ERR_CLOSED : BRIDGE_OK;
}

void bridge_raw_finish(bridge_port_t *port, int sock)
{
    port->sockets[sock].is_finished = true;
}

void bridge_raw_close(bridge_port_t *port, int sock)
{
    CHECK(port->sockets[sock].is_open);
    port->sockets[sock].is_open = false;
}

bridge_span_t door_bytes(const char *hex, uint8_t *data)
{
    return (bridge_span_t){data, hex_read(hex, data, DOOR_CERTIFICATE_BYTES)};
}

static void put_part(bridge_writer_t *writer, const char *hex)
{
    uint8_t data[DOOR_CERTIFICATE_BYTES];
    bridge_span_t part = door_bytes(hex, data);
    bridge_put_u16(writer, (uint16_t)part.length);
    bridge_put_span(writer, part);
}

/* A bridge whose key is known; secured, or not. */
bridge_port_t *door_start(bool is_secured)
{
    bridge_port_t *port = &s_port;
    uint8_t id[BRIDGE_UNIQUE_ID_BYTES];
    memset(port, 0, sizeof(*port));
    port->now_us = SECOND_US;
    bridge_writer_t writer = bridge_writer(port->value, sizeof(port->value));
    bridge_put_u8(&writer, 1);
    put_part(&writer, BRIDGE_KEY);
    put_part(&writer, BRIDGE_CERTIFICATE);
    put_part(&writer, AUTHORITY);
    port->value_length = is_secured ? writer.at : 0;
    CHECK_EQUAL(hex_read(UNIQUE_ID, id, sizeof(id)), sizeof(id));
    CHECK_EQUAL(bridge_security_open(port, id, &port->security), BRIDGE_OK);
    CHECK_EQUAL(bridge_port_secure_state(port), is_secured ? BRIDGE_SECURE_ON : BRIDGE_SECURE_OFF);
    return port;
}

door_socket_t *door_knock(bridge_port_t *port, const char *first)
{
    CHECK(port->count < DOOR_SOCKETS);
    door_socket_t *socket = &port->sockets[port->count++];
    socket->is_open = true;
    socket->in.room = SIZE_MAX;
    socket->in.gulp = SIZE_MAX;
    socket->out.room = SIZE_MAX;
    socket->out.gulp = SIZE_MAX;
    (void)door_put(&socket->in, (const uint8_t *)first, strlen(first));
    return socket;
}

bridge_error_t door_admit(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    *wake_us = UINT64_MAX;
    return bridge_port_accept(port, waiting, arrived, wake_us);
}

void door_end(bridge_port_t *port)
{
    for (int i = 0; i < port->count; i++) {
        if (port->sockets[i].is_open && port->sockets[i].is_accepted) {
            bridge_port_close(port, i);
        }
    }
    bridge_security_close(port->security);
}

void door_check_reason(const door_pipe_t *out)
{
    bridge_frame_t frame;
    bridge_message_t message;
    size_t used;
    CHECK(out->length > 8 && memcmp(out->data, "STMOTA\1\1", 8) == 0);
    CHECK_EQUAL(bridge_take_frame((bridge_span_t){out->data + 8, out->length - 8}, 1000, &frame, &used), BRIDGE_OK);
    CHECK_EQUAL(used, out->length - 8);
    CHECK_EQUAL(bridge_decode(&frame, &message), BRIDGE_OK);
    CHECK_EQUAL(message.as.closing.reason, BRIDGE_CLOSE_SECURED);
}
