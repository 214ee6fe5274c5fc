/* A new firmware into the slot that does not run, and what becomes of it. */
#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_app_format.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_system.h"

#include "port.h"

/* Where the description stands in an image (esp_app_format.h, esp_app_desc.h). */
#define DESCRIPTION_AT (sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t))
#define HEAD_BYTES (DESCRIPTION_AT + sizeof(esp_app_desc_t))
#define LAST_WORDS_US 500000U /* for what was said to leave before a restart */

static const char TAG[] = "update";

static struct {
    const esp_partition_t *slot; /* NULL: no update was begun */
    esp_ota_handle_t handle;
    uint32_t length;
    uint32_t written;
    uint8_t head[HEAD_BYTES];
    size_t head_length;
    char trouble[160];
    bool is_trial_known;
    bridge_trial_t trial;
} s_update;

const char *port_firmware_version(void)
{
    return esp_app_get_description()->version;
}

const char *port_firmware_project(void)
{
    return esp_app_get_description()->project_name;
}

static bridge_error_t fails(bridge_error_t error, const char *what, esp_err_t cause)
{
    snprintf(s_update.trouble, sizeof(s_update.trouble), "%s%s%s", what, cause != ESP_OK ? ": " : "",
             cause != ESP_OK ? esp_err_to_name(cause) : "");
    return error;
}

bridge_error_t bridge_port_update_begin(bridge_port_t *port, uint32_t length_bytes, uint32_t *slot_bytes)
{
    bridge_port_update_cancel(port);
    const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
    if (slot == NULL) {
        return fails(BRIDGE_ERR_UNSUPPORTED, "this bridge has no second slot for firmware", ESP_OK);
    }
    if (length_bytes > slot->size) {
        *slot_bytes = slot->size;
        return BRIDGE_ERR_FULL;
    }
    if (length_bytes < HEAD_BYTES) {
        return fails(BRIDGE_ERR_MALFORMED, "this is too short for a firmware image", ESP_OK);
    }
    /* Sectors are erased as they are written: the network task is not away for seconds. */
    esp_err_t error = esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &s_update.handle);
    if (error != ESP_OK) {
        return fails(BRIDGE_ERR_PORT, "the slot cannot be written", error);
    }
    s_update.slot = slot;
    s_update.length = length_bytes;
    s_update.written = 0;
    s_update.head_length = 0;
    return BRIDGE_OK;
}

static bridge_error_t check_head(void)
{
    esp_image_header_t image;
    esp_app_desc_t description;
    memcpy(&image, s_update.head, sizeof(image));
    memcpy(&description, s_update.head + DESCRIPTION_AT, sizeof(description));
    const char *ours = esp_app_get_description()->project_name;
    if (image.magic != ESP_IMAGE_HEADER_MAGIC || description.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        return fails(BRIDGE_ERR_MALFORMED, "this is no firmware image for an ESP32", ESP_OK);
    }
    if (image.chip_id != CONFIG_IDF_FIRMWARE_CHIP_ID) {
        return fails(BRIDGE_ERR_MALFORMED, "this image is for another chip, not for an " CONFIG_IDF_TARGET, ESP_OK);
    }
    if (strncmp(description.project_name, ours, sizeof(description.project_name)) != 0) {
        return fails(BRIDGE_ERR_MALFORMED, "this image is not a stmota bridge's", ESP_OK);
    }
    if (description.version[0] == '\0') {
        return fails(BRIDGE_ERR_MALFORMED, "this image does not tell its version", ESP_OK);
    }
    return BRIDGE_OK;
}

bridge_error_t bridge_port_update_write(bridge_port_t *port, bridge_span_t data)
{
    if (s_update.slot == NULL) {
        return fails(BRIDGE_ERR_RULE, "no update was begun", ESP_OK);
    }
    if (data.length > s_update.length - s_update.written) {
        bridge_port_update_cancel(port);
        return fails(BRIDGE_ERR_FULL, "more came than was announced", ESP_OK);
    }
    bool had_head = s_update.head_length == HEAD_BYTES;
    size_t missing = HEAD_BYTES - s_update.head_length;
    size_t taken = data.length < missing ? data.length : missing;
    memcpy(s_update.head + s_update.head_length, data.data, taken);
    s_update.head_length += taken;
    if (!had_head && s_update.head_length == HEAD_BYTES && check_head() != BRIDGE_OK) {
        (void)esp_ota_abort(s_update.handle);
        s_update.slot = NULL;
        return BRIDGE_ERR_MALFORMED;
    }
    esp_err_t error = esp_ota_write(s_update.handle, data.data, data.length);
    if (error != ESP_OK) {
        bridge_port_update_cancel(port);
        return fails(BRIDGE_ERR_PORT, "writing the slot failed", error);
    }
    s_update.written += (uint32_t)data.length;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_update_finish(bridge_port_t *port)
{
    if (s_update.slot == NULL || s_update.written != s_update.length) {
        bridge_port_update_cancel(port);
        return fails(BRIDGE_ERR_MALFORMED, "the image is not whole", ESP_OK);
    }
    const esp_partition_t *slot = s_update.slot;
    s_update.slot = NULL;
    /* Checks the image's own checksum and hash, and its signature where the build asks for one. */
    esp_err_t error = esp_ota_end(s_update.handle);
    if (error != ESP_OK) {
        return fails(BRIDGE_ERR_MALFORMED, "the image is damaged or its signature is wrong", error);
    }
    error = esp_ota_set_boot_partition(slot);
    return error == ESP_OK ? BRIDGE_OK : fails(BRIDGE_ERR_PORT, "the new firmware cannot be chosen", error);
}

void bridge_port_update_cancel(bridge_port_t *port)
{
    (void)port;
    if (s_update.slot != NULL) {
        (void)esp_ota_abort(s_update.handle);
        s_update.slot = NULL;
    }
    s_update.trouble[0] = '\0';
}

const char *bridge_port_update_trouble(bridge_port_t *port)
{
    (void)port;
    return s_update.trouble;
}

bridge_trial_t bridge_port_trial(bridge_port_t *port)
{
    (void)port;
    if (!s_update.is_trial_known) {
        esp_ota_img_states_t state;
        bool is_on_trial = esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
                           state == ESP_OTA_IMG_PENDING_VERIFY;
        bool has_failed = esp_ota_get_last_invalid_partition() != NULL;
        s_update.trial = is_on_trial  ? BRIDGE_TRIAL_UNDER_WAY
                         : has_failed ? BRIDGE_TRIAL_FAILED
                                      : BRIDGE_TRIAL_NONE;
        s_update.is_trial_known = true;
    }
    return s_update.trial;
}

void bridge_port_confirm(bridge_port_t *port)
{
    if (bridge_port_trial(port) == BRIDGE_TRIAL_UNDER_WAY) {
        ESP_LOGI(TAG, "a controller came: this firmware is kept");
        (void)esp_ota_mark_app_valid_cancel_rollback();
        s_update.trial = BRIDGE_TRIAL_NONE;
    }
}

static void restart_now(void *argument)
{
    (void)argument;
    esp_restart();
}

void bridge_port_restart(bridge_port_t *port)
{
    (void)port;
    esp_timer_create_args_t soon = {.callback = restart_now, .name = "restart"};
    esp_timer_handle_t timer;
    if (esp_timer_create(&soon, &timer) != ESP_OK || esp_timer_start_once(timer, LAST_WORDS_US) != ESP_OK) {
        esp_restart();
    }
}
