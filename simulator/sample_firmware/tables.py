"""Write tables.c of the sample firmware to standard output."""

import math
import sys
from collections.abc import Iterable

POLYNOMIAL = 0xEDB88320  # CRC-32 of IEEE 802.3, reflected: what zlib uses
SLICES = 16
SINE_ENTRIES = 4096
LED_LEVELS = 4096
LED_FULL = 65535


def crc32_slices() -> list[list[int]]:
    """Tables for 16 bytes a step: entry [k][b] is byte b's remainder with k zero bytes behind it."""
    first: list[int] = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (POLYNOMIAL if remainder & 1 else 0)
        first.append(remainder)
    slices = [first]
    for _ in range(SLICES - 1):
        slices.append([first[entry & 0xFF] ^ entry >> 8 for entry in slices[-1]])
    return slices


def raised_sine() -> list[int]:
    """One period, from 0 up to LED_LEVELS - 1 and back."""
    scale = (LED_LEVELS - 1) / 2
    return [round(scale * (1 - math.cos(2 * math.pi * n / SINE_ENTRIES))) for n in range(SINE_ENTRIES)]


def led_brightness() -> list[int]:
    """Luminance for a lightness, CIE 1931: linear below 8 %, cubic above."""
    lightness = (100 * level / (LED_LEVELS - 1) for level in range(LED_LEVELS))
    return [
        round(LED_FULL * (value / 903.3 if value <= 8 else ((value + 16) / 116) ** 3)) for value in lightness
    ]


def rows(values: Iterable[int], digits: int, per_row: int) -> str:
    """The values as lines of C, hexadecimal."""
    texts = [f"0x{value:0{digits}x}," for value in values]
    return "".join("    " + " ".join(texts[n : n + per_row]) + "\n" for n in range(0, len(texts), per_row))


def main() -> None:
    """Write the file."""
    slices = "".join(f"    {{\n{rows(part, 8, 8)}    }},\n" for part in crc32_slices())
    sys.stdout.write(
        '/* Written by tables.py. */\n#include "tables.h"\n\n'
        f"const uint32_t g_crc32[CRC32_SLICES][256] = {{\n{slices}}};\n\n"
        f"const uint16_t g_sine[SINE_ENTRIES] = {{\n{rows(raised_sine(), 4, 12)}}};\n\n"
        f"const uint16_t g_led_brightness[LED_LEVELS] = {{\n{rows(led_brightness(), 4, 12)}}};\n"
    )


if __name__ == "__main__":
    main()
