#include "bridge_console.h"

#include <stdio.h>
#include <string.h>

#define NOTHING_KEPT "this bridge keeps nothing: it was started without a place for it (stmota-bridge: --state-dir DIR)"
#define SECRET "password " /* what follows it in a line is not echoed */

void bridge_console_write(bridge_console_t *console, const char *text)
{
    console->host->write(console->host->context, bridge_span_of(text));
}

static void answer(bridge_console_t *console, const char *trouble)
{
    char text[BRIDGE_TROUBLE_BYTES + sizeof("error: \r\n")];
    snprintf(text, sizeof(text), "%s%s\r\n", trouble != NULL ? "error: " : "ok", trouble != NULL ? trouble : "");
    bridge_console_write(console, text);
}

static void help(bridge_console_t *console, char *rest)
{
    const char *key;
    (void)rest;
    bridge_console_write(console, "show            the settings\r\n"
                                  "set KEY VALUE   change one, for example: set nrst 19\r\n"
                                  "save            keep them\r\n"
                                  "reboot          start again, with what was saved\r\n"
                                  "secure          let a daemon secure this bridge, within 5 minutes; show its key's "
                                  "fingerprint\r\n"
                                  "insecure        forget that key and the daemon\r\n");
    for (size_t i = 0; (key = bridge_settings_key(console->chip, i)) != NULL; i++) {
        char text[128];
        snprintf(text, sizeof(text), "  %-13s %s\r\n", key, bridge_settings_help(key));
        bridge_console_write(console, text);
    }
    answer(console, NULL);
}

static void show(bridge_console_t *console, char *rest)
{
    const char *key;
    char text[BRIDGE_SETTING_BYTES + 32];
    (void)rest;
    snprintf(text, sizeof(text), "firmware = %s\r\nprotocol = %s\r\nchip = %s\r\n", console->firmware,
             bridge_protocol_version(), console->chip->name);
    bridge_console_write(console, text);
    bridge_console_write(console, console->host->is_online(console->host->context) ? "online = yes\r\n"
                                                                                    : "online = no\r\n");
    for (size_t i = 0; (key = bridge_settings_key(console->chip, i)) != NULL; i++) {
        char value[BRIDGE_SETTING_BYTES];
        (void)bridge_settings_get(&console->settings, key, value);
        snprintf(text, sizeof(text), "%s = %s\r\n", key, value);
        bridge_console_write(console, text);
    }
    answer(console, NULL);
}

/* Cut off the first word; return what follows the space behind it. */
static char *cut_word(char *text)
{
    char *space = strchr(text, ' ');
    if (space == NULL) {
        return text + strlen(text);
    }
    *space = '\0';
    return space + 1;
}

static void set(bridge_console_t *console, char *rest)
{
    bridge_trouble_t trouble;
    char *value = cut_word(rest);
    bridge_error_t error = bridge_settings_set(&console->settings, console->chip, rest, value, &trouble);
    answer(console, error == BRIDGE_OK ? NULL : trouble.text);
}

static void save(bridge_console_t *console, char *rest)
{
    bridge_trouble_t trouble;
    (void)rest;
    if (bridge_settings_check(&console->settings, console->chip, &trouble) != BRIDGE_OK) {
        answer(console, trouble.text);
        return;
    }
    bridge_error_t error = console->host->save(console->host->context, &console->settings);
    answer(console, error == BRIDGE_OK                ? NULL
                    : error == BRIDGE_ERR_UNSUPPORTED ? NOTHING_KEPT
                    : error == BRIDGE_ERR_FULL        ? "the settings do not fit the flash any more"
                                                      : "the settings could not be written");
}

static void reboot(bridge_console_t *console, char *rest)
{
    (void)rest;
    answer(console, NULL);
    console->host->reboot(console->host->context);
}

static void ask_secure(bridge_console_t *console, bool is_forgotten)
{
    bridge_trouble_t shown = {"this bridge has no secure mode"};
    const bridge_console_host_t *host = console->host;
    if (host->secure == NULL || host->secure(host->context, is_forgotten, &shown) != BRIDGE_OK) {
        answer(console, shown.text);
        return;
    }
    bridge_console_write(console, shown.text);
    bridge_console_write(console, "\r\n");
    answer(console, NULL);
}

