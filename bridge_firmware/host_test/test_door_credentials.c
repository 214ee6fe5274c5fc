/* What the bridge keeps for its door: spoilt, installed, renewed, forgotten; and what it verifies by it. */
#include "bridge_sha256.h"
#include "check.h"
#include "door_client.h"
#include "door_credentials.h"

TEST(a_damaged_value_turns_everybody_away_until_it_is_forgotten, "R70")
{
    bridge_port_t *port = door_start(true);
    bridge_arrival_t arrived;
    uint64_t wake_us;
    uint8_t id[BRIDGE_UNIQUE_ID_BYTES] = {0};
    uint8_t sum[BRIDGE_SHA256_BYTES];
    bridge_security_close(port->security);
    port->value_length -= 20;
    CHECK_EQUAL(bridge_security_open(port, id, &port->security), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_ON);
    door_socket_t *tls = door_knock(port, "\x16\x03\x01");
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    door_check_reason(&tls->out);
    CHECK_EQUAL(bridge_port_secure_fingerprint(port, sum), BRIDGE_ERR_PORT);
    CHECK(strstr(bridge_port_secure_trouble(port), "insecure forgets it") != NULL);
    port->keeps_nothing = true;
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_ERR_PORT);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_ON);
    port->keeps_nothing = false;
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    CHECK_EQUAL(bridge_port_secure_state(port), BRIDGE_SECURE_OFF);
    CHECK(!tls->is_open); /* it was on its way out */
    door_socket_t *plain = door_knock(port, "");
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_OK);
    CHECK(plain->is_open && !arrived.is_inside_tls);
    door_end(port);
}

static bridge_error_t install(bridge_port_t *port, const char *certificate)
{
    uint8_t data[2][DOOR_CERTIFICATE_BYTES];
    return bridge_port_secure_install(port, door_bytes(certificate, data[0]), door_bytes(AUTHORITY, data[1]));
}

TEST(what_cannot_be_stored_is_not_installed_and_a_renewal_leaves_older_connections_to_end, "R70")
{
    door_client_t clients[2];
    bridge_port_t *port = door_start(true);
    door_client_start(&clients[0], port);
    int first = door_shake_hands(port, &clients[0], SIZE_MAX);
    port->keeps_nothing = true;
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_ERR_PORT);
    door_check_receives(port, &clients[0], first);
    port->keeps_nothing = false;
    CHECK_EQUAL(install(port, CLIENT_CERTIFICATE), BRIDGE_ERR_MALFORMED);
    CHECK(strcmp(bridge_port_secure_trouble(port), "the certificate is for another key") == 0);
    door_socket_t *pending = door_knock(port, "\x16\x03");
    bridge_arrival_t arrived;
    uint64_t wake_us;
    CHECK_EQUAL(door_admit(port, 0, &arrived, &wake_us), BRIDGE_WAIT);
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_OK);
    CHECK(!pending->is_open);
    door_check_sends(port, &clients[0], first, SIZE_MAX); /* its Closing passes */
    door_client_start(&clients[1], port);
    int second = door_shake_hands(port, &clients[1], SIZE_MAX);
    CHECK_EQUAL(install(port, BRIDGE_CERTIFICATE), BRIDGE_OK);
    uint8_t byte;
    size_t got;
    CHECK_EQUAL(bridge_port_receive(port, first, &byte, 1, &got), BRIDGE_ERR_CLOSED); /* two renewals ago */
    door_check_sends(port, &clients[1], second, SIZE_MAX);
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    door_check_sends(port, &clients[1], second, SIZE_MAX);
    door_end(port);
    door_client_end(&clients[0]);
    door_client_end(&clients[1]);
}

static bridge_error_t verify(bridge_port_t *port, const char *text, size_t length)
{
    uint8_t digest[BRIDGE_SHA256_BYTES];
    uint8_t data[DOOR_CERTIFICATE_BYTES];
    bridge_span_t signature = door_bytes(SIGNATURE, data);
    bridge_sha256_t sum;
    bridge_sha256_start(&sum);
    bridge_sha256_add(&sum, bridge_span_of(text));
    bridge_sha256_end(&sum, digest);
    signature.length = length < signature.length ? length : signature.length;
    return bridge_port_secure_verify(port, digest, signature);
}

TEST(only_what_the_kept_ca_signed_is_verified, "R65")
{
    bridge_port_t *port = door_start(true);
    CHECK_EQUAL(verify(port, "what the CA signed", SIZE_MAX), BRIDGE_OK);
    CHECK_EQUAL(verify(port, "what the CA did not sign", SIZE_MAX), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(verify(port, "what the CA signed", 40), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(verify(port, "what the CA signed", 0), BRIDGE_ERR_MALFORMED);
    CHECK_EQUAL(bridge_port_secure_forget(port), BRIDGE_OK);
    CHECK_EQUAL(verify(port, "what the CA signed", SIZE_MAX), BRIDGE_ERR_MALFORMED);
    door_end(port);
}
