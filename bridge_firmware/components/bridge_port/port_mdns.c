/* The bridge's announcement (BRIDGE_PROTOCOL.md, R55). Whoever has its address needs none. */
#include <stdio.h>

#include "esp_log.h"
#include "mdns.h"

#include "port.h"

#define SERVICE "_stmota-bridge"
#define PROTOCOL "_tcp"

static const char TAG[] = "mdns";

/* What the announcement says of secure mode; TOLD_NOT: there is none. */
enum { TOLD_NOT, TOLD_PLAIN, TOLD_SECURE };

static atomic_int s_told = TOLD_NOT;

void port_mdns_show(bool is_secure)
{
    int wanted = is_secure ? TOLD_SECURE : TOLD_PLAIN;
    int told = atomic_load(&s_told);
    /* Announced anew by this call (mdns_responder.c). */
    if (told != TOLD_NOT && told != wanted &&
        mdns_service_txt_item_set(SERVICE, PROTOCOL, "secure", is_secure ? "1" : "0") == ESP_OK) {
        atomic_store(&s_told, wanted);
    }
}

void port_mdns_start(const bridge_port_t *port, const uint8_t *unique_id, bool is_secure)
{
    const bridge_settings_t *settings = &port->settings;
    char id[2 * BRIDGE_UNIQUE_ID_BYTES + 1];
    for (size_t i = 0; i < BRIDGE_UNIQUE_ID_BYTES; i++) {
        snprintf(id + 2 * i, 3, "%02x", unique_id[i]);
    }
    mdns_txt_item_t items[] = {
        {"name", settings->name},
        {"id", id},
        {"protocol", bridge_protocol_version()},
        {"firmware", port_firmware_version()},
        {"secure", is_secure ? "1" : "0"},
    };
    esp_err_t error = mdns_init();
    error = error == ESP_OK ? mdns_hostname_set(port->hostname) : error;
    error = error == ESP_OK ? mdns_instance_name_set(settings->name) : error;
    error = error == ESP_OK ? mdns_service_add(settings->name, SERVICE, PROTOCOL, settings->tcp_port, items,
                                               sizeof(items) / sizeof(items[0]))
                            : error;
    if (error != ESP_OK) {
        ESP_LOGW(TAG, "not announced (%s): name this bridge by its address", esp_err_to_name(error));
        return;
    }
    atomic_store(&s_told, is_secure ? TOLD_SECURE : TOLD_PLAIN);
}
