/* Wi-Fi: a station without power save that connects for as long as it takes. */
#include "sdkconfig.h"

#if CONFIG_STMOTA_NETWORK_WIFI
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_wifi.h"

#include "port.h"

/* Between two tries: from a short one, for an access point that has just restarted, to one that leaves the air free. */
#define FIRST_RETRY_US 200000U
#define LONGEST_RETRY_US 5000000U

#define JOIN_WITHIN_MS 20000U /* authentication and DHCP, with a second try */
#define LOOK_EVERY_MS 100U
#define MOST_FOUND 16U

static const char TAG[] = "wifi";

static struct {
    esp_timer_handle_t retry;
    uint64_t retry_us;
    atomic_bool has_network; /* to connect to; a scan wants to be alone */
    const bridge_settings_t *settings;
} s_wifi = {.retry_us = FIRST_RETRY_US};

uint64_t port_interface_pins(void)
{
    return 0;
}

static void connect_again(void *argument)
{
    (void)argument;
    if (atomic_load(&s_wifi.has_network)) {
        (void)esp_wifi_connect();
    }
}

static void on_lost(const wifi_event_sta_disconnected_t *event)
{
    port_network_tell(atomic_load(&s_wifi.has_network) ? PORT_NETWORK_DOWN : PORT_NETWORK_UNSET);
    if (!atomic_load(&s_wifi.has_network)) {
        return;
    }
    ESP_LOGW(TAG, "no connection (reason %d), trying again in %d ms", event->reason, (int)(s_wifi.retry_us / 1000U));
    (void)esp_timer_stop(s_wifi.retry);
    (void)esp_timer_start_once(s_wifi.retry, s_wifi.retry_us);
    s_wifi.retry_us = s_wifi.retry_us * 2U < LONGEST_RETRY_US ? s_wifi.retry_us * 2U : LONGEST_RETRY_US;
}

static void on_wifi(void *argument, esp_event_base_t base, int32_t id, void *data)
{
    (void)argument;
    (void)base;
    switch (id) {
    case WIFI_EVENT_STA_START:
        connect_again(NULL);
        break;
    case WIFI_EVENT_STA_CONNECTED:
        s_wifi.retry_us = FIRST_RETRY_US;
        break;
    case WIFI_EVENT_STA_DISCONNECTED:
        on_lost(data);
        break;
    default:
        break;
    }
}

static void configure(const bridge_settings_t *settings)
{
    wifi_config_t config = {
        .sta =
            {
                .scan_method = WIFI_ALL_CHANNEL_SCAN, /* of several access points the strongest */
                .sort_method = WIFI_CONNECT_AP_BY_SIGNAL,
                .threshold.authmode = settings->password[0] != '\0' ? WIFI_AUTH_WPA2_PSK : WIFI_AUTH_OPEN,
                .sae_pwe_h2e = WPA3_SAE_PWE_BOTH,
                .pmf_cfg.capable = true,
            },
    };
    _Static_assert(sizeof(config.sta.ssid) == BRIDGE_MAX_SSID, "not terminated when it is full");
    _Static_assert(sizeof(config.sta.password) == BRIDGE_MAX_PASSWORD, "likewise");
    memcpy(config.sta.ssid, settings->ssid, strnlen(settings->ssid, sizeof(config.sta.ssid)));
    memcpy(config.sta.password, settings->password, strnlen(settings->password, sizeof(config.sta.password)));
    PORT_NEEDS(esp_wifi_set_config(WIFI_IF_STA, &config));
}

/* Leave the network there is, and connect to that of `settings` if it names one. */
static void change_to(const bridge_settings_t *settings)
{
    bool has_network = settings->ssid[0] != '\0';
    atomic_store(&s_wifi.has_network, false);
    (void)esp_timer_stop(s_wifi.retry);
    (void)esp_wifi_disconnect();
    port_network_tell(has_network ? PORT_NETWORK_DOWN : PORT_NETWORK_UNSET);
    vTaskDelay(pdMS_TO_TICKS(LOOK_EVERY_MS)); /* the event of it passes */
    configure(settings);
    s_wifi.retry_us = FIRST_RETRY_US;
    atomic_store(&s_wifi.has_network, has_network);
    connect_again(NULL);
}

bool port_interface_join(const bridge_settings_t *settings)
{
    change_to(settings);
    for (unsigned int waited_ms = 0; waited_ms < JOIN_WITHIN_MS; waited_ms += LOOK_EVERY_MS) {
        if (port_network_state() == PORT_NETWORK_UP) {
            return true;
        }
        vTaskDelay(pdMS_TO_TICKS(LOOK_EVERY_MS));
    }
    change_to(s_wifi.settings);
    return false;
}

void port_interface_scan(port_found_t found, void *argument)
{
    static wifi_ap_record_t records[MOST_FOUND];
    uint16_t count = MOST_FOUND;
    bool was_on = atomic_load(&s_wifi.has_network);
    bool is_idle = port_network_state() != PORT_NETWORK_UP;
    if (is_idle) { /* the driver does not scan while it connects */
        atomic_store(&s_wifi.has_network, false);
        (void)esp_timer_stop(s_wifi.retry);
        (void)esp_wifi_disconnect();
    }
    if (esp_wifi_scan_start(NULL, true) == ESP_OK && esp_wifi_scan_get_ap_records(&count, records) == ESP_OK) {
        for (uint16_t i = 0; i < count; i++) {
            found(argument, (const char *)records[i].ssid, records[i].rssi, records[i].authmode != WIFI_AUTH_OPEN);
        }
    }
    if (is_idle) {
        atomic_store(&s_wifi.has_network, was_on);
        connect_again(NULL);
    }
}

void port_interface_start(const bridge_port_t *port)
{
    const bridge_settings_t *settings = &port->settings;
    wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
    esp_timer_create_args_t retry = {.callback = connect_again, .name = "wifi"};
    s_wifi.settings = settings;
    atomic_store(&s_wifi.has_network, settings->ssid[0] != '\0');
    port_network_tell(settings->ssid[0] != '\0' ? PORT_NETWORK_DOWN : PORT_NETWORK_UNSET);
    PORT_NEEDS(esp_timer_create(&retry, &s_wifi.retry));
    port_network_name(esp_netif_create_default_wifi_sta(), port);
    PORT_NEEDS(esp_wifi_init(&init));
    PORT_NEEDS(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL));
    PORT_NEEDS(esp_wifi_set_storage(WIFI_STORAGE_RAM)); /* the settings are the one place for it */
    PORT_NEEDS(esp_wifi_set_mode(WIFI_MODE_STA));
    configure(settings);
    PORT_NEEDS(esp_wifi_start());
    PORT_NEEDS(esp_wifi_set_ps(WIFI_PS_NONE)); /* it costs up to hundreds of ms a packet */
    if (settings->ssid[0] == '\0') {
        ESP_LOGW(TAG, "no network is set: write \"set ssid ...\", \"set password ...\", \"save\" and \"reboot\" here");
    }
}
#endif
