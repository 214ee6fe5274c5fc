/* The status LED: what it says stands in docs/firmware.md. */
#include "driver/gpio.h"

#include "port.h"

#define TICK_US 100000U
#define TICKS 20U /* two seconds, one bit each, the lowest first */

/* Above the ticks, the colour where there are three. */
#define IN(colour) ((unsigned int)(colour) << TICKS)

#define LED_STARTING (0xFFFFFU | IN(PORT_RED | PORT_GREEN | PORT_BLUE)) /* on */
#define LED_UNSET (0x00005U | IN(PORT_RED)) /* two flashes, a pause: no Wi-Fi network is set */
#define LED_NO_NETWORK (0x33333U | IN(PORT_RED | PORT_GREEN)) /* fast: looking for the network */
#define LED_READY (0x00001U | IN(PORT_BLUE)) /* a flash every two seconds: waiting for a controller */
#define LED_CONTROLLED (0xFFFFEU | IN(PORT_GREEN)) /* on, with a short gap: a controller is there */

static struct {
    const bridge_wire_t *wire;
    atomic_uint pattern;
    unsigned int tick;
    unsigned int shown; /* the colour that is lit */
} s_led = {.pattern = LED_STARTING};

static void on_tick(void *argument)
{
    (void)argument;
    unsigned int pattern = atomic_load(&s_led.pattern);
    bool is_on = (pattern >> s_led.tick & 1U) != 0;
    unsigned int colour = is_on ? pattern >> TICKS : 0;
    s_led.tick = (s_led.tick + 1U) % TICKS;
    if (!s_led.wire->is_rgb) {
        (void)gpio_set_level((gpio_num_t)s_led.wire->pin, is_on != s_led.wire->is_inverted ? 1 : 0);
    } else if (colour != s_led.shown) {
        s_led.shown = colour;
        port_rgb_show(colour);
    }
}

static bool open_pin(const bridge_wire_t *wire)
{
    gpio_config_t config = {.pin_bit_mask = 1ULL << (unsigned int)wire->pin, .mode = GPIO_MODE_OUTPUT};
    return wire->is_rgb ? port_rgb_start(wire->pin) : gpio_config(&config) == ESP_OK;
}

void port_led_start(const bridge_wire_t *wire)
{
    esp_timer_create_args_t ticks = {.callback = on_tick, .name = "led"};
    esp_timer_handle_t timer;
    s_led.wire = wire;
    if (wire->pin != BRIDGE_NO_PIN && open_pin(wire)) {
        PORT_NEEDS(esp_timer_create(&ticks, &timer));
        PORT_NEEDS(esp_timer_start_periodic(timer, TICK_US));
    }
}

void port_led_show(port_network_t network, bool is_controlled)
{
    unsigned int pattern = is_controlled                     ? LED_CONTROLLED
                           : network == PORT_NETWORK_UP      ? LED_READY
                           : network == PORT_NETWORK_UNSET   ? LED_UNSET
                                                             : LED_NO_NETWORK;
    atomic_store(&s_led.pattern, pattern);
}
