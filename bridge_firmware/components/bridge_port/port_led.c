/* The status LED: what it says stands in docs/firmware.md. */
#include "driver/gpio.h"

#include "port.h"

#define TICK_US 100000U
#define TICKS 20U /* two seconds, one bit each, the lowest first */

#define LED_STARTING 0xFFFFFU /* on */
#define LED_UNSET 0x00005U    /* two flashes, a pause: no Wi-Fi network is set */
#define LED_NO_NETWORK 0x33333U /* fast: looking for the network */
#define LED_READY 0x00001U    /* a flash every two seconds: waiting for a controller */
#define LED_CONTROLLED 0xFFFFEU /* on, with a short gap: a controller is there */

static struct {
    const bridge_wire_t *wire;
    atomic_uint pattern;
    unsigned int tick;
} s_led = {.pattern = LED_STARTING};

static void on_tick(void *argument)
{
    (void)argument;
    bool is_on = (atomic_load(&s_led.pattern) >> s_led.tick & 1U) != 0;
    s_led.tick = (s_led.tick + 1U) % TICKS;
    (void)gpio_set_level((gpio_num_t)s_led.wire->pin, is_on != s_led.wire->is_inverted ? 1 : 0);
}

void port_led_start(const bridge_wire_t *wire)
{
    if (wire->pin == BRIDGE_NO_PIN) {
        return;
    }
    gpio_config_t config = {.pin_bit_mask = 1ULL << (unsigned int)wire->pin, .mode = GPIO_MODE_OUTPUT};
    esp_timer_create_args_t ticks = {.callback = on_tick, .name = "led"};
    esp_timer_handle_t timer;
    s_led.wire = wire;
    PORT_NEEDS(gpio_config(&config));
    PORT_NEEDS(esp_timer_create(&ticks, &timer));
    PORT_NEEDS(esp_timer_start_periodic(timer, TICK_US));
}

void port_led_show(port_network_t network, bool is_controlled)
{
    unsigned int pattern = is_controlled                     ? LED_CONTROLLED
                           : network == PORT_NETWORK_UP      ? LED_READY
                           : network == PORT_NETWORK_UNSET   ? LED_UNSET
                                                             : LED_NO_NETWORK;
    atomic_store(&s_led.pattern, pattern);
}
