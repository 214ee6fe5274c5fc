#include "bridge_pins.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STRAPPING                                                                                                        \
    "a strapping pin: its level at the bridge's reset decides how the bridge starts, and the target would set that level"
#define FLASH "wired to the bridge's own flash or PSRAM"
#define CONSOLE "the bridge's own console (UART0)"
#define USB "the bridge's USB port"
#define TAKEN "wired to the bridge's Ethernet chip"
#define ABSENT "this chip does not have it"

static const bridge_pin_range_t s_esp32[] = {
    {0, 0, BRIDGE_PIN_STRAPPING, STRAPPING},
    {1, 1, BRIDGE_PIN_CONSOLE, CONSOLE},
    {2, 2, BRIDGE_PIN_STRAPPING, STRAPPING},
    {3, 3, BRIDGE_PIN_CONSOLE, CONSOLE},
    {5, 5, BRIDGE_PIN_STRAPPING, STRAPPING},
    {6, 11, BRIDGE_PIN_FLASH, FLASH},
    {12, 12, BRIDGE_PIN_STRAPPING, STRAPPING},
    /* From memory of the datasheet's list of IO_MUX pins: MTCK and MTMS. */
    {13, 14, BRIDGE_PIN_LIVELY, "a JTAG pin: pulled up and not quiet while the bridge starts"},
    {15, 15, BRIDGE_PIN_STRAPPING, STRAPPING},
    {16, 17, BRIDGE_PIN_FLASH, "wired to the PSRAM of modules that have one (WROVER)"},
    {20, 20, BRIDGE_PIN_ABSENT, "this chip does not lead it out"},
    {24, 24, BRIDGE_PIN_ABSENT, ABSENT},
    {28, 31, BRIDGE_PIN_ABSENT, ABSENT},
    {34, 39, BRIDGE_PIN_INPUT_ONLY, "an input only, without a pull-up"},
};

/* RMII and SMI of the internal MAC: the data pins are fixed (ESP32 TRM, IO_MUX: EMAC), MDC and MDIO are the usual ones. */
#define RMII "wired to the Ethernet PHY"
static const bridge_pin_range_t s_esp32_emac[] = {
    {0, 0, BRIDGE_PIN_STRAPPING, STRAPPING},
    {1, 1, BRIDGE_PIN_CONSOLE, CONSOLE},
    {2, 2, BRIDGE_PIN_STRAPPING, STRAPPING},
    {3, 3, BRIDGE_PIN_CONSOLE, CONSOLE},
    {5, 5, BRIDGE_PIN_STRAPPING, STRAPPING},
    {6, 11, BRIDGE_PIN_FLASH, FLASH},
    {12, 12, BRIDGE_PIN_STRAPPING, STRAPPING},
    {13, 14, BRIDGE_PIN_LIVELY, "a JTAG pin: pulled up and not quiet while the bridge starts"},
    {15, 15, BRIDGE_PIN_STRAPPING, STRAPPING},
    {16, 17, BRIDGE_PIN_FLASH, "wired to the Ethernet PHY's clock or power, or to PSRAM"},
    {18, 19, BRIDGE_PIN_FLASH, RMII},
    {20, 20, BRIDGE_PIN_ABSENT, "this chip does not lead it out"},
    {21, 23, BRIDGE_PIN_FLASH, RMII},
    {24, 24, BRIDGE_PIN_ABSENT, ABSENT},
    {25, 27, BRIDGE_PIN_FLASH, RMII},
    {28, 31, BRIDGE_PIN_ABSENT, ABSENT},
    {34, 39, BRIDGE_PIN_INPUT_ONLY, "an input only, without a pull-up"},
};

static const bridge_pin_range_t s_esp32s2[] = {
    {0, 0, BRIDGE_PIN_STRAPPING, STRAPPING},
    {19, 20, BRIDGE_PIN_USB, USB}, /* the chip's fixed USB pins: soc/esp32s2 usb_pins.h */
    {22, 25, BRIDGE_PIN_ABSENT, ABSENT},
    {26, 32, BRIDGE_PIN_FLASH, FLASH},
    {43, 44, BRIDGE_PIN_CONSOLE, CONSOLE},
    {45, 46, BRIDGE_PIN_STRAPPING, STRAPPING},
};

static const bridge_pin_range_t s_esp32s3[] = {
    {0, 0, BRIDGE_PIN_STRAPPING, STRAPPING},
    {3, 3, BRIDGE_PIN_STRAPPING, STRAPPING},
    {19, 20, BRIDGE_PIN_USB, USB},
    {22, 25, BRIDGE_PIN_ABSENT, ABSENT},
    {26, 32, BRIDGE_PIN_FLASH, FLASH},
    {33, 37, BRIDGE_PIN_FLASH, "wired to the flash or PSRAM of modules with eight data lines (R8)"},
    {43, 44, BRIDGE_PIN_CONSOLE, CONSOLE},
    {45, 46, BRIDGE_PIN_STRAPPING, STRAPPING},
};

static const bridge_pin_range_t s_esp32c3[] = {
    {2, 2, BRIDGE_PIN_STRAPPING, STRAPPING},
    {8, 9, BRIDGE_PIN_STRAPPING, STRAPPING},
    {11, 11, BRIDGE_PIN_FLASH, "VDD_SPI, the supply of the bridge's flash"}, /* from memory of the datasheet */
    {12, 17, BRIDGE_PIN_FLASH, FLASH},
    {18, 19, BRIDGE_PIN_USB, USB},
    {20, 21, BRIDGE_PIN_CONSOLE, CONSOLE},
};

