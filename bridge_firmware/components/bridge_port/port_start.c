/* The start: settings, lines, memory, network, tasks. Nothing is allocated after it by the bridge itself. */
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"

#include "bridge_esp.h"
#include "port.h"

#define RING_BYTES CONFIG_STMOTA_CONSOLE_RING
#define MARKS (RING_BYTES / BRIDGE_RING_BYTES_A_MARK)

_Static_assert(CONFIG_STMOTA_MAX_BATCH <= CONFIG_STMOTA_CREDIT, "a batch has to fit the credit");

static const char TAG[] = "bridge";

static bridge_port_t s_port;
static bridge_t s_bridge;
static bridge_config_t s_config;

#if CONFIG_STMOTA_NETWORK_EMAC
#define CHIP CONFIG_IDF_TARGET "-emac"
#else
#define CHIP CONFIG_IDF_TARGET
#endif

static bridge_chip_t s_chip;

static void find_chip(void)
{
    const bridge_chip_t *chip = bridge_chip(CHIP);
    PORT_NEEDS(chip != NULL ? ESP_OK : ESP_ERR_NOT_SUPPORTED);
    s_chip = *chip;
    s_chip.taken = port_interface_pins();
    s_port.chip = &s_chip;
}

/* From the heap, once: an ESP32's static memory alone could not hold it. Internal: PSRAM would slow the engine. */
static void *take(size_t bytes)
{
    void *memory = heap_caps_calloc(1, bytes, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (memory == NULL) {
        ESP_LOGE(TAG, "no memory for %u bytes; lower the credit or the console's ring (menuconfig)", (unsigned int)bytes);
        esp_restart();
    }
    return memory;
}

static void identify(void)
{
    PORT_NEEDS(esp_efuse_mac_get_default(s_config.unique_id)); /* 6 bytes, 8 where there is 802.15.4; the rest is 0 */
    esp_fill_random(s_config.boot_id, sizeof(s_config.boot_id));
}

static void load_settings(void)
{
    char name[BRIDGE_HOSTNAME_BYTES];
    bridge_trouble_t trouble;
    bridge_hostname_of_id(s_config.unique_id, name);
    bridge_settings_default(&s_port.settings, s_port.chip, name, CONFIG_STMOTA_PORT);
    (void)bridge_settings_load(&s_port, &s_port.settings, s_port.chip);
    if (bridge_settings_check(&s_port.settings, s_port.chip, &trouble) != BRIDGE_OK) {
        ESP_LOGE(TAG, "%s; the pins are those of a new bridge until that is put right", trouble.text);
        for (size_t i = 0; i < BRIDGE_PIN_USES; i++) {
            s_port.settings.wires[i] = bridge_default_wire(s_port.chip, (bridge_pin_use_t)i);
        }
    }
    bridge_hostname(s_port.settings.name, s_config.unique_id, s_port.hostname);
}

static void make_config(void)
{
    s_config.name = s_port.settings.name;
    s_config.firmware = port_firmware_version();
    s_config.project = port_firmware_project();
    s_config.chip = s_port.chip;
    s_config.settings = &s_port.settings;
    s_config.trial_us = (uint64_t)CONFIG_STMOTA_NEW_FIRMWARE_MINUTES * 60U * 1000000U;
    s_config.credit = CONFIG_STMOTA_CREDIT;
    s_config.max_batch = CONFIG_STMOTA_MAX_BATCH;
    s_config.console = s_port.settings.console;
    s_config.requests = take(BRIDGE_REQUEST_QUEUE_BYTES(CONFIG_STMOTA_CREDIT));
    s_config.work = take(CONFIG_STMOTA_MAX_BATCH);
    s_config.results = take(BRIDGE_RESULT_QUEUE_BYTES(CONFIG_STMOTA_CREDIT));
    s_config.last = take(CONFIG_STMOTA_CREDIT);
    s_config.input = take(BRIDGE_INPUT_BYTES(CONFIG_STMOTA_MAX_BATCH));
    s_config.ring = take(RING_BYTES);
    s_config.ring_bytes = RING_BYTES;
    s_config.marks = take(MARKS * sizeof(bridge_mark_t));
    s_config.mark_count = MARKS;
    s_config.is_power_up = port_was_powered_up();
}

void bridge_esp_run(void)
{
    find_chip();
    port_storage_open();
    identify();
    load_settings();
    port_lines_open(&s_port);
    port_led_start(&s_port.settings.wires[BRIDGE_USE_LED]);
    port_tasks_prepare(&s_port);
    make_config();
    port_network_start(&s_port);
    port_secure_open(&s_port, s_config.unique_id);
    port_console_start(&s_port);
    PORT_NEEDS(port_listen(&s_port) ? ESP_OK : ESP_FAIL);
    port_tasks_run(&s_port, &s_bridge, &s_config);
    port_mdns_start(&s_port, s_config.unique_id, bridge_port_secure_state(&s_port) == BRIDGE_SECURE_ON);
    ESP_LOGI(TAG, "%s %s on port %u", s_port.settings.name, s_config.firmware, s_port.settings.tcp_port);
}
