#include "bridge_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NAME (BRIDGE_MAX_NAME - 1U) /* DNS's longest label: mDNS announces it (R55) */

typedef enum {
    KIND_NAME,
    KIND_SSID,
    KIND_PASSWORD,
    KIND_WIRE,
    KIND_UART,
    KIND_PORT,
    KIND_YES,
} kind_t;

typedef struct {
    const char *key; /* BRIDGE_MAX_KEY characters at most: storage knows it by this name */
    kind_t kind;
    uint8_t use; /* of a wire */
    size_t offset;
    size_t most_bytes; /* of a text */
    const char *help;
} field_t;

#define TEXT(member, bytes) offsetof(bridge_settings_t, member), bytes
#define NOT_OF_A_PROGRAM                                                                                                 \
    "this bridge is a program: it has no pins and no Wi-Fi, and its lines and its address are options where it is started"
#define RGB ":rgb" /* behind an LED's GPIO */
#define WIRE_HELP(what) what ": a GPIO's number, with ! before it if something between inverts, or none"

static const field_t s_fields[] = {
    {"name", KIND_NAME, 0, TEXT(name, MOST_NAME), "how the bridge is found: 1 to 63 bytes that can be printed"},
    {"ssid", KIND_SSID, 0, TEXT(ssid, BRIDGE_MAX_SSID), "the Wi-Fi network: up to 32 characters"},
    {"password", KIND_PASSWORD, 0, TEXT(password, BRIDGE_MAX_PASSWORD),
     "the Wi-Fi password: 8 to 64 characters, or empty; never shown"},
    {"tx", KIND_WIRE, BRIDGE_USE_TX, 0, 0, WIRE_HELP("to the target's RX")},
    {"rx", KIND_WIRE, BRIDGE_USE_RX, 0, 0, WIRE_HELP("from the target's TX")},
    {"nrst", KIND_WIRE, BRIDGE_USE_NRST, 0, 0, WIRE_HELP("to the target's NRST")},
    {"boot0", KIND_WIRE, BRIDGE_USE_BOOT0, 0, 0, WIRE_HELP("to the target's BOOT0")},
    {"direction", KIND_WIRE, BRIDGE_USE_DIRECTION, 0, 0, WIRE_HELP("to an RS-485 transceiver's DE and /RE")},
    {"led", KIND_WIRE, BRIDGE_USE_LED, 0, 0,
     "status LED: a GPIO's number, ! before it if a low level lights it, :rgb behind it for a WS2812, or none"},
    {"console", KIND_UART, 0, TEXT(console, 0), "the target's console: \"115200 8N1\""},
    {"port", KIND_PORT, 0, TEXT(tcp_port, 0), "the TCP port: 1 to 65535"},
    {"net_settings", KIND_YES, 0, TEXT(network_settings, 0), "settings may be changed over plain TCP: yes or no"},
    {"net_update", KIND_YES, 0, TEXT(network_update, 0), "the firmware may be updated over plain TCP: yes or no"},
};

#define FIELDS (sizeof(s_fields) / sizeof(s_fields[0]))

static const field_t *find(const char *key)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(s_fields[i].key, key) == 0) {
            return &s_fields[i];
        }
    }
    return NULL;
}

static bool has(const bridge_chip_t *chip, const field_t *field)
{
    bool is_of_a_program = field->kind == KIND_NAME || field->kind == KIND_UART || field->kind == KIND_YES;
    return chip->pin_count > 0 || is_of_a_program;
}

static bridge_error_t wrong(bridge_trouble_t *trouble, const char *key, const char *what)
{
    snprintf(trouble->text, sizeof(trouble->text), "%s: %s", key, what);
    return BRIDGE_ERR_MALFORMED;
}

/* A whole decimal number in the range. */
static bool parse_number(const char *text, long lowest, long highest, long *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 6) {
        return false;
    }
    *number = strtol(text, &end, 10);
    return *end == '\0' && *number >= lowest && *number <= highest;
}