static void secure(bridge_console_t *console, char *rest)
{
    (void)rest;
    ask_secure(console, false);
}

static void insecure(bridge_console_t *console, char *rest)
{
    (void)rest;
    ask_secure(console, true);
}

static const struct {
    const char *name;
    void (*run)(bridge_console_t *console, char *rest);
} s_commands[] = {{"help", help}, {"show", show}, {"set", set}, {"save", save}, {"reboot", reboot},
                  {"secure", secure}, {"insecure", insecure}};

static void run(bridge_console_t *console)
{
    console->line[console->length] = '\0';
    bool is_too_long = console->is_too_long;
    bool is_empty = console->length == 0;
    console->length = 0;
    console->is_too_long = false;
    if (is_too_long) {
        answer(console, "this line is too long");
        return;
    }
    if (is_empty) {
        return;
    }
    char *rest = cut_word(console->line);
    for (size_t i = 0; i < sizeof(s_commands) / sizeof(s_commands[0]); i++) {
        if (strcmp(s_commands[i].name, console->line) == 0) {
            s_commands[i].run(console, rest);
            return;
        }
    }
    answer(console, "no such command; write help");
}

static void echo(bridge_console_t *console, const char *text)
{
    if (!console->host->is_echoed) {
        bridge_console_write(console, text);
    }
}

static bool is_secret(bridge_console_t *console)
{
    console->line[console->length] = '\0';
    const char *found = strstr(console->line, SECRET);
    return found != NULL && found[strlen(SECRET)] != '\0';
}

static void end_line(bridge_console_t *console, char byte)
{
    bool is_second = byte == '\n' && console->ended_with_cr;
    console->ended_with_cr = byte == '\r';
    if (!is_second) {
        echo(console, "\r\n");
        run(console);
    }
}

static void take_text(bridge_console_t *console, char byte)
{
    char shown[] = {byte, '\0'};
    if (byte == '\r' || byte == '\n') {
        end_line(console, byte);
        return;
    }
    console->ended_with_cr = false;
    if (byte == '\b' || byte == 0x7F) {
        if (console->length > 0) {
            bool was_secret = is_secret(console);
            console->length--;
            echo(console, was_secret ? "" : "\b \b");
        }
        return;
    }
    if ((uint8_t)byte < ' ') {
        return;
    }
    if (console->length + 1 >= sizeof(console->line)) {
        console->is_too_long = true;
        return;
    }
    console->line[console->length++] = byte;
    echo(console, is_secret(console) ? "" : shown);
}

/* A packet begins where a line may; what begins like one and is none was text. */
static void take(bridge_console_t *console, uint8_t byte)
{
    bridge_improv_t *improv = &console->improv;
    if (improv->length == 0 && (console->length > 0 || byte != 'I')) {
        take_text(console, (char)byte);
        return;
    }
    switch (bridge_improv_take(improv, byte)) {
    case BRIDGE_IMPROV_MORE:
        return;
    case BRIDGE_IMPROV_PACKET:
        bridge_console_improv(console);
        break;
    case BRIDGE_IMPROV_DAMAGED:
        bridge_console_improv_says(console, BRIDGE_IMPROV_ERROR, BRIDGE_IMPROV_INVALID);
        break;
    case BRIDGE_IMPROV_NOT_MINE:
        for (size_t i = 0; i < improv->length; i++) {
            take_text(console, (char)improv->packet[i]);
        }
        break;
    }
    improv->length = 0;
}

void bridge_console_take(bridge_console_t *console, bridge_span_t data)
{
    for (size_t i = 0; i < data.length; i++) {
        take(console, data.data[i]);
    }
}

void bridge_console_idle(bridge_console_t *console)
{
    console->improv.length = 0;
}

void bridge_console_start(bridge_console_t *console, const bridge_console_host_t *host, const bridge_chip_t *chip,
                          const char *firmware, const bridge_settings_t *settings)
{
    *console = (bridge_console_t){.host = host, .chip = chip, .firmware = firmware, .settings = *settings};
}
