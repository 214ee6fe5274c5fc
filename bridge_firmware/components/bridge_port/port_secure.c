/* Secure mode: what a platform adds to components/bridge_secure, and how the console's words reach the network task. */
#include "esp_log.h"
#include "esp_system.h"

#include "bridge_secure.h"
#include "port.h"

static const char TAG[] = "secure";

static bridge_security_t *s_security;

/* A word on its way from the console's task to the network's and back. */
enum { WORD_NONE, WORD_SECURE, WORD_INSECURE };

static struct {
    atomic_int word;
    TaskHandle_t console;
    bridge_trouble_t *shown;
    bridge_error_t error;
} s_asked;

bridge_security_t *bridge_port_security(bridge_port_t *port)
{
    (void)port;
    return s_security;
}

void port_secure_open(bridge_port_t *port, const uint8_t *unique_id)
{
    bridge_error_t error = bridge_security_open(port, unique_id, &s_security);
    /* Without memory or randomness a secured bridge would be plain. */
    PORT_NEEDS(error != BRIDGE_ERR_PORT ? ESP_OK : ESP_ERR_NO_MEM);
    if (error == BRIDGE_ERR_MALFORMED) {
        ESP_LOGE(TAG, "what this bridge keeps of secure mode is damaged, and it turns everybody away; write \"insecure\" here");
    }
}

bool port_was_powered_up(void)
{
    switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
    case ESP_RST_EXT:
    case ESP_RST_USB:
        return true;
    default: /* a restart by the network, a crash that it may have brought about */
        return false;
    }
}

bridge_error_t port_secure_ask(bridge_port_t *port, bool is_forgotten, bridge_trouble_t *shown)
{
    s_asked.console = xTaskGetCurrentTaskHandle();
    s_asked.shown = shown;
    atomic_store(&s_asked.word, is_forgotten ? WORD_INSECURE : WORD_SECURE);
    bridge_port_wake_network(port);
    (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    return s_asked.error;
}

void port_secure_attend(bridge_t *bridge)
{
    int word = atomic_exchange(&s_asked.word, WORD_NONE);
    if (word != WORD_NONE) {
        s_asked.error =
            word == WORD_INSECURE ? bridge_insecure(bridge, s_asked.shown) : bridge_secure(bridge, s_asked.shown);
        (void)xTaskNotifyGive(s_asked.console);
    }
}
