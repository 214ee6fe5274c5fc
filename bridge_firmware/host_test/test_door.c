/* The door of secure mode over sockets of memory: mbedTLS at both ends, on a clock of the test. */
#include "bridge.h"
#include "bridge_limits.h"
#include "bridge_message.h"
#include "bridge_sha256.h"
#include "bridge_raw.h"
#include "bridge_secure.h"
#include "check.h"
#include "door_credentials.h"
#include "hex.h"
#include "mbedtls_versions.h"

#define SOCKETS 12
#define PIPE_BYTES 65536U
#define CERTIFICATE_BYTES 512U
#define VALUE_BYTES 2048U
#define SECOND_US 1000000U
#define MOST_ROUNDS 200000

typedef struct {
    uint8_t data[PIPE_BYTES];
    size_t at;
    size_t length;
    size_t room; /* a write takes so many at once */
    size_t gulp; /* a read gives so many at once */
} pipe_t;

typedef struct {
    bool is_accepted;
    bool is_open;     /* for the bridge */
    bool is_gone;     /* the peer is */
    bool is_finished; /* the bridge says nothing more */
    pipe_t in;
    pipe_t out;
} fake_socket_t;

struct bridge_port {
    uint64_t now_us;
    bridge_security_t *security;
    fake_socket_t sockets[SOCKETS];
    int count;
    uint8_t value[VALUE_BYTES];
    size_t value_length; /* 0: none is stored */
    bool keeps_nothing;
};

typedef struct {
    security_chance_t chance;
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt authority;
    mbedtls_ssl_config config;
    mbedtls_ssl_context tls;
    fake_socket_t *socket;
} client_t;

static bridge_port_t s_port;

static size_t put(pipe_t *pipe, const uint8_t *data, size_t length)
{
    if (pipe->at == pipe->length) {
        pipe->at = 0;
        pipe->length = 0;
    }
    size_t room = PIPE_BYTES - pipe->length < pipe->room ? PIPE_BYTES - pipe->length : pipe->room;
    length = length < room ? length : room;
    memcpy(pipe->data + pipe->length, data, length);
    pipe->length += length;
    return length;
}

static size_t get(pipe_t *pipe, uint8_t *data, size_t capacity)
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
    CHECK(value.length > 0 && value.length <= VALUE_BYTES);
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
    *got = get(&port->sockets[sock].in, data, capacity);
    return *got == 0 && port->sockets[sock].is_gone ? BRIDGE_ERR_CLOSED : BRIDGE_OK;
}

bridge_error_t bridge_raw_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    CHECK(port->sockets[sock].is_open && !port->sockets[sock].is_finished);
    *sent = put(&port->sockets[sock].out, data.data, data.length);
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

static bridge_span_t bytes_of(const char *hex, uint8_t *data)
{
    return (bridge_span_t){data, hex_read(hex, data, CERTIFICATE_BYTES)};
}

static void put_part(bridge_writer_t *writer, const char *hex)
{
    uint8_t data[CERTIFICATE_BYTES];
    bridge_span_t part = bytes_of(hex, data);
    bridge_put_u16(writer, (uint16_t)part.length);
    bridge_put_span(writer, part);
}

/* A bridge whose key is known; secured, or not. */
static bridge_port_t *start(bool is_secured)
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

static fake_socket_t *knock(bridge_port_t *port, const char *first)
{
    CHECK(port->count < SOCKETS);
    fake_socket_t *socket = &port->sockets[port->count++];
    socket->is_open = true;
    socket->in.room = SIZE_MAX;
    socket->in.gulp = SIZE_MAX;
    socket->out.room = SIZE_MAX;
    socket->out.gulp = SIZE_MAX;
    (void)put(&socket->in, (const uint8_t *)first, strlen(first));
    return socket;
}

static int take(void *context, unsigned char *data, size_t capacity)
{
    client_t *client = context;
    size_t got = get(&client->socket->out, data, capacity);
    bool is_over = client->socket->is_finished || !client->socket->is_open;
    return got > 0 ? (int)got : is_over ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
}