bool bridge_parse_uart(const char *text, bridge_uart_t *uart)
{
    static const char order[] = "NEO"; /* as in Configure: 0 none, 1 even, 2 odd */
    unsigned int baud, data_bits, stop_bits;
    char parity, more;
    if (sscanf(text, "%8u %1u%c%1u%c", &baud, &data_bits, &parity, &stop_bits, &more) != 4) {
        return false;
    }
    const char *found = parity != '\0' ? strchr(order, parity) : NULL;
    if (found == NULL || baud < 50 || data_bits < 7 || data_bits > 8 || stop_bits < 1 || stop_bits > 2) {
        return false;
    }
    *uart = (bridge_uart_t){.baud = baud,
                            .data_bits = (uint8_t)data_bits,
                            .parity = (uint8_t)(found - order),
                            .stop_bits = (uint8_t)stop_bits};
    return true;
}

/* "19", "!19", "none", of an LED "8:rgb". */
static bool parse_wire(const field_t *field, const char *value, bridge_wire_t *wire)
{
    char digits[8];
    long pin = BRIDGE_NO_PIN;
    const char *number = value[0] == '!' ? value + 1 : value;
    const char *colon = strchr(number, ':');
    size_t length = colon != NULL ? (size_t)(colon - number) : strlen(number);
    bool is_rgb = colon != NULL && strcmp(colon, RGB) == 0 && field->use == BRIDGE_USE_LED && number == value;
    *wire = (bridge_wire_t){.pin = BRIDGE_NO_PIN, .is_inverted = number != value, .is_rgb = is_rgb};
    if (strcmp(value, "none") == 0) {
        return true;
    }
    if (length >= sizeof(digits) || (colon != NULL && !is_rgb)) {
        return false;
    }
    memcpy(digits, number, length);
    digits[length] = '\0';
    if (!parse_number(digits, 0, INT8_MAX, &pin)) {
        return false;
    }
    wire->pin = (int8_t)pin;
    return true;
}

static bridge_error_t set_wire(bridge_settings_t *settings, const bridge_chip_t *chip, const field_t *field,
                               const char *value, bridge_trouble_t *trouble)
{
    bridge_wire_t wire;
    if (!parse_wire(field, value, &wire)) {
        return wrong(trouble, field->key,
                     field->use == BRIDGE_USE_LED ? "write a GPIO's number, for example 2, !2 or 8:rgb, or none"
                                                  : "write a GPIO's number, for example 19 or !19, or none");
    }
    const char *why = bridge_pin_refusal(chip, wire.pin, (bridge_pin_use_t)field->use);
    if (why != NULL) {
        snprintf(trouble->text, sizeof(trouble->text), "%s: GPIO%d cannot be used: %s", field->key, wire.pin, why);
        return BRIDGE_ERR_MALFORMED;
    }
    settings->wires[field->use] = wire;
    return BRIDGE_OK;
}

static bridge_error_t set_text(bridge_settings_t *settings, const field_t *field, const char *value,
                               bridge_trouble_t *trouble)
{
    size_t length = strlen(value);
    if (length > field->most_bytes || (field->kind == KIND_NAME && length == 0)) {
        return wrong(trouble, field->key, field->help);
    }
    if (field->kind == KIND_PASSWORD && length > 0 && length < 8) {
        return wrong(trouble, field->key, "a Wi-Fi password has 8 characters at least");
    }
    if (field->kind == KIND_NAME && !bridge_is_utf8(bridge_span_of(value))) {
        return wrong(trouble, field->key, "this is not UTF-8");
    }
    for (size_t i = 0; field->kind == KIND_NAME && i < length; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F) { /* ASCII's control characters */
            return wrong(trouble, field->key, field->help);
        }
    }
    memcpy((char *)settings + field->offset, value, length + 1);
    return BRIDGE_OK;
}

