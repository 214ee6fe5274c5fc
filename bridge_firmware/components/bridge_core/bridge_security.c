/* When this bridge may be secured, who asked, and what follows; the cryptography is the port's. */
#include <stdio.h>
#include <string.h>

#include "bridge_session.h"

#define NO_WINDOW "this bridge can be secured only just after its power-up, or while its console allows it: switch it off " \
                  "and on, or write secure at that console, and try again within 5 minutes"
#define HEX_BYTES (2U * BRIDGE_SHA256_BYTES + 1U)

/* R68 */
static bool is_open(const bridge_t *bridge, const bridge_connection_t *connection)
{
    if (connection->is_inside_tls) {
        return true;
    }
    return bridge_port_secure_state(bridge->port) == BRIDGE_SECURE_OFF &&
           bridge_port_now_us(bridge->port) < bridge->window_until_us;
}

static void say_answer(bridge_t *bridge, bridge_connection_t *connection, bool is_refused, const char *text)
{
    bridge_message_t message = {.type = BRIDGE_SECURE_ANSWER};
    message.as.secured.is_refused = is_refused;
    message.as.secured.text = bridge_span_of(text);
    bridge_say(bridge, connection, &message);
}

static const char *trouble(bridge_t *bridge, const char *otherwise)
{
    const char *text = bridge_port_secure_trouble(bridge->port);
    return text[0] != '\0' ? text : otherwise;
}

static bridge_error_t fingerprint(bridge_t *bridge, char *hex)
{
    uint8_t sum[BRIDGE_SHA256_BYTES];
    bridge_error_t error = bridge_port_secure_fingerprint(bridge->port, sum);
    hex[0] = '\0';
    for (size_t i = 0; i < sizeof(sum) && error == BRIDGE_OK; i++) {
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }
    return error;
}

/* Nothing of a peer's name reaches a terminal but plain ASCII. */
static void clean(bridge_span_t name, char *shown)
{
    size_t length = 0;
    for (size_t i = 0; i < name.length; i++) {
        uint8_t byte = name.data[i];
        bool is_inside_character = (byte & 0xC0) == 0x80;
        if (!is_inside_character) {
            shown[length++] = byte >= ' ' && byte < 0x7F ? (char)byte : '?';
        }
    }
    shown[length] = '\0';
}

/* R69 */
static void hear_request(bridge_t *bridge, bridge_connection_t *connection, bridge_span_t name)
{
    char shown[BRIDGE_MAX_NAME + 1U];
    char hex[HEX_BYTES];
    char line[sizeof(shown) + HEX_BYTES + 80U];
    uint8_t csr[BRIDGE_MAX_CERTIFICATE];
    bridge_message_t message = {.type = BRIDGE_SECURE_CSR};
    if (fingerprint(bridge, hex) != BRIDGE_OK ||
        bridge_port_secure_request(bridge->port, csr, &message.as.csr.length) != BRIDGE_OK) {
        say_answer(bridge, connection, true, trouble(bridge, "the bridge could not make its key"));
        return;
    }
    clean(name, shown);
    snprintf(line, sizeof(line), "%s asks to secure this bridge; the fingerprint of its key: %s",
             shown[0] != '\0' ? shown : "somebody", hex);
    bridge_port_tell(bridge->port, line);
    message.as.csr.data = csr;
    bridge_say(bridge, connection, &message);
}

static void close_all(bridge_t *bridge, uint8_t reason, const char *text)
{
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        bridge_close(bridge, &bridge->connections[i], reason, bridge_span_of(text));
    }
}

/* R70 */
static void hear_install(bridge_t *bridge, bridge_connection_t *connection, const bridge_message_t *message)
{
    bridge_error_t error = bridge_port_secure_install(bridge->port, message->as.install.certificate,
                                                      message->as.install.authority);
    if (error != BRIDGE_OK) {
        const char *otherwise = error == BRIDGE_ERR_MALFORMED ? "no certificate that could be used"
                                                              : "the bridge cannot keep its certificate";
        say_answer(bridge, connection, true, trouble(bridge, otherwise));
        return;
    }
    say_answer(bridge, connection, false, "");
    bridge_port_tell(bridge->port, "this bridge is in secure mode now: it speaks to that daemon only");
    close_all(bridge, BRIDGE_CLOSE_SECURED, BRIDGE_SECURED_TEXT);
}

bridge_error_t bridge_security_hear(bridge_t *bridge, bridge_connection_t *connection, const bridge_message_t *message)
{
    if (message->type != BRIDGE_SECURE_REQUEST && message->type != BRIDGE_SECURE_INSTALL) {
        return BRIDGE_ERR_RULE;
    }
    if (bridge_port_secure_state(bridge->port) == BRIDGE_SECURE_LACKING) {
        return BRIDGE_ERR_UNKNOWN;
    }
    if (!is_open(bridge, connection)) {
        say_answer(bridge, connection, true, NO_WINDOW);
    } else if (message->type == BRIDGE_SECURE_REQUEST) {
        hear_request(bridge, connection, message->as.asking);
    } else {
        hear_install(bridge, connection, message);
    }
    return BRIDGE_OK;
}

static bridge_error_t lacks(bridge_trouble_t *shown)
{
    snprintf(shown->text, sizeof(shown->text), "this bridge has no secure mode");
    return BRIDGE_ERR_UNSUPPORTED;
}

bridge_error_t bridge_secure(bridge_t *bridge, bridge_trouble_t *shown)
{
    char hex[HEX_BYTES];
    bridge_secure_state_t state = bridge_port_secure_state(bridge->port);
    if (state == BRIDGE_SECURE_LACKING) {
        return lacks(shown);
    }
    if (fingerprint(bridge, hex) != BRIDGE_OK) {
        snprintf(shown->text, sizeof(shown->text), "%s", trouble(bridge, "the bridge could not make its key"));
        return BRIDGE_ERR_PORT;
    }
    if (state == BRIDGE_SECURE_OFF) {
        bridge->window_until_us = bridge_port_now_us(bridge->port) + BRIDGE_SECURE_WINDOW_US;
    }
    snprintf(shown->text, sizeof(shown->text), "%s; the fingerprint of its key: %s",
             state == BRIDGE_SECURE_ON ? "this bridge is in secure mode"
                                       : "this bridge is not in secure mode, and can be secured within 5 minutes",
             hex);
    return BRIDGE_OK;
}

bridge_error_t bridge_insecure(bridge_t *bridge, bridge_trouble_t *shown)
{
    bridge_secure_state_t state = bridge_port_secure_state(bridge->port);
    if (state == BRIDGE_SECURE_LACKING) {
        return lacks(shown);
    }
    if (bridge_port_secure_forget(bridge->port) != BRIDGE_OK) {
        snprintf(shown->text, sizeof(shown->text), "%s", trouble(bridge, "key and certificates could not be forgotten"));
        return BRIDGE_ERR_PORT;
    }
    if (state == BRIDGE_SECURE_ON) {
        close_all(bridge, BRIDGE_CLOSE_SHUTDOWN, "this bridge was made to forget secure mode");
    }
    snprintf(shown->text, sizeof(shown->text), "key and certificates are forgotten: this bridge is not in secure mode");
    return BRIDGE_OK;
}