static int give(void *context, const unsigned char *data, size_t length)
{
    client_t *client = context;
    size_t sent = put(&client->socket->in, data, length);
    return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static void parse(mbedtls_x509_crt *certificate, const char *hex)
{
    uint8_t data[CERTIFICATE_BYTES];
    bridge_span_t der = bytes_of(hex, data);
    mbedtls_x509_crt_init(certificate);
    CHECK_EQUAL(mbedtls_x509_crt_parse_der(certificate, der.data, der.length), 0);
}

static void client_start(client_t *client, bridge_port_t *port)
{
    uint8_t data[CERTIFICATE_BYTES];
    bridge_span_t key = bytes_of(CLIENT_KEY, data);
    memset(client, 0, sizeof(*client));
    client->socket = knock(port, "");
    CHECK_EQUAL(security_chance_start(&client->chance), 0);
    mbedtls_pk_init(&client->key);
    CHECK_EQUAL(security_parse_key(&client->key, key.data, key.length, &client->chance), 0);
    parse(&client->certificate, CLIENT_CERTIFICATE);
    parse(&client->authority, AUTHORITY);
    mbedtls_ssl_config_init(&client->config);
    CHECK_EQUAL(mbedtls_ssl_config_defaults(&client->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                            MBEDTLS_SSL_PRESET_DEFAULT), 0);
    security_use_chance(&client->config, &client->chance);
    mbedtls_ssl_conf_authmode(&client->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&client->config, &client->authority, NULL);
    CHECK_EQUAL(mbedtls_ssl_conf_own_cert(&client->config, &client->certificate, &client->key), 0);
    mbedtls_ssl_init(&client->tls);
    CHECK_EQUAL(mbedtls_ssl_setup(&client->tls, &client->config), 0);
    (void)mbedtls_ssl_set_hostname(&client->tls, NULL);
    mbedtls_ssl_set_bio(&client->tls, client, give, take, NULL);
}

static void client_end(client_t *client)
{
    mbedtls_ssl_free(&client->tls);
    mbedtls_ssl_config_free(&client->config);
    mbedtls_x509_crt_free(&client->authority);
    mbedtls_x509_crt_free(&client->certificate);
    mbedtls_pk_free(&client->key);
    security_chance_end(&client->chance);
}

static bool is_wait(int error)
{
    return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static bridge_error_t admit(bridge_port_t *port, size_t waiting, bridge_arrival_t *arrived, uint64_t *wake_us)
{
    *wake_us = UINT64_MAX;
    return bridge_port_accept(port, waiting, arrived, wake_us);
}

/* Both ends' turns until the bridge lets it in; the network takes `step` bytes from the bridge in each. */
static int shake_hands(bridge_port_t *port, client_t *client, size_t step)
{
    bridge_arrival_t arrived = {.sock = -1};
    uint64_t wake_us;
    client->socket->in.gulp = step;
    for (unsigned int i = 0; arrived.sock < 0 || !security_is_handshake_over(&client->tls); i++) {
        CHECK(i < MOST_ROUNDS);
        if (!security_is_handshake_over(&client->tls)) {
            int error = mbedtls_ssl_handshake_step(&client->tls);
            CHECK(error == 0 || is_wait(error));
        }
        client->socket->out.room = step;
        if (arrived.sock < 0 && admit(port, 0, &arrived, &wake_us) != BRIDGE_OK) {
            CHECK(wake_us == 0 || wake_us == port->now_us + 5 * SECOND_US);
        }
    }
    CHECK(arrived.is_inside_tls);
    CHECK_EQUAL(arrived.made_us, port->now_us);
    client->socket->in.gulp = SIZE_MAX;
    client->socket->out.room = SIZE_MAX;
    return arrived.sock;
}

static void end(bridge_port_t *port)
{
    for (int i = 0; i < port->count; i++) {
        if (port->sockets[i].is_open && port->sockets[i].is_accepted) {
            bridge_port_close(port, i);
        }
    }
    bridge_security_close(port->security);
}

/* The bridge sends all of it in pieces, as the core does, and the client gets the same. */
static void check_sends(bridge_port_t *port, client_t *client, int sock, size_t step)
{
    uint8_t data[3000];
    uint8_t heard[sizeof(data)];
    size_t sent = 0;
    size_t length = 0;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i % 251);
    }
    for (unsigned int i = 0; length < sizeof(data); i++) {
        CHECK(i < MOST_ROUNDS);
        size_t count = 0;
        size_t piece = sizeof(data) - sent < 100 + sent % 900 ? sizeof(data) - sent : 100 + sent % 900;
        client->socket->out.room = step;
        if (piece > 0) {
            CHECK_EQUAL(bridge_port_send(port, sock, (bridge_span_t){data + sent, piece}, &count), BRIDGE_OK);
            CHECK(count <= piece);
        }
        sent += count;
        int got = mbedtls_ssl_read(&client->tls, heard + length, sizeof(heard) - length);
        CHECK(got > 0 || is_wait(got));
        length += got > 0 ? (size_t)got : 0;
    }
    CHECK(memcmp(heard, data, sizeof(data)) == 0);
    client->socket->out.room = SIZE_MAX;
}

