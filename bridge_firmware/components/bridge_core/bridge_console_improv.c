/* What an Improv client asks (https://www.improv-wifi.com/serial), and its answers. */
#include <stdio.h>
#include <string.h>

#include "bridge_console.h"

static void say(bridge_console_t *console, uint8_t type, bridge_span_t data)
{
    uint8_t packet[BRIDGE_IMPROV_MOST_BYTES];
    size_t length = bridge_improv_make(packet, type, data);
    console->host->write(console->host->context, (bridge_span_t){packet, length});
}

void bridge_console_improv_says(bridge_console_t *console, uint8_t type, uint8_t value)
{
    say(console, type, (bridge_span_t){&value, 1});
}

/* The command, the length of what follows, each text with its length; those that do not fit any more are left out. */
static void say_result(bridge_console_t *console, uint8_t command, const char *const *texts, size_t count)
{
    uint8_t data[BRIDGE_IMPROV_MOST_DATA];
    bridge_writer_t writer = bridge_writer(data, sizeof(data));
    bridge_put_u8(&writer, command);
    bridge_put_u8(&writer, 0);
    for (size_t i = 0; i < count; i++) {
        bridge_put_text(&writer, bridge_span_of(texts[i]), BRIDGE_MAX_NAME);
    }
    data[1] = (uint8_t)(writer.at - 2U);
    say(console, BRIDGE_IMPROV_RESULT, (bridge_span_t){data, writer.at});
}

static void tell_state(bridge_console_t *console)
{
    bool is_online = console->host->is_online(console->host->context);
    bridge_console_improv_says(console, BRIDGE_IMPROV_STATE,
                               is_online ? BRIDGE_IMPROV_PROVISIONED : BRIDGE_IMPROV_READY);
    if (is_online) { /* the address of a web page follows: there is none */
        say_result(console, BRIDGE_IMPROV_GET_STATE, NULL, 0);
    }
}

static void tell_device(bridge_console_t *console)
{
    const char *texts[] = {"stmota bridge", console->firmware, console->chip->name, console->settings.name};
    say_result(console, BRIDGE_IMPROV_GET_DEVICE, texts, 4);
}

static void found(void *argument, const char *ssid, int rssi_dbm, bool has_password)
{
    char rssi[8];
    const char *texts[] = {ssid, rssi, has_password ? "YES" : "NO"};
    snprintf(rssi, sizeof(rssi), "%d", rssi_dbm);
    say_result(argument, BRIDGE_IMPROV_GET_NETWORKS, texts, 3);
}

/* Whether the settings take both. */
static bool set_wifi(bridge_console_t *console, bridge_settings_t *settings, bridge_span_t ssid, bridge_span_t password)
{
    char text[BRIDGE_SETTING_BYTES];
    bridge_trouble_t trouble;
    bridge_span_t values[] = {ssid, password};
    static const char *const keys[] = {"ssid", "password"};
    for (size_t i = 0; i < 2; i++) {
        if (values[i].length >= sizeof(text) || memchr(values[i].data, '\0', values[i].length) != NULL) {
            return false;
        }
        memcpy(text, values[i].data, values[i].length);
        text[values[i].length] = '\0';
        if (bridge_settings_set(settings, console->chip, keys[i], text, &trouble) != BRIDGE_OK) {
            return false;
        }
    }
    return true;
}

/* Tried before it is kept: a typing error costs nothing. */
static void join(bridge_console_t *console, bridge_reader_t *reader)
{
    bridge_settings_t settings = console->settings;
    bridge_span_t ssid = bridge_get_span(reader, bridge_get_u8(reader));
    bridge_span_t password = bridge_get_span(reader, bridge_get_u8(reader));
    if (bridge_reader_end(reader) != BRIDGE_OK || ssid.length == 0 || !set_wifi(console, &settings, ssid, password)) {
        bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_INVALID);
        return;
    }
    bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_NO_ERROR);
    bridge_console_improv_says(console, BRIDGE_IMPROV_STATE, BRIDGE_IMPROV_PROVISIONING);
    const bridge_console_host_t *host = console->host;
    if (!host->join(host->context, &settings) || host->save(host->context, &settings) != BRIDGE_OK) {
        bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_NOT_JOINED);
        bridge_console_improv_says(console, BRIDGE_IMPROV_STATE, BRIDGE_IMPROV_READY);
        return;
    }
    console->settings = settings;
    bridge_console_improv_says(console, BRIDGE_IMPROV_STATE, BRIDGE_IMPROV_PROVISIONED);
    say_result(console, BRIDGE_IMPROV_SEND_WIFI, NULL, 0);
}

void bridge_console_improv(bridge_console_t *console)
{
    bridge_span_t data = bridge_improv_data(&console->improv);
    bridge_reader_t reader = bridge_reader(data.data, data.length);
    uint8_t command = bridge_get_u8(&reader);
    uint8_t length = bridge_get_u8(&reader);
    if (bridge_improv_type(&console->improv) != BRIDGE_IMPROV_COMMAND) {
        return; /* ours, come back: a line that echoes */
    }
    if (reader.is_wrong || length != data.length - reader.at) {
        bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_INVALID);
        return;
    }
    switch (command) {
    case BRIDGE_IMPROV_SEND_WIFI:
        join(console, &reader);
        break;
    case BRIDGE_IMPROV_GET_STATE:
        tell_state(console);
        break;
    case BRIDGE_IMPROV_GET_DEVICE:
        tell_device(console);
        break;
    case BRIDGE_IMPROV_GET_NETWORKS:
        console->host->scan(console->host->context, found, console);
        say_result(console, BRIDGE_IMPROV_GET_NETWORKS, NULL, 0);
        break;
    default:
        bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_UNKNOWN);
        break;
    }
}