static bridge_error_t set_yes(bridge_settings_t *settings, const field_t *field, const char *value,
                              bridge_trouble_t *trouble)
{
    bool is_yes = strcmp(value, "yes") == 0;
    if (!is_yes && strcmp(value, "no") != 0) {
        return wrong(trouble, field->key, "write yes or no");
    }
    memcpy((char *)settings + field->offset, &is_yes, sizeof(is_yes));
    return BRIDGE_OK;
}

bridge_error_t bridge_settings_set(bridge_settings_t *settings, const bridge_chip_t *chip, const char *key,
                                   const char *value, bridge_trouble_t *trouble)
{
    const field_t *field = find(key);
    long number;
    trouble->text[0] = '\0';
    if (field == NULL) {
        snprintf(trouble->text, sizeof(trouble->text), "there is no setting %.20s", key);
        return BRIDGE_ERR_UNKNOWN;
    }
    if (!has(chip, field)) {
        return wrong(trouble, field->key, NOT_OF_A_PROGRAM);
    }
    switch (field->kind) {
    case KIND_WIRE:
        return set_wire(settings, chip, field, value, trouble);
    case KIND_UART:
        return bridge_parse_uart(value, &settings->console)
                   ? BRIDGE_OK
                   : wrong(trouble, key, "write baud, data bits, parity, stop bits: 115200 8N1");
    case KIND_PORT:
        if (!parse_number(value, 1, UINT16_MAX, &number)) {
            return wrong(trouble, key, "write a number from 1 to 65535");
        }
        settings->tcp_port = (uint16_t)number;
        return BRIDGE_OK;
    case KIND_YES:
        return set_yes(settings, field, value, trouble);
    default:
        return set_text(settings, field, value, trouble);
    }
}

static void show(const bridge_settings_t *settings, const field_t *field, char *text)
{
    const bridge_wire_t *wire = &settings->wires[field->use];
    const bridge_uart_t *uart = &settings->console;
    const char *place = (const char *)settings + field->offset;
    switch (field->kind) {
    case KIND_WIRE:
        snprintf(text, BRIDGE_SETTING_BYTES, wire->pin == BRIDGE_NO_PIN ? "none" : "%s%d%s",
                 wire->is_inverted ? "!" : "", wire->pin, wire->is_rgb ? RGB : "");
        break;
    case KIND_UART:
        snprintf(text, BRIDGE_SETTING_BYTES, "%u %u%c%u", (unsigned int)uart->baud, uart->data_bits,
                 "NEO"[uart->parity], uart->stop_bits);
        break;
    case KIND_PORT:
        snprintf(text, BRIDGE_SETTING_BYTES, "%u", settings->tcp_port);
        break;
    case KIND_YES:
        snprintf(text, BRIDGE_SETTING_BYTES, "%s", *(const bool *)place ? "yes" : "no");
        break;
    default:
        snprintf(text, BRIDGE_SETTING_BYTES, "%s", place);
        break;
    }
}

bridge_error_t bridge_settings_get(const bridge_settings_t *settings, const char *key, char *text)
{
    const field_t *field = find(key);
    if (field == NULL) {
        text[0] = '\0';
        return BRIDGE_ERR_UNKNOWN;
    }
    show(settings, field, text);
    if (field->kind == KIND_PASSWORD) {
        bool has_one = text[0] != '\0';
        snprintf(text, BRIDGE_SETTING_BYTES, "%s", has_one ? "(set)" : "(none)");
    }
    return BRIDGE_OK;
}

bool bridge_settings_is_secret(const char *key)
{
    const field_t *field = find(key);
    return field != NULL && field->kind == KIND_PASSWORD;
}

bool bridge_settings_is_same(const bridge_settings_t *one, const bridge_settings_t *other, const char *key)
{
    const field_t *field = find(key);
    char texts[2][BRIDGE_SETTING_BYTES] = {"", ""};
    if (field != NULL) {
        show(one, field, texts[0]);
        show(other, field, texts[1]);
    }
    return strcmp(texts[0], texts[1]) == 0;
}