static void check_receives(bridge_port_t *port, client_t *client, int sock)
{
    uint8_t data[1000];
    size_t length = 0;
    CHECK_EQUAL(mbedtls_ssl_write(&client->tls, (const unsigned char *)"hello", 5), 5);
    client->socket->in.gulp = 1;
    for (unsigned int i = 0; length < 5; i++) {
        size_t got = 0;
        CHECK(i < MOST_ROUNDS);
        CHECK_EQUAL(bridge_port_receive(port, sock, data + length, 2, &got), BRIDGE_OK);
        length += got;
    }
    CHECK(memcmp(data, "hello", 5) == 0);
    client->socket->in.gulp = SIZE_MAX;
}

TEST(a_handshake_and_what_follows_pass_a_network_that_takes_a_byte_at_a_time, "R71 R44")
{
    static const size_t steps[] = {1, 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        client_t client;
        bridge_port_t *port = start(true);
        client_start(&client, port);
        int sock = shake_hands(port, &client, steps[i]);
        check_sends(port, &client, sock, steps[i]);
        check_receives(port, &client, sock);
        bridge_port_finish(port, sock);
        uint8_t byte;
        CHECK_EQUAL(mbedtls_ssl_read(&client.tls, &byte, 1), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        end(port);
        client_end(&client);
    }
}

TEST(those_that_dawdle_are_four_with_the_waiting_ones_and_end_after_five_seconds, "R71 R13")
{
    bridge_port_t *port = start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    fake_socket_t *silent = knock(port, "");
    CHECK_EQUAL(admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK_EQUAL(wake_us, port->now_us + 5 * SECOND_US);
    port->now_us += SECOND_US;
    fake_socket_t *slow = knock(port, "\x16\x03");
    fake_socket_t *fifth = knock(port, "");
    CHECK_EQUAL(admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(silent->is_open && slow->is_open && !fifth->is_open);
    port->now_us += 4 * SECOND_US - 1;
    CHECK_EQUAL(admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(silent->is_open && slow->is_open);
    port->now_us += 1;
    CHECK_EQUAL(admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!silent->is_open && slow->is_open);
    CHECK_EQUAL(silent->out.length, 0);
    port->now_us += SECOND_US;
    CHECK_EQUAL(admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!slow->is_open);
    CHECK_EQUAL(wake_us, UINT64_MAX);
    end(port);
}

TEST(one_more_than_the_core_keeps_is_let_in_so_that_the_core_can_part_with_another, "R71")
{
    enum { KEPT = BRIDGE_CONNECTIONS, ALL };
    static client_t clients[ALL];
    bridge_port_t *port = start(true);
    for (size_t i = 0; i < ALL; i++) {
        client_start(&clients[i], port);
        (void)shake_hands(port, &clients[i], SIZE_MAX);
    }
    bridge_arrival_t arrived;
    uint64_t wake_us;
    CHECK(clients[0].socket->is_open && clients[KEPT].socket->is_open);
    fake_socket_t *late = knock(port, "");
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!late->is_open);
    end(port);
    for (size_t i = 0; i < ALL; i++) {
        client_end(&clients[i]);
    }
}

static void check_reason(const pipe_t *out)
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

TEST(who_speaks_no_tls_is_told_why_piece_by_piece_and_drained_for_a_second, "R71")
{
    bridge_port_t *port = start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    fake_socket_t *one = knock(port, "STMOTA\1\1 and so on, for a while: nobody listens to any of this, but it is taken");
    fake_socket_t *other = knock(port, "GET / HTTP/1.1");
    uint64_t began_us = port->now_us;
    while (!one->is_finished) {
        one->out.room = 10;
        port->now_us += 1000;
        CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    }
    check_reason(&one->out);
    CHECK_EQUAL(one->in.at, one->in.length);
    CHECK(other->is_finished && other->is_open);
    check_reason(&other->out);
    other->is_gone = true;
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!other->is_open && one->is_open);
    CHECK(wake_us > began_us + SECOND_US && wake_us <= began_us + SECOND_US + 1000);
    port->now_us = wake_us;
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!one->is_open);
    end(port);
}

TEST(a_damaged_value_turns_everybody_away_until_it_is_forgotten, "R70")
{
    bridge_port_t *port = start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    uint8_t id[BRIDGE_UNIQUE_ID_BYTES] = {0};
    uint8_t sum[BRIDGE_SHA256_BYTES];
    bridge_security_close(port->security);
    port->value_length -= 20;
    CHECK_EQUAL(bridge_security_open(port, id, &port->security), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_ON);
    fake_socket_t *tls = knock(port, "\x16\x03\x01");
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    check_reason(&tls->out);
    CHECK_EQUAL(bridge_port_secure_fingerprint(port, sum), BRIDGE_ERR_PORT);
    CHECK(strstr(bridge_port_secure_trouble(port), "insecure forgets it") != NULL);
    port->keeps_nothing = true;
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_ERR_PORT);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_ON);
    port->keeps_nothing = false;
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_OFF);
    CHECK(!tls->is_open); /* it was on its way out */
    fake_socket_t *plain = knock(port, "");
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_OK);
    CHECK(plain->is_open && !arrived.is_inside_tls);
    end(port);
}

