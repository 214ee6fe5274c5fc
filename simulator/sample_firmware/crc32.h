/* CRC-32 as zlib's crc32() computes it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `data` is aligned to 4 bytes. */
uint32_t crc32(const uint8_t *data, size_t length);
