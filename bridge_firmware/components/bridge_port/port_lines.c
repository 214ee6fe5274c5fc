/* NRST, BOOT0 and RS-485's direction: GPIOs, and how they come up. */
#include "driver/gpio.h"

#include "port.h"

/* Bits of Sense beyond those of SetLines (BRIDGE_PROTOCOL.md, step 0x07). */
#define LINE_TX 0x10U
#define LINE_RX 0x20U

static portMUX_TYPE s_together = portMUX_INITIALIZER_UNLOCKED;

static const bridge_wire_t *wire_of(const bridge_port_t *port, bridge_pin_use_t use)
{
    return &port->settings.wires[use];
}

static bool is_wired(const bridge_port_t *port, bridge_pin_use_t use)
{
    return wire_of(port, use)->pin != BRIDGE_NO_PIN;
}

static void put(const bridge_wire_t *wire, bool is_high)
{
    (void)gpio_set_level((gpio_num_t)wire->pin, is_high != wire->is_inverted ? 1 : 0);
}

static bool get(const bridge_wire_t *wire)
{
    return (gpio_get_level((gpio_num_t)wire->pin) != 0) != wire->is_inverted;
}

/* From the chip's reset to here the pin is an input. First the latch, then the driver. */
static void open_line(const bridge_wire_t *wire, bool is_high, bool is_open_drain)
{
    if (wire->pin == BRIDGE_NO_PIN) {
        return;
    }
    gpio_config_t config = {
        .pin_bit_mask = 1ULL << (unsigned int)wire->pin,
        .mode = is_open_drain ? GPIO_MODE_INPUT_OUTPUT_OD : GPIO_MODE_INPUT_OUTPUT,
    };
    put(wire, is_high);
    PORT_NEEDS(gpio_config(&config));
}

void port_lines_open(bridge_port_t *port)
{
    const bridge_wire_t *nrst = wire_of(port, BRIDGE_USE_NRST);
    /* A transistor that inverts is the open drain itself, and its base wants to be driven. */
    open_line(wire_of(port, BRIDGE_USE_BOOT0), false, false);
    open_line(nrst, true, !nrst->is_inverted);
    open_line(wire_of(port, BRIDGE_USE_DIRECTION), false, false);
}

void port_lines_drive(const bridge_port_t *port, bool is_sending)
{
    bool is_high = is_sending == (port->uart.pace.uart.rs485 != 2);
    if (is_wired(port, BRIDGE_USE_DIRECTION)) {
        put(wire_of(port, BRIDGE_USE_DIRECTION), is_high);
    }
}

uint8_t bridge_port_lines(bridge_port_t *port)
{
    return (uint8_t)((is_wired(port, BRIDGE_USE_NRST) ? BRIDGE_LINE_NRST : 0) |
                     (is_wired(port, BRIDGE_USE_BOOT0) ? BRIDGE_LINE_BOOT0 : 0));
}

bridge_error_t bridge_port_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels)
{
    taskENTER_CRITICAL(&s_together);
    if ((mask & BRIDGE_LINE_BOOT0) != 0) {
        put(wire_of(port, BRIDGE_USE_BOOT0), (levels & BRIDGE_LINE_BOOT0) != 0);
    }
    if ((mask & BRIDGE_LINE_NRST) != 0) {
        put(wire_of(port, BRIDGE_USE_NRST), (levels & BRIDGE_LINE_NRST) != 0);
    }
    taskEXIT_CRITICAL(&s_together);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels)
{
    static const struct {
        bridge_pin_use_t use;
        uint8_t bit;
    } lines[] = {
        {BRIDGE_USE_NRST, BRIDGE_LINE_NRST},
        {BRIDGE_USE_BOOT0, BRIDGE_LINE_BOOT0},
        {BRIDGE_USE_TX, LINE_TX},
        {BRIDGE_USE_RX, LINE_RX},
    };
    *mask = 0;
    *levels = 0;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (is_wired(port, lines[i].use)) {
            *mask |= lines[i].bit;
            *levels |= get(wire_of(port, lines[i].use)) ? lines[i].bit : 0;
        }
    }
    return BRIDGE_OK;
}