static bridge_error_t install(bridge_port_t *port, const char *certificate)
{
    uint8_t data[2][CERTIFICATE_BYTES];
    return bridge_port_secure_install(port, bytes_of(certificate, data[0]), bytes_of(AUTHORITY, data[1]));
}

TEST(what_cannot_be_stored_is_not_installed_and_a_renewal_leaves_older_connections_to_end, "R70")
{
    client_t clients[2];
    bridge_port_t *port = start(true);
    client_start(&clients[0], port);
    int first = shake_hands(port, &clients[0], SIZE_MAX);
    port->keeps_nothing = true;
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_ERR_PORT);
    check_receives(port, &clients[0], first);
    port->keeps_nothing = false;
    CHECK_EQUAL(install(port, CLIENT_CERTIFICATE), BRIDGE_ERR_MALFORMED);
    CHECK(strcmp(bridge_port_secure_trouble(port), "the certificate is for another key") == 0);
    fake_socket_t *pending = knock(port, "\x16\x03");
    bridge_arrival_t arrived;
    uint64_t wake_us;
    CHECK_EQUAL(admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_OK);
    CHECK(!pending->is_open);
    check_sends(port, &clients[0], first, SIZE_MAX); /* its Closing passes */
    client_start(&clients[1], port);
    int second = shake_hands(port, &clients[1], SIZE_MAX);
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_OK);
    uint8_t byte;
    size_t got;
    CHECK_EQUAL(bridge_port_receive(port, first, &byte, 1, &got), BRIDGE_ERR_CLOSED); /* two renewals ago */
    check_sends(port, &clients[1], second, SIZE_MAX);
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    check_sends(port, &clients[1], second, SIZE_MAX);
    end(port);
    client_end(&clients[0]);
    client_end(&clients[1]);
}

