/* The bridge's own console (USB or UART0; a program's standard input): commands in lines of text, and Improv packets for web installers.
 *
 *     help | show | set KEY VALUE | save | reboot | secure | insecure
 *
 * Every command is answered by lines, of which the last is `ok` or begins with `error: `. What `set` changes is a draft
 * until `save`; the bridge works by it after a restart. A password is neither echoed nor shown. */
#pragma once

#include "bridge_improv.h"
#include "bridge_settings.h"

#define BRIDGE_LINE_BYTES 160U

/* What the console asks of its platform. All of it may wait: the console has a task of its own. */
typedef struct {
    void *context;
    bool is_echoed; /* what is typed is shown by somebody else, or by nobody */
    void (*write)(void *context, bridge_span_t data);
    /* BRIDGE_ERR_PORT, BRIDGE_ERR_FULL, BRIDGE_ERR_UNSUPPORTED. */
    bridge_error_t (*save)(void *context, const bridge_settings_t *settings);
    void (*reboot)(void *context);
    /* Try the Wi-Fi network of these settings; whether there is an address. */
    bool (*join)(void *context, const bridge_settings_t *settings);
    /* Call `found` for each Wi-Fi network that is in reach. */
    void (*scan)(void *context, void (*found)(void *console, const char *ssid, int rssi_dbm, bool has_password),
                 void *console);
    bool (*is_online)(void *context);
    /* `secure`, or `insecure`: bridge_secure or bridge_insecure, which are the network task's. NULL: no secure mode. */
    bridge_error_t (*secure)(void *context, bool is_forgotten, bridge_trouble_t *shown);
} bridge_console_host_t;

typedef struct {
    const bridge_console_host_t *host;
    const bridge_chip_t *chip;
    const char *firmware;
    bridge_settings_t settings; /* the draft */
    char line[BRIDGE_LINE_BYTES];
    size_t length;
    bool is_too_long;
    bool ended_with_cr;
    bridge_improv_t improv;
} bridge_console_t;

void bridge_console_start(bridge_console_t *console, const bridge_console_host_t *host, const bridge_chip_t *chip,
                          const char *firmware, const bridge_settings_t *settings);
/* Take what was typed or sent. */
void bridge_console_take(bridge_console_t *console, bridge_span_t data);
/* Nothing came for a second: the rest of a packet will not come. */
void bridge_console_idle(bridge_console_t *console);

/* bridge_console_improv.c, of no use outside of the console. */
void bridge_console_improv(bridge_console_t *console);
void bridge_console_improv_says(bridge_console_t *console, uint8_t type, uint8_t value);
void bridge_console_write(bridge_console_t *console, const char *text);
