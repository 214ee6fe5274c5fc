/* Ethernet: the ESP32's own MAC with a LAN8720, a W5500 at SPI, or OpenCores' MAC as QEMU has it. */
#include "sdkconfig.h"

#if !CONFIG_STMOTA_NETWORK_WIFI
#include "bootloader_random.h"
#include "driver/gpio.h"
#include "driver/spi_master.h"
#include "esp_eth.h"
#include "esp_eth_netif_glue.h"
#include "esp_event.h"
#include "esp_idf_version.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_netif.h"
#if CONFIG_STMOTA_NETWORK_OPENETH
#include "esp_eth_mac_openeth.h"
#elif CONFIG_STMOTA_NETWORK_EMAC
#include "esp_eth_mac_esp.h"
#endif
/* These drivers left ESP-IDF with 6.0. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(6, 0, 0)
#if CONFIG_STMOTA_NETWORK_EMAC
#include "esp_eth_phy_lan87xx.h"
#elif CONFIG_STMOTA_NETWORK_W5500
#include "esp_eth_mac_w5500.h"
#include "esp_eth_phy_w5500.h"
#endif
#endif

#include "port.h"

static const char TAG[] = "ethernet";

typedef struct {
    esp_eth_mac_t *mac;
    esp_eth_phy_t *phy;
} pair_t;

#if !CONFIG_STMOTA_NETWORK_OPENETH
static uint64_t bit_of(int pin)
{
    return pin >= 0 ? 1ULL << (unsigned int)pin : 0;
}
#endif

#if CONFIG_STMOTA_NETWORK_OPENETH
uint64_t port_interface_pins(void)
{
    return 0;
}

/* The PHY's driver that esp_eth compiles beside this MAC: 5.5 has the DP83848's, which QEMU's PHY poses as; 6.0 the generic one. */
static esp_eth_phy_t *make_phy(const eth_phy_config_t *config)
{
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(6, 0, 0)
    return esp_eth_phy_new_generic(config);
#else
    return esp_eth_phy_new_dp83848(config);
#endif
}

static pair_t make_pair(void)
{
    eth_mac_config_t mac = ETH_MAC_DEFAULT_CONFIG();
    eth_phy_config_t phy = ETH_PHY_DEFAULT_CONFIG();
    phy.phy_addr = 1; /* QEMU's */
    phy.autonego_timeout_ms = 100;
    return (pair_t){esp_eth_mac_new_openeth(&mac), make_phy(&phy)};
}
#elif CONFIG_STMOTA_NETWORK_EMAC
/* Those of RMII are in bridge_pins.c. */
uint64_t port_interface_pins(void)
{
    return bit_of(CONFIG_STMOTA_EMAC_PHY_RESET);
}

static pair_t make_pair(void)
{
    eth_mac_config_t mac = ETH_MAC_DEFAULT_CONFIG();
    eth_phy_config_t phy = ETH_PHY_DEFAULT_CONFIG();
    eth_esp32_emac_config_t emac = ETH_ESP32_EMAC_DEFAULT_CONFIG(); /* MDC 23, MDIO 18 */
#if CONFIG_STMOTA_EMAC_CLOCK_OUT
    emac.clock_config.rmii.clock_mode = EMAC_CLK_OUT;
    emac.clock_config.rmii.clock_gpio = 17;
#else
    emac.clock_config.rmii.clock_mode = EMAC_CLK_EXT_IN;
    emac.clock_config.rmii.clock_gpio = 0;
#endif
    phy.phy_addr = CONFIG_STMOTA_EMAC_PHY_ADDRESS;
    phy.reset_gpio_num = CONFIG_STMOTA_EMAC_PHY_RESET;
    return (pair_t){esp_eth_mac_new_esp32(&emac, &mac), esp_eth_phy_new_lan87xx(&phy)};
}
#elif CONFIG_STMOTA_NETWORK_W5500
#define POLL_MS 10

uint64_t port_interface_pins(void)
{
    return bit_of(CONFIG_STMOTA_W5500_SCLK) | bit_of(CONFIG_STMOTA_W5500_MOSI) | bit_of(CONFIG_STMOTA_W5500_MISO) |
           bit_of(CONFIG_STMOTA_W5500_CS) | bit_of(CONFIG_STMOTA_W5500_INT);
}