static bridge_error_t verify(bridge_port_t *port, const char *text, size_t length)
{
    uint8_t digest[BRIDGE_SHA256_BYTES];
    uint8_t data[CERTIFICATE_BYTES];
    bridge_span_t signature = bytes_of(SIGNATURE, data);
    bridge_sha256_t sum;
    bridge_sha256_start(&sum);
    bridge_sha256_add(&sum, bridge_span_of(text));
    bridge_sha256_end(&sum, digest);
    signature.length = length < signature.length ? length : signature.length;
    return bridge_port_secure_verify(port, digest, signature);
}

TEST(only_what_the_kept_ca_signed_is_verified, "R65")
{
    bridge_port_t *port = start(true);
    CHECK_EQUAL(verify(port, "what the CA signed", SIZE_MAX), BRIDGE_OK);
    CHECK_EQUAL(verify(port, "what the CA did not sign", SIZE_MAX), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(verify(port, "what the CA signed", 40), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(verify(port, "what the CA signed", 0), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    CHECK_EQUAL(verify(port, "what the CA signed", SIZE_MAX), BRIDGE_ERR_MALFORMED);
    end(port);
}

TEST(a_record_of_4096_bytes_passes_and_a_longer_one_ends_the_connection, "R73")
{
    static uint8_t data[BRIDGE_MAX_TLS_DATA + 1U];
    client_t client;
    size_t got = 0;
    bridge_port_t *port = start(true);
    client_start(&client, port);
    int sock = shake_hands(port, &client, SIZE_MAX);
    CHECK_EQUAL(mbedtls_ssl_write(&client.tls, data, BRIDGE_MAX_TLS_DATA), BRIDGE_MAX_TLS_DATA);
    for (size_t all = 0; all < BRIDGE_MAX_TLS_DATA; all += got) {
        CHECK_EQUAL(bridge_port_receive(port, sock, data, 100, &got), BRIDGE_OK);
        CHECK(got > 0);
    }
    CHECK_EQUAL(mbedtls_ssl_write(&client.tls, data, sizeof(data)), (int)sizeof(data));
    CHECK_EQUAL(bridge_port_receive(port, sock, data, 100, &got), BRIDGE_ERR_CLOSED);
    end(port);
    client_end(&client);
}

static uint32_t chance(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

TEST(spoilt_handshakes_end_and_hold_nothing, "R71")
{
    uint32_t state = 7;
    for (unsigned int i = 0; i < 15; i++) {
        client_t client;
        bridge_arrival_t arrived = {.sock = -1};
        uint64_t wake_us;
        bridge_port_t *port = start(true);
        client_start(&client, port);
        uint32_t spoilt_at = chance(&state) % 2000;
        uint32_t seen = 0;
        for (unsigned int j = 0; j < 60 && client.socket->is_open && arrived.sock < 0; j++) {
            if (!security_is_handshake_over(&client.tls)) {
                (void)mbedtls_ssl_handshake_step(&client.tls);
            }
            pipe_t *in = &client.socket->in;
            if (spoilt_at >= seen && spoilt_at - seen < in->length - in->at) {
                in->data[in->at + spoilt_at - seen] ^= (uint8_t)(1 + chance(&state) % 255);
            }
            seen += (uint32_t)(in->length - in->at);
            (void)admit(port, 0, &arrived, &wake_us);
        }
        port->now_us += 5 * SECOND_US;
        (void)admit(port, 0, &arrived, &wake_us);
        CHECK(!client.socket->is_open || arrived.sock >= 0);
        end(port);
        client_end(&client);
    }
}
