/* The bridge's own console over stdin and stdout, with storage in memory: console_tool CHIP RIGHT_PASSWORD.
 *
 * A reboot reads the settings back from storage. A second's silence is the byte FF. What the platform is asked is told on
 * stderr: `save`, `reboot`, `join SSID`, `secure`, `insecure`. */
#include <stdio.h>
#include <string.h>

#include "bridge_console.h"

#define VALUES 16

static struct {
    char key[BRIDGE_MAX_KEY + 1];
    uint8_t data[BRIDGE_SETTING_BYTES];
    size_t length;
} s_stored[VALUES];

static bridge_console_t s_console;
static const char *s_right;
static bool s_is_online;

static int find(const char *key)
{
    for (int i = 0; i < VALUES; i++) {
        if (s_stored[i].key[0] == '\0' || strcmp(s_stored[i].key, key) == 0) {
            return i;
        }
    }
    return -1;
}

bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    (void)port;
    int at = find(key);
    if (at < 0 || s_stored[at].key[0] == '\0') {
        return BRIDGE_ERR_UNKNOWN;
    }
    *length = s_stored[at].length;
    if (*length > capacity) {
        return BRIDGE_ERR_FULL;
    }
    memcpy(data, s_stored[at].data, *length);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    (void)port;
    int at = find(key);
    if (at < 0 || value.length > sizeof(s_stored[at].data) || strlen(key) > BRIDGE_MAX_KEY) {
        return BRIDGE_ERR_FULL;
    }
    strcpy(s_stored[at].key, key);
    memcpy(s_stored[at].data, value.data, value.length);
    s_stored[at].length = value.length;
    return BRIDGE_OK;
}

static void put(void *context, bridge_span_t data)
{
    (void)context;
    (void)fwrite(data.data, 1, data.length, stdout);
}

static bridge_error_t save(void *context, const bridge_settings_t *settings)
{
    (void)context;
    fprintf(stderr, "save\n");
    return bridge_settings_store(NULL, settings, s_console.chip);
}

static bool join(void *context, const bridge_settings_t *settings)
{
    (void)context;
    fprintf(stderr, "join %s\n", settings->ssid);
    s_is_online = strcmp(settings->password, s_right) == 0;
    return s_is_online;
}

static void scan(void *context, void (*found)(void *console, const char *ssid, int rssi_dbm, bool has_password),
                 void *console)
{
    (void)context;
    found(console, "lab", -61, true);
    found(console, "guests", -70, false);
}

static bool is_online(void *context)
{
    (void)context;
    return s_is_online;
}

static bridge_error_t secure(void *context, bool is_forgotten, bridge_trouble_t *shown)
{
    (void)context;
    fprintf(stderr, is_forgotten ? "insecure\n" : "secure\n");
    snprintf(shown->text, sizeof(shown->text), is_forgotten ? "it cannot be forgotten" : "not in secure mode");
    return is_forgotten ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

static void begin(const bridge_chip_t *chip);

static void reboot(void *context)
{
    (void)context;
    fprintf(stderr, "reboot\n");
    begin(s_console.chip);
}

static void begin(const bridge_chip_t *chip)
{
    static const bridge_console_host_t host = {.write = put,
                                               .save = save,
                                               .reboot = reboot,
                                               .join = join,
                                               .scan = scan,
                                               .is_online = is_online,
                                               .secure = secure};
    bridge_settings_t settings;
    bridge_settings_default(&settings, chip, "stmota-123456", 7820);
    (void)bridge_settings_load(NULL, &settings, chip);
    bridge_console_start(&s_console, &host, chip, "0.1.0", &settings);
}

int main(int count, char **arguments)
{
    const bridge_chip_t *chip = count == 3 ? bridge_chip(arguments[1]) : NULL;
    int byte;
    if (chip == NULL) {
        return 2;
    }
    s_right = arguments[2];
    begin(chip);
    while ((byte = getchar()) != EOF) {
        uint8_t one = (uint8_t)byte;
        if (one == 0xFF) {
            bridge_console_idle(&s_console);
        } else {
            bridge_console_take(&s_console, (bridge_span_t){&one, 1});
        }
    }
    return 0;
}
