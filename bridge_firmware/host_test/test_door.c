/* The door of secure mode over sockets of memory: mbedTLS at both ends, on a clock of the test. */
#include "bridge_limits.h"
#include "check.h"
#include "door_client.h"

TEST(a_handshake_and_what_follows_pass_a_network_that_takes_a_byte_at_a_time, "R71 R44")
{
    static const size_t steps[] = {1, 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        door_client_t client;
        bridge_port_t *port = door_start(true);
        door_client_start(&client, port);
        int sock = door_shake_hands(port, &client, steps[i]);
        door_check_sends(port, &client, sock, steps[i]);
        door_check_receives(port, &client, sock);
        bridge_port_finish(port, sock);
        uint8_t byte;
        CHECK_EQUAL(mbedtls_ssl_read(&client.tls, &byte, 1), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        door_end(port);
        door_client_end(&client);
    }
}

TEST(those_that_dawdle_are_four_with_the_waiting_ones_and_end_after_five_seconds, "R71 R13")
{
    bridge_port_t *port = door_start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    door_socket_t *silent = door_knock(port, "");
    CHECK_EQUAL(door_admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK_EQUAL(wake_us, port->now_us + 5 * SECOND_US);
    port->now_us += SECOND_US;
    door_socket_t *slow = door_knock(port, "\x16\x03");
    door_socket_t *fifth = door_knock(port, "");
    CHECK_EQUAL(door_admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(silent->is_open && slow->is_open && !fifth->is_open);
    port->now_us += 4 * SECOND_US - 1;
    CHECK_EQUAL(door_admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(silent->is_open && slow->is_open);
    port->now_us += 1;
    CHECK_EQUAL(door_admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!silent->is_open && slow->is_open);
    CHECK_EQUAL(silent->out.length, 0);
    port->now_us += SECOND_US;
    CHECK_EQUAL(door_admit(port, 2, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!slow->is_open);
    CHECK_EQUAL(wake_us, UINT64_MAX);
    door_end(port);
}

TEST(one_more_than_the_core_keeps_is_let_in_so_that_the_core_can_part_with_another, "R71")
{
    enum { KEPT = BRIDGE_CONNECTIONS, ALL };
    static door_client_t clients[ALL];
    bridge_port_t *port = door_start(true);
    for (size_t i = 0; i < ALL; i++) {
        door_client_start(&clients[i], port);
        (void)door_shake_hands(port, &clients[i], SIZE_MAX);
    }
    bridge_arrival_t arrived;
    uint64_t wake_us;
    CHECK(clients[0].socket->is_open && clients[KEPT].socket->is_open);
    door_socket_t *late = door_knock(port, "");
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!late->is_open);
    door_end(port);
    for (size_t i = 0; i < ALL; i++) {
        door_client_end(&clients[i]);
    }
}

TEST(who_speaks_no_tls_is_told_why_piece_by_piece_and_drained_for_a_second, "R71")
{
    bridge_port_t *port = door_start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    door_socket_t *one = door_knock(port, "STMOTA\1\1 and so on, for a while: nobody listens to any of this, but it is taken");
    door_socket_t *other = door_knock(port, "GET / HTTP/1.1");
    uint64_t began_us = port->now_us;
    while (!one->is_finished) {
        one->out.room = 10;
        port->now_us += 1000;
        CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    }
    door_check_reason(&one->out);
    CHECK_EQUAL(one->in.at, one->in.length);
    CHECK(other->is_finished && other->is_open);
    door_check_reason(&other->out);
    other->is_gone = true;
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!other->is_open && one->is_open);
    CHECK(wake_us > began_us + SECOND_US && wake_us <= began_us + SECOND_US + 1000);
    port->now_us = wake_us;
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK(!one->is_open);
    door_end(port);
}

TEST(a_record_of_4096_bytes_passes_and_a_longer_one_ends_the_connection, "R73")
{
    static uint8_t data[BRIDGE_MAX_TLS_DATA + 1U];
    door_client_t client;
    size_t got = 0;
    bridge_port_t *port = door_start(true);
    door_client_start(&client, port);
    int sock = door_shake_hands(port, &client, SIZE_MAX);
    CHECK_EQUAL(mbedtls_ssl_write(&client.tls, data, BRIDGE_MAX_TLS_DATA), BRIDGE_MAX_TLS_DATA);
    for (size_t all = 0; all < BRIDGE_MAX_TLS_DATA; all += got) {
        CHECK_EQUAL(bridge_port_receive(port, sock, data, 100, &got), BRIDGE_OK);
        CHECK(got > 0);
    }
    CHECK_EQUAL(mbedtls_ssl_write(&client.tls, data, sizeof(data)), (int)sizeof(data));
    CHECK_EQUAL(bridge_port_receive(port, sock, data, 100, &got), BRIDGE_ERR_CLOSED);
    door_end(port);
    door_client_end(&client);
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
        door_client_t client;
        bridge_arrival_t arrived = {.sock = -1};
        uint64_t wake_us;
        bridge_port_t *port = door_start(true);
        door_client_start(&client, port);
        uint32_t spoilt_at = chance(&state) % 2000;
        uint32_t seen = 0;
        for (unsigned int j = 0; j < 60 && client.socket->is_open && arrived.sock < 0; j++) {
            if (!security_is_handshake_over(&client.tls)) {
                (void)mbedtls_ssl_handshake_step(&client.tls);
            }
            door_pipe_t *in = &client.socket->in;
            if (spoilt_at >= seen && spoilt_at - seen < in->length - in->at) {
                in->data[in->at + spoilt_at - seen] ^= (uint8_t)(1 + chance(&state) % 255);
            }
            seen += (uint32_t)(in->length - in->at);
            (void)door_admit(port, 0, &arrived, &wake_us);
        }
        port->now_us += 5 * SECOND_US;
        (void)door_admit(port, 0, &arrived, &wake_us);
        CHECK(!client.socket->is_open || arrived.sock >= 0);
        door_end(port);
        door_client_end(&client);
    }
}
