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

static const char TAG[] = "wifi";

static esp_timer_handle_t s_retry;
static uint64_t s_retry_us = FIRST_RETRY_US;

static void connect_again(void *argument)
{
    (void)argument;
    (void)esp_wifi_connect();
}

static void on_lost(const wifi_event_sta_disconnected_t *event)
{
    ESP_LOGW(TAG, "no connection (reason %d), trying again in %d ms", event->reason, (int)(s_retry_us / 1000U));
    port_network_tell(PORT_NETWORK_DOWN);
    (void)esp_timer_stop(s_retry);
    (void)esp_timer_start_once(s_retry, s_retry_us);
    s_retry_us = s_retry_us * 2U < LONGEST_RETRY_US ? s_retry_us * 2U : LONGEST_RETRY_US;
}

static void on_wifi(void *argument, esp_event_base_t base, int32_t id, void *data)
{
    (void)argument;
    (void)base;
    switch (id) {
    case WIFI_EVENT_STA_START:
        (void)esp_wifi_connect();
        break;
    case WIFI_EVENT_STA_CONNECTED:
        s_retry_us = FIRST_RETRY_US;
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

void port_interface_start(const bridge_settings_t *settings)
{
    wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
    esp_timer_create_args_t retry = {.callback = connect_again, .name = "wifi"};
    if (settings->ssid[0] == '\0') {
        ESP_LOGW(TAG, "no network is set: write \"set ssid …\", \"set password …\", \"save\", \"reboot\" here");
        port_network_tell(PORT_NETWORK_UNSET);
        return;
    }
    port_network_tell(PORT_NETWORK_DOWN);
    PORT_NEEDS(esp_timer_create(&retry, &s_retry));
    (void)esp_netif_create_default_wifi_sta();
    PORT_NEEDS(esp_wifi_init(&init));
    PORT_NEEDS(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL));
    PORT_NEEDS(esp_wifi_set_storage(WIFI_STORAGE_RAM)); /* the settings are the one place for it */
    PORT_NEEDS(esp_wifi_set_mode(WIFI_MODE_STA));
    configure(settings);
    PORT_NEEDS(esp_wifi_start());
    PORT_NEEDS(esp_wifi_set_ps(WIFI_PS_NONE)); /* it costs up to hundreds of ms a packet */
}
#endif
