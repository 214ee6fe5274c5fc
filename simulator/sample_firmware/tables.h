/* Constant tables, written by tables.py. */
#pragma once

#include <stdint.h>

#define CRC32_SLICES 16
#define SINE_ENTRIES 4096u
#define LED_LEVELS 4096u
#define LED_FULL 65535u

/* g_crc32[k][b]: the CRC-32 of byte b followed by k zero bytes, without the inversions. */
extern const uint32_t g_crc32[CRC32_SLICES][256];

/* One period of a raised sine, 0 to LED_LEVELS - 1. */
extern const uint16_t g_sine[SINE_ENTRIES];

/* What share of LED_FULL looks as bright as the level (CIE 1931 lightness). */
extern const uint16_t g_led_brightness[LED_LEVELS];
