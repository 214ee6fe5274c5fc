#include "door_client.h"

#include "check.h"
#include "door_credentials.h"

static int take(void *context, unsigned char *data, size_t capacity)
{
    door_client_t *client = context;
    size_t got = door_get(&client->socket->out, data, capacity);
    bool is_over = client->socket->is_finished || !client->socket->is_open;
    return got > 0 ? (int)got : is_over ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
}

static int give(void *context, const unsigned char *data, size_t length)
{
    door_client_t *client = context;
    size_t sent = door_put(&client->socket->in, data, length);
    return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static void parse(mbedtls_x509_crt *certificate, const char *hex)
{
    uint8_t data[DOOR_CERTIFICATE_BYTES];
    bridge_span_t der = door_bytes(hex, data);
    mbedtls_x509_crt_init(certificate);
    CHECK_EQUAL(mbedtls_x509_crt_parse_der(certificate, der.data, der.length), 0);
}

void door_client_start(door_client_t *client, bridge_port_t *port)
{
    uint8_t data[DOOR_CERTIFICATE_BYTES];
    bridge_span_t key = door_bytes(CLIENT_KEY, data);
    memset(client, 0, sizeof(*client));
    client->socket = door_knock(port, "");
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

void door_client_end(door_client_t *client)
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

int door_shake_hands(bridge_port_t *port, door_client_t *client, size_t step)
{
    bridge_arrival_t arrived = {.sock = -1};
    uint64_t wake_us;
    client->socket->in.gulp = step;
    for (unsigned int i = 0; arrived.sock < 0 || !security_is_handshake_over(&client->tls); i++) {
        CHECK(i < DOOR_MOST_ROUNDS);
        if (!security_is_handshake_over(&client->tls)) {
            int error = mbedtls_ssl_handshake_step(&client->tls);
            CHECK(error == 0 || is_wait(error));
        }
        client->socket->out.room = step;
        if (arrived.sock < 0 && door_admit(port, 0, &arrived, &wake_us) != BRIDGE_OK) {
            CHECK(wake_us == 0 || wake_us == port->now_us + 5 * SECOND_US);
        }
    }
    CHECK(arrived.is_inside_tls);
    CHECK_EQUAL(arrived.made_us, port->now_us);
    client->socket->in.gulp = SIZE_MAX;
    client->socket->out.room = SIZE_MAX;
    return arrived.sock;
}

void door_check_sends(bridge_port_t *port, door_client_t *client, int sock, size_t step)
{
    uint8_t data[3000];
    uint8_t heard[sizeof(data)];
    size_t sent = 0;
    size_t length = 0;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i % 251);
    }
    for (unsigned int i = 0; length < sizeof(data); i++) {
        CHECK(i < DOOR_MOST_ROUNDS);
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

void door_check_receives(bridge_port_t *port, door_client_t *client, int sock)
{
    uint8_t data[1000];
    size_t length = 0;
    CHECK_EQUAL(mbedtls_ssl_write(&client->tls, (const unsigned char *)"hello", 5), 5);
    client->socket->in.gulp = 1;
    for (unsigned int i = 0; length < 5; i++) {
        size_t got = 0;
        CHECK(i < DOOR_MOST_ROUNDS);
        CHECK_EQUAL(bridge_port_receive(port, sock, data + length, 2, &got), BRIDGE_OK);
        length += got;
    }
    CHECK(memcmp(data, "hello", 5) == 0);
    client->socket->in.gulp = SIZE_MAX;
}