static pair_t make_pair(void)
{
    eth_mac_config_t mac = ETH_MAC_DEFAULT_CONFIG();
    eth_phy_config_t phy = ETH_PHY_DEFAULT_CONFIG();
    spi_bus_config_t bus = {
        .mosi_io_num = CONFIG_STMOTA_W5500_MOSI,
        .miso_io_num = CONFIG_STMOTA_W5500_MISO,
        .sclk_io_num = CONFIG_STMOTA_W5500_SCLK,
        .quadwp_io_num = -1,
        .quadhd_io_num = -1,
    };
    spi_device_interface_config_t device = {
        .mode = 0,
        .clock_speed_hz = CONFIG_STMOTA_W5500_MHZ * 1000 * 1000,
        .queue_size = 20,
        .spics_io_num = CONFIG_STMOTA_W5500_CS,
    };
    eth_w5500_config_t config = ETH_W5500_DEFAULT_CONFIG(SPI2_HOST, &device);
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(6, 0, 0)
    config.base.int_gpio_num = CONFIG_STMOTA_W5500_INT;
    config.base.poll_period_ms = CONFIG_STMOTA_W5500_INT < 0 ? POLL_MS : 0;
#else
    config.int_gpio_num = CONFIG_STMOTA_W5500_INT;
    config.poll_period_ms = CONFIG_STMOTA_W5500_INT < 0 ? POLL_MS : 0;
#endif
    phy.reset_gpio_num = -1;
    phy.phy_addr = 1;
    esp_err_t service = gpio_install_isr_service(0);
    PORT_NEEDS(service == ESP_ERR_INVALID_STATE ? ESP_OK : service); /* it may be there already */
    PORT_NEEDS(spi_bus_initialize(SPI2_HOST, &bus, SPI_DMA_CH_AUTO));
    return (pair_t){esp_eth_mac_new_w5500(&config, &mac), esp_eth_phy_new_w5500(&phy)};
}
#endif

static void on_ethernet(void *argument, esp_event_base_t base, int32_t id, void *data)
{
    (void)argument;
    (void)base;
    (void)data;
    if (id == ETHERNET_EVENT_DISCONNECTED) {
        ESP_LOGW(TAG, "no link; is the cable in?");
        port_network_tell(PORT_NETWORK_DOWN);
    }
}

/* A cable knows no network's name. */
bool port_interface_join(const bridge_settings_t *settings)
{
    (void)settings;
    return false;
}

void port_interface_scan(port_found_t found, void *argument)
{
    (void)found;
    (void)argument;
}

void port_interface_start(const bridge_port_t *port)
{
#if !CONFIG_STMOTA_NETWORK_OPENETH
    bootloader_random_enable(); /* without a radio, nothing else makes randomness for keys; QEMU has neither */
#endif
    pair_t pair = make_pair();
    esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
    esp_netif_t *netif = esp_netif_new(&netif_config);
    esp_eth_handle_t handle = NULL;
    uint8_t mac[6];
    port_network_tell(PORT_NETWORK_DOWN);
    PORT_NEEDS(pair.mac != NULL && pair.phy != NULL && netif != NULL ? ESP_OK : ESP_FAIL);
    port_network_name(netif, port);
    esp_eth_config_t config = ETH_DEFAULT_CONFIG(pair.mac, pair.phy);
    esp_err_t error = esp_eth_driver_install(&config, &handle);
    if (error != ESP_OK) { /* the console still works: pins can be put right */
        ESP_LOGE(TAG, "the Ethernet chip does not answer (%s); are its pins right?", esp_err_to_name(error));
        return;
    }
    PORT_NEEDS(esp_read_mac(mac, ESP_MAC_ETH));
    PORT_NEEDS(esp_eth_ioctl(handle, ETH_CMD_S_MAC_ADDR, mac)); /* a W5500 has none of its own */
    PORT_NEEDS(esp_netif_attach(netif, esp_eth_new_netif_glue(handle)));
    PORT_NEEDS(esp_event_handler_register(ETH_EVENT, ESP_EVENT_ANY_ID, on_ethernet, NULL));
    PORT_NEEDS(esp_eth_start(handle));
}
#endif
