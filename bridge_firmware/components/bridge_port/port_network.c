/* What every network has in common: lwIP's start, whether there is an address, the name. */
#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"

#include "port.h"

static const char TAG[] = "network";

static atomic_int s_state = PORT_NETWORK_UNSET;

port_network_t port_network_state(void)
{
    return (port_network_t)atomic_load(&s_state);
}

void port_network_tell(port_network_t state)
{
    atomic_store(&s_state, (int)state);
}

static void on_address(void *argument, esp_event_base_t base, int32_t id, void *data)
{
    (void)argument;
    (void)base;
    if (id == IP_EVENT_STA_GOT_IP || id == IP_EVENT_ETH_GOT_IP) {
        const ip_event_got_ip_t *event = data;
        ESP_LOGI(TAG, "address " IPSTR, IP2STR(&event->ip_info.ip));
        port_network_tell(PORT_NETWORK_UP);
    } else if (id == IP_EVENT_STA_LOST_IP || id == IP_EVENT_ETH_LOST_IP) {
        port_network_tell(PORT_NETWORK_DOWN);
    }
}

void port_network_name(esp_netif_t *netif, const bridge_port_t *port)
{
    esp_err_t error = esp_netif_set_hostname(netif, port->hostname);
    if (error != ESP_OK) {
        ESP_LOGW(TAG, "DHCP is not told the name %s (%s)", port->hostname, esp_err_to_name(error));
    }
}

void port_network_start(const bridge_port_t *port)
{
    PORT_NEEDS(esp_netif_init());
    PORT_NEEDS(esp_event_loop_create_default());
    PORT_NEEDS(esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_address, NULL));
    port_interface_start(port);
}
