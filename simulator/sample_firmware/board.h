/* What the sample needs of an STM32F103xB board: console on USART1 (PA9), LED on PC13, milliseconds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bring clocks, console and tick into a known state, wherever the ROM left them. 8N1. */
void board_init(uint32_t console_baud);

void board_use_vectors(const void *vectors);

/* Returns once the last byte is in the transmitter. */
void board_print(const char *text);

/* Milliseconds since board_init(). */
uint32_t board_uptime_ms(void);

/* Size of the flash in bytes, as the chip says. */
size_t board_flash_size(void);

/* Start of the flash. */
const uint8_t *board_flash(void);

void board_sleep_until_tick(void);

/* The SysTick handler: counts time, and breathes the LED. */
void board_tick(void);
