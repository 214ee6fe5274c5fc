/* What the port's own files share. One bridge runs on a chip. */
#pragma once

#include <stdatomic.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "esp_err.h"
#include "esp_netif.h"
#include "esp_timer.h"

#include "bridge.h"
#include "bridge_hostname.h"
#include "bridge_settings.h"
#include "port_arrivals.h"
#include "port_pace.h"

/* The tasks: stacks in bytes, estimated; priorities, where lwIP has 18, esp_timer 22, Wi-Fi 23 (esp_task.h). */
#define PORT_ENGINE_STACK 4096
#define PORT_ENGINE_PRIORITY (configMAX_PRIORITIES - 1) /* a turnaround waits for nobody; it works for microseconds */
#define PORT_NETWORK_STACK 10240 /* a handshake of TLS; ESP-IDF's HTTPS server has as much (esp_https_server.h) */
#define PORT_NETWORK_PRIORITY 10 /* below lwIP, which it feeds */
#define PORT_CONSOLE_STACK 4096
#define PORT_CONSOLE_PRIORITY 3
#define PORT_NETWORK_CORE 0
#define PORT_ENGINE_CORE (CONFIG_FREERTOS_NUMBER_OF_CORES - 1) /* the one without Wi-Fi where there are two */

typedef struct {
    port_pace_t pace;
    port_arrivals_t arrivals;
    bridge_line_errors_t errors;
    QueueHandle_t events;
    uint32_t times_taken; /* of those that the interrupt noted */
    bool is_driving;     /* RS-485: the bus is ours */
} port_uart_t;

/* One more than the core keeps: it is accepted before the core ends one that has parted in its favour. */
#define PORT_PEERS (BRIDGE_CONNECTIONS + 1U)

typedef struct {
    int sock;
    bool is_empty; /* it had nothing when it was last read */
    bool is_full;
} port_peer_t;

struct bridge_port {
    const bridge_chip_t *chip;
    bridge_settings_t settings; /* as they were at the start */
    char hostname[BRIDGE_HOSTNAME_BYTES];
    port_uart_t uart;
    StaticSemaphore_t lock_memory;
    SemaphoreHandle_t lock;
    TaskHandle_t engine;
    esp_timer_handle_t alarm; /* ends the engine's sleep */
    int bell;                 /* an eventfd; ends the network task's */
    int listener;
    port_peer_t peers[PORT_PEERS];
    size_t peer_count;
};

/* port_tasks.c */

/* Make the lock, the alarm and the bell. */
void port_tasks_prepare(bridge_port_t *port);
/* Run both tasks; returns when the bridge has started. */
void port_tasks_run(bridge_port_t *port, bridge_t *bridge, const bridge_config_t *config);

/* port_lines.c */

/* Lines at their safe levels, without a pulse on the way there: the latch is set before the driver is switched on. */
void port_lines_open(bridge_port_t *port);
/* RS-485's direction line. */
void port_lines_drive(const bridge_port_t *port, bool is_sending);

/* port_uart.c, from the engine task: its interrupt is that core's. */
bridge_error_t port_uart_open(bridge_port_t *port);
/* What is due by itself: letting go of the RS-485 bus. Returns when to call again. */
uint64_t port_uart_attend(bridge_port_t *port);

/* port_sockets.c */
bool port_listen(bridge_port_t *port);
/* Sleep until there is something to do for the network task. */
void port_sockets_wait(bridge_port_t *port, uint64_t wake_us);

/* port_storage.c */
void port_storage_open(void);

const char *port_firmware_version(void);
const char *port_firmware_project(void);

/* port_network.c, port_wifi.c, port_ethernet.c: one of the two last is compiled. */
typedef enum {
    PORT_NETWORK_UNSET, /* no Wi-Fi network was named */
    PORT_NETWORK_DOWN,
    PORT_NETWORK_UP, /* there is an address */
} port_network_t;

void port_network_start(const bridge_port_t *port);
port_network_t port_network_state(void);
void port_network_tell(port_network_t state);
/* The GPIOs of its Ethernet chip that menuconfig chose, a bit each. */
uint64_t port_interface_pins(void);
/* Start this image's network, once. */
void port_interface_start(const bridge_port_t *port);
/* Before it asks for an address: under which name it does. */
void port_network_name(esp_netif_t *netif, const bridge_port_t *port);
/* For the console, which may wait. Change to this Wi-Fi network; false, and back to the one before: no address in 20 s. */
bool port_interface_join(const bridge_settings_t *settings);
typedef void (*port_found_t)(void *argument, const char *ssid, int rssi_dbm, bool has_password);
void port_interface_scan(port_found_t found, void *argument);

/* port_secure.c */

/* After the network's start: a radio makes the randomness that keys want. */
void port_secure_open(bridge_port_t *port, const uint8_t *unique_id);
/* Whether somebody at the board made this start (R68): power or its reset, not a restart by software. */
bool port_was_powered_up(void);
/* From the console's task: the network's task does it meanwhile. */
bridge_error_t port_secure_ask(bridge_port_t *port, bool is_forgotten, bridge_trouble_t *shown);
/* From the network's task, before it serves: do what the console asked for. */
void port_secure_attend(bridge_t *bridge);

/* port_mdns.c */
void port_mdns_start(const bridge_port_t *port, const uint8_t *unique_id, bool is_secure);
/* What changes while it runs; cheap when nothing did. */
void port_mdns_show(bool is_secure);

/* port_led.c */
void port_led_start(const bridge_wire_t *wire);
void port_led_show(port_network_t network, bool is_controlled);

/* port_rgb.c: a WS2812. */
enum { PORT_RED = 1, PORT_GREEN = 2, PORT_BLUE = 4 };

/* False, and the log says why: it cannot be driven. */
bool port_rgb_start(int pin);
/* Light these colours together; 0: none. Waits for nothing. */
void port_rgb_show(unsigned int colour);

/* port_console.c: a task of its own, at UART0 and at the USB serial port where there is one. */
void port_console_start(bridge_port_t *port);

/* Say what went wrong and restart: nothing could be done without it. */
#define PORT_NEEDS(call) ESP_ERROR_CHECK(call)