const char *bridge_settings_key(const bridge_chip_t *chip, size_t index)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (has(chip, &s_fields[i]) && index-- == 0) {
            return s_fields[i].key;
        }
    }
    return NULL;
}

const char *bridge_settings_help(const char *key)
{
    const field_t *field = find(key);
    return field != NULL ? field->help : NULL;
}

bridge_error_t bridge_settings_check(const bridge_settings_t *settings, const bridge_chip_t *chip,
                                     bridge_trouble_t *trouble)
{
    trouble->text[0] = '\0';
    for (unsigned int i = 0; i < BRIDGE_PIN_USES; i++) {
        for (unsigned int j = i + 1; j < BRIDGE_PIN_USES; j++) {
            int pin = settings->wires[i].pin;
            if (pin != BRIDGE_NO_PIN && pin == settings->wires[j].pin) {
                snprintf(trouble->text, sizeof(trouble->text), "GPIO%d cannot be both %s and %s", pin,
                         bridge_pin_use_name((bridge_pin_use_t)i), bridge_pin_use_name((bridge_pin_use_t)j));
                return BRIDGE_ERR_MALFORMED;
            }
        }
    }
    bool has_uart = settings->wires[BRIDGE_USE_TX].pin != BRIDGE_NO_PIN &&
                    settings->wires[BRIDGE_USE_RX].pin != BRIDGE_NO_PIN;
    return has_uart || chip->pin_count == 0 ? BRIDGE_OK : wrong(trouble, "tx and rx", "a bridge needs both");
}

void bridge_settings_default(bridge_settings_t *settings, const bridge_chip_t *chip, const char *name,
                             uint16_t tcp_port)
{
    *settings = (bridge_settings_t){.console = {.baud = 115200, .data_bits = 8, .stop_bits = 1}, .tcp_port = tcp_port};
    snprintf(settings->name, sizeof(settings->name), "%s", name);
    for (unsigned int i = 0; i < BRIDGE_PIN_USES; i++) {
        settings->wires[i] = bridge_default_wire(chip, (bridge_pin_use_t)i);
    }
}

bridge_error_t bridge_settings_load(bridge_port_t *port, bridge_settings_t *settings, const bridge_chip_t *chip)
{
    for (size_t i = 0; i < FIELDS; i++) {
        uint8_t value[BRIDGE_SETTING_BYTES];
        bridge_trouble_t trouble;
        size_t length = 0;
        if (!has(chip, &s_fields[i])) {
            continue;
        }
        bridge_error_t error = bridge_port_load(port, s_fields[i].key, value, sizeof(value) - 1, &length);
        if (error == BRIDGE_ERR_PORT || error == BRIDGE_ERR_UNSUPPORTED) {
            return error;
        }
        if (error == BRIDGE_OK) {
            value[length] = '\0';
            (void)bridge_settings_set(settings, chip, s_fields[i].key, (const char *)value, &trouble);
        }
    }
    return BRIDGE_OK;
}

bridge_error_t bridge_settings_store(bridge_port_t *port, const bridge_settings_t *settings, const bridge_chip_t *chip)
{
    bridge_error_t error = BRIDGE_OK;
    for (size_t i = 0; i < FIELDS && error == BRIDGE_OK; i++) {
        char text[BRIDGE_SETTING_BYTES];
        uint8_t stored[BRIDGE_SETTING_BYTES];
        size_t length = 0;
        if (!has(chip, &s_fields[i])) {
            continue;
        }
        show(settings, &s_fields[i], text);
        error = bridge_port_load(port, s_fields[i].key, stored, sizeof(stored), &length);
        if (error != BRIDGE_OK || length != strlen(text) || memcmp(stored, text, length) != 0) {
            error = bridge_port_store(port, s_fields[i].key, bridge_span_of(text));
        }
    }
    return error;
}
