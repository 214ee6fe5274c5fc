/* Small values in NVS, each a blob under its key. */
#include "esp_log.h"
#include "nvs.h"
#include "nvs_flash.h"

#include "port.h"

static const char TAG[] = "storage";

static nvs_handle_t s_nvs;
static bool s_is_open;

_Static_assert(BRIDGE_MAX_KEY == NVS_KEY_NAME_MAX_SIZE - 1, "NVS's longest key");

void port_storage_open(void)
{
    esp_err_t error = nvs_flash_init();
    if (error == ESP_ERR_NVS_NO_FREE_PAGES || error == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_LOGE(TAG, "the settings cannot be read (%s) and are forgotten", esp_err_to_name(error));
        PORT_NEEDS(nvs_flash_erase());
        error = nvs_flash_init();
    }
    PORT_NEEDS(error);
    s_is_open = nvs_open("stmota", NVS_READWRITE, &s_nvs) == ESP_OK;
}

bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    (void)port;
    size_t stored = 0;
    *length = 0;
    if (!s_is_open) {
        return BRIDGE_ERR_PORT;
    }
    esp_err_t error = nvs_get_blob(s_nvs, key, NULL, &stored);
    if (error == ESP_ERR_NVS_NOT_FOUND) {
        return BRIDGE_ERR_UNKNOWN;
    }
    *length = stored;
    if (error == ESP_OK && stored > capacity) {
        return BRIDGE_ERR_FULL;
    }
    if (error == ESP_OK && stored > 0) {
        error = nvs_get_blob(s_nvs, key, data, &stored);
    }
    return error == ESP_OK ? BRIDGE_OK : BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    (void)port;
    if (!s_is_open) {
        return BRIDGE_ERR_PORT;
    }
    if (value.length > BRIDGE_MAX_VALUE) {
        return BRIDGE_ERR_FULL;
    }
    esp_err_t error = nvs_set_blob(s_nvs, key, value.length > 0 ? (const void *)value.data : "", value.length);
    error = error == ESP_OK ? nvs_commit(s_nvs) : error;
    return error == ESP_OK ? BRIDGE_OK : error == ESP_ERR_NVS_NOT_ENOUGH_SPACE ? BRIDGE_ERR_FULL : BRIDGE_ERR_PORT;
}

bridge_error_t bridge_port_forget(bridge_port_t *port, const char *key)
{
    (void)port;
    if (!s_is_open) {
        return BRIDGE_ERR_PORT;
    }
    esp_err_t error = nvs_erase_key(s_nvs, key);
    error = error == ESP_OK ? nvs_commit(s_nvs) : error;
    return error == ESP_OK || error == ESP_ERR_NVS_NOT_FOUND ? BRIDGE_OK : BRIDGE_ERR_PORT;
}
