/* What provisioning sets: names, pins, Wi-Fi, the console's UART, and what the network may do.
 *
 * Each setting is a key and a text; one table serves the console, the network and storage. A chip without pins is a program
 * on a computer: it has no settings of pins, Wi-Fi and TCP port. */
#pragma once

#include "bridge_limits.h"
#include "bridge_pins.h"
#include "bridge_port.h"

#define BRIDGE_MAX_SSID 32U      /* IEEE 802.11 */
#define BRIDGE_MAX_PASSWORD 64U  /* 8 to 63 characters, or 64 hex digits of the key itself */
#define BRIDGE_SETTING_BYTES 72U /* the longest value's text and its end */
#define BRIDGE_TROUBLE_BYTES (BRIDGE_MAX_TEXT + 1U)

typedef struct {
    char name[BRIDGE_MAX_NAME + 1U];
    char ssid[BRIDGE_MAX_SSID + 1U];
    char password[BRIDGE_MAX_PASSWORD + 1U];
    bridge_wire_t wires[BRIDGE_PIN_USES]; /* by bridge_pin_use_t */
    bridge_uart_t console;
    uint16_t tcp_port;
    bool network_settings; /* settings may be changed over plain TCP */
    bool network_update;   /* and the firmware */
} bridge_settings_t;

/* What is wrong, for people: "nrst: GPIO5 is a strapping pin: …". Empty when nothing is. */
typedef struct {
    char text[BRIDGE_TROUBLE_BYTES];
} bridge_trouble_t;

/* What a chip's settings are before anybody sets them. `name` is cut to fit. */
void bridge_settings_default(bridge_settings_t *settings, const bridge_chip_t *chip, const char *name,
                             uint16_t tcp_port);

/* The keys that are there, in the order to show them; `index` from 0. NULL: no more. */
const char *bridge_settings_key(const bridge_chip_t *chip, size_t index);
/* What a key is and how its value is written, for people. NULL: no such key. */
const char *bridge_settings_help(const char *key);
/* Change one. BRIDGE_ERR_UNKNOWN: no such key. BRIDGE_ERR_MALFORMED: no such value, or not there; nothing was changed. */
bridge_error_t bridge_settings_set(bridge_settings_t *settings, const bridge_chip_t *chip, const char *key,
                                   const char *value, bridge_trouble_t *trouble);
/* Its text, to be shown: of a password only whether there is one. `text` takes BRIDGE_SETTING_BYTES.
 * BRIDGE_ERR_UNKNOWN: no such key. */
bridge_error_t bridge_settings_get(const bridge_settings_t *settings, const char *key, char *text);
/* Whether its value is never shown. */
bool bridge_settings_is_secret(const char *key);
/* Whether its value is the same in both. */
bool bridge_settings_is_same(const bridge_settings_t *one, const bridge_settings_t *other, const char *key);
/* Whether they go together: no pin twice. BRIDGE_ERR_MALFORMED: they do not. */
bridge_error_t bridge_settings_check(const bridge_settings_t *settings, const bridge_chip_t *chip,
                                     bridge_trouble_t *trouble);

/* [network] Over `settings`, what was stored of them; a value that is not understood any more is passed over. */
bridge_error_t bridge_settings_load(bridge_port_t *port, bridge_settings_t *settings, const bridge_chip_t *chip);
/* [network] Store what differs from what is stored. BRIDGE_ERR_PORT, BRIDGE_ERR_FULL, BRIDGE_ERR_UNSUPPORTED. */
bridge_error_t bridge_settings_store(bridge_port_t *port, const bridge_settings_t *settings, const bridge_chip_t *chip);

/* Baud, data bits, parity, stop bits: "115200 8N1". False: it is none. */
bool bridge_parse_uart(const char *text, bridge_uart_t *uart);