static const bridge_pin_range_t s_esp32c6[] = {
    {4, 5, BRIDGE_PIN_STRAPPING, STRAPPING},   {8, 9, BRIDGE_PIN_STRAPPING, STRAPPING},
    {12, 13, BRIDGE_PIN_USB, USB},             {15, 15, BRIDGE_PIN_STRAPPING, STRAPPING},
    {16, 17, BRIDGE_PIN_CONSOLE, CONSOLE},     {24, 30, BRIDGE_PIN_FLASH, FLASH},
};

/* Defaults in the order of bridge_pin_use_t. The WS2812s: ESP-IDF's examples/get-started/blink, sdkconfig.defaults.CHIP. */
static const bridge_chip_t s_chips[] = {
    {"esp32", s_esp32, COUNT(s_esp32), 40, {4, 18, 19, 23, BRIDGE_NO_PIN, 2},
     "on every DevKit's header, quiet at reset, no second use on a WROOM or WROVER; the LED of most DevKits is at GPIO2",
     false, 0},
    {"esp32-emac", s_esp32_emac, COUNT(s_esp32_emac), 40, {4, 36, 33, 32, BRIDGE_NO_PIN, BRIDGE_NO_PIN},
     "what the PHY leaves; GPIO36 is an input only, and RX is one: the target's TX has to be wired or pulled up", false,
     0},
    {"esp32s2", s_esp32s2, COUNT(s_esp32s2), 47, {17, 18, 34, 33, BRIDGE_NO_PIN, BRIDGE_NO_PIN},
     "UART1's usual pins (uart_pins.h), and two that nothing else uses", false, 0},
    {"esp32s3", s_esp32s3, COUNT(s_esp32s3), 49, {17, 18, 21, 47, BRIDGE_NO_PIN, 38},
     "UART1's usual pins (uart_pins.h), and two outside of GPIO1 to GPIO20, of which many pulse low at power-up (from"
     " memory of the datasheet); the DevKitC-1's WS2812 is at GPIO38, before its version 1.1 at GPIO48", true, 0},
    {"esp32c3", s_esp32c3, COUNT(s_esp32c3), 22, {4, 5, 10, 3, BRIDGE_NO_PIN, 8},
     "what strapping, flash, USB and console leave, without GPIO0 and GPIO1 (a crystal's on some boards); the"
     " DevKits' WS2812 is at GPIO8", true, 0},
    {"esp32c6", s_esp32c6, COUNT(s_esp32c6), 31, {18, 19, 20, 21, BRIDGE_NO_PIN, 8},
     "on every module: GPIO10, 11 and 14 are not led out of some; the DevKits' WS2812 is at GPIO8", true, 0},
};

static const char *const s_uses[BRIDGE_PIN_USES] = {"tx", "rx", "nrst", "boot0", "direction", "led"};

const bridge_chip_t *bridge_chip_at(size_t index)
{
    return index < COUNT(s_chips) ? &s_chips[index] : NULL;
}

const bridge_chip_t *bridge_chip(const char *name)
{
    for (size_t i = 0; i < COUNT(s_chips); i++) {
        if (strcmp(s_chips[i].name, name) == 0) {
            return &s_chips[i];
        }
    }
    return NULL;
}

const char *bridge_pin_use_name(bridge_pin_use_t use)
{
    return s_uses[use];
}

static bool is_in_the_way(bridge_pin_kind_t kind, bridge_pin_use_t use)
{
    switch (kind) {
    case BRIDGE_PIN_STRAPPING: /* a LED is a light load, and several boards have it there */
        return use != BRIDGE_USE_LED;
    case BRIDGE_PIN_INPUT_ONLY:
        return use != BRIDGE_USE_RX;
    case BRIDGE_PIN_LIVELY:
        return use == BRIDGE_USE_NRST || use == BRIDGE_USE_BOOT0 || use == BRIDGE_USE_DIRECTION;
    default:
        return true;
    }
}

const char *bridge_pin_refusal(const bridge_chip_t *chip, int pin, bridge_pin_use_t use)
{
    if (pin == BRIDGE_NO_PIN) {
        return NULL;
    }
    if (pin < 0 || pin >= chip->pin_count) {
        return ABSENT;
    }
    if ((chip->taken >> (unsigned int)pin & 1U) != 0) {
        return TAKEN;
    }
    for (size_t i = 0; i < chip->range_count; i++) {
        const bridge_pin_range_t *range = &chip->ranges[i];
        if (pin >= range->first && pin <= range->last && is_in_the_way(range->kind, use)) {
            return range->why;
        }
    }
    return NULL;
}

bridge_wire_t bridge_default_wire(const bridge_chip_t *chip, bridge_pin_use_t use)
{
    int8_t pin = chip->defaults[use];
    if (bridge_pin_refusal(chip, pin, use) != NULL) {
        return (bridge_wire_t){.pin = BRIDGE_NO_PIN};
    }
    return (bridge_wire_t){.pin = pin, .is_rgb = use == BRIDGE_USE_LED && chip->has_rgb_led};
}
