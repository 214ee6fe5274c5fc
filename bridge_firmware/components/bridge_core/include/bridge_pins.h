/* Which GPIO of which chip may do what for a bridge, with the reasons: data, and questions about it.
 *
 * Sources: ESP-IDF's GPIO tables (docs/en/api-reference/peripherals/gpio/CHIP.inc: which pins there are, strapping, SPI
 * flash and PSRAM, USB, JTAG, input only) and uart_pins.h (UART0, the console), v5.5.5 and v6.0.2. What is from memory of
 * the datasheets says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRIDGE_NO_PIN (-1)

typedef enum {
    BRIDGE_USE_TX,
    BRIDGE_USE_RX,
    BRIDGE_USE_NRST,
    BRIDGE_USE_BOOT0,
    BRIDGE_USE_DIRECTION, /* RS-485's driver enable */
    BRIDGE_USE_LED,
} bridge_pin_use_t;

#define BRIDGE_PIN_USES 6U

/* A GPIO and what is behind it; `pin` may be BRIDGE_NO_PIN. */
typedef struct {
    int8_t pin;
    bool is_inverted;
    bool is_rgb; /* of the LED: a WS2812 */
} bridge_wire_t;

typedef enum {
    BRIDGE_PIN_ABSENT,
    BRIDGE_PIN_FLASH,
    BRIDGE_PIN_CONSOLE,
    BRIDGE_PIN_USB,
    BRIDGE_PIN_STRAPPING,
    BRIDGE_PIN_INPUT_ONLY,
    BRIDGE_PIN_LIVELY, /* moves by itself while the chip starts */
} bridge_pin_kind_t;

typedef struct {
    uint8_t first;
    uint8_t last;
    bridge_pin_kind_t kind;
    const char *why;
} bridge_pin_range_t;

typedef struct {
    const char *name; /* as CONFIG_IDF_TARGET; with "-emac" behind it where the chip's own Ethernet takes pins */
    const bridge_pin_range_t *ranges;
    size_t range_count;
    uint8_t pin_count; /* GPIOs are below it; 0: no chip but a program on a computer */
    int8_t defaults[BRIDGE_PIN_USES];
    const char *why_defaults;
    bool has_rgb_led; /* what the default LED is */
    uint64_t taken; /* a bit a GPIO: of this bridge, not of every one of this chip; its Ethernet chip's */
} bridge_chip_t;

/* The table's rows; `index` from 0. NULL: no more. */
const bridge_chip_t *bridge_chip_at(size_t index);
/* NULL: no such chip. */
const bridge_chip_t *bridge_chip(const char *name);
/* What a chip's wire is before anybody sets it; none where the pin is taken. */
bridge_wire_t bridge_default_wire(const bridge_chip_t *chip, bridge_pin_use_t use);
/* What a use is called: "tx", "rx", "nrst", "boot0", "direction", "led". */
const char *bridge_pin_use_name(bridge_pin_use_t use);
/* Why this pin cannot do that; NULL: it can. BRIDGE_NO_PIN always can: there is no wire. */
const char *bridge_pin_refusal(const bridge_chip_t *chip, int pin, bridge_pin_use_t use);
