/* The bridge's own console at UART0 and, where the chip has it, at its USB serial port: each with a draft of its own. */
#include "sdkconfig.h"

#include "driver/uart.h"
#include "soc/soc_caps.h"
#if SOC_USB_SERIAL_JTAG_SUPPORTED
#include "driver/usb_serial_jtag.h"
#endif

#include "bridge_console.h"
#include "port.h"

#define READ_BYTES 64U
#define BUFFER_BYTES 1024 /* a line or a packet that comes while a command is under way */
#define TURN_MS 20U       /* at each of the two ports */
#define WRITE_WITHIN_MS 50U /* a USB port that nobody reads */
#define IDLE_MS 1000U

typedef struct {
    int (*read)(uint8_t *data, uint32_t length);
    void (*write)(void *context, bridge_span_t data);
    bridge_console_t console;
    bridge_console_host_t host;
    unsigned int silent_ms;
} place_t;

static bridge_port_t *s_port;

/* NVS has a lock of its own: storing from this task is as good as from the network's. */
static bridge_error_t save(void *context, const bridge_settings_t *settings)
{
    (void)context;
    return bridge_settings_store(s_port, settings, s_port->chip);
}

static void reboot(void *context)
{
    (void)context;
    bridge_port_restart(s_port);
}

static bool join(void *context, const bridge_settings_t *settings)
{
    (void)context;
    return port_interface_join(settings);
}

static void scan(void *context, port_found_t found, void *console)
{
    (void)context;
    port_interface_scan(found, console);
}

static bool is_online(void *context)
{
    (void)context;
    return port_network_state() == PORT_NETWORK_UP;
}

static bridge_error_t secure(void *context, bool is_forgotten, bridge_trouble_t *shown)
{
    (void)context;
    return port_secure_ask(s_port, is_forgotten, shown);
}

#if CONFIG_ESP_CONSOLE_UART_NUM >= 0
#define UART ((uart_port_t)CONFIG_ESP_CONSOLE_UART_NUM)

static int read_uart(uint8_t *data, uint32_t length)
{
    return uart_read_bytes(UART, data, length, pdMS_TO_TICKS(TURN_MS));
}

static void write_uart(void *context, bridge_span_t data)
{
    (void)context;
    (void)uart_write_bytes(UART, data.data, data.length);
}
#endif

#if SOC_USB_SERIAL_JTAG_SUPPORTED
static int read_usb(uint8_t *data, uint32_t length)
{
    return usb_serial_jtag_read_bytes(data, length, pdMS_TO_TICKS(TURN_MS));
}

static void write_usb(void *context, bridge_span_t data)
{
    (void)context;
    (void)usb_serial_jtag_write_bytes(data.data, data.length, pdMS_TO_TICKS(WRITE_WITHIN_MS));
}
#endif

static place_t s_places[] = {
#if CONFIG_ESP_CONSOLE_UART_NUM >= 0
    {.read = read_uart, .write = write_uart},
#endif
#if SOC_USB_SERIAL_JTAG_SUPPORTED
    {.read = read_usb, .write = write_usb},
#endif
};

static void open_places(void)
{
#if CONFIG_ESP_CONSOLE_UART_NUM >= 0
    PORT_NEEDS(uart_driver_install(UART, BUFFER_BYTES, 0, 0, NULL, ESP_INTR_FLAG_IRAM));
#endif
#if SOC_USB_SERIAL_JTAG_SUPPORTED
    usb_serial_jtag_driver_config_t usb = {.tx_buffer_size = BUFFER_BYTES, .rx_buffer_size = BUFFER_BYTES};
    PORT_NEEDS(usb_serial_jtag_driver_install(&usb));
#endif
}

void bridge_port_tell(bridge_port_t *port, const char *line)
{
    (void)port;
    for (size_t i = 0; i < sizeof(s_places) / sizeof(s_places[0]); i++) {
        s_places[i].write(NULL, bridge_span_of(line));
        s_places[i].write(NULL, bridge_span_of("\r\n"));
    }
}

static void attend(place_t *place)
{
    uint8_t data[READ_BYTES];
    int count = place->read(data, sizeof(data));
    if (count > 0) {
        place->silent_ms = 0;
        bridge_console_take(&place->console, (bridge_span_t){data, (size_t)count});
        return;
    }
    place->silent_ms += TURN_MS;
    if (place->silent_ms >= IDLE_MS) {
        place->silent_ms = 0;
        bridge_console_idle(&place->console);
    }
}

static void run_console(void *argument)
{
    (void)argument;
    for (;;) {
        for (size_t i = 0; i < sizeof(s_places) / sizeof(s_places[0]); i++) {
            attend(&s_places[i]);
        }
    }
}

void port_console_start(bridge_port_t *port)
{
    s_port = port;
    open_places();
    for (size_t i = 0; i < sizeof(s_places) / sizeof(s_places[0]); i++) {
        place_t *place = &s_places[i];
        place->host = (bridge_console_host_t){.write = place->write,
                                              .save = save,
                                              .reboot = reboot,
                                              .join = join,
                                              .scan = scan,
                                              .is_online = is_online,
                                              .secure = secure};
        bridge_console_start(&place->console, &place->host, port->chip, port_firmware_version(), &port->settings);
    }
    BaseType_t is_made =
        xTaskCreate(run_console, "console", PORT_CONSOLE_STACK, NULL, PORT_CONSOLE_PRIORITY, NULL);
    PORT_NEEDS(is_made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM);
}
