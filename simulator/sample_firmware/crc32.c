#include "crc32.h"

#include "tables.h"

/* 16 bytes a step, so that a whole flash takes well under a second at 8 MHz. */
static uint32_t step_16(uint32_t crc, const uint32_t *words)
{
    uint32_t next = 0;

    for (unsigned word = 0; word < 4u; word++) {
        const uint32_t bits = words[word] ^ (word == 0 ? crc : 0);
        const unsigned slice = 15u - 4u * word;

        next ^= g_crc32[slice][bits & 0xFFu];
        next ^= g_crc32[slice - 1u][(bits >> 8) & 0xFFu];
        next ^= g_crc32[slice - 2u][(bits >> 16) & 0xFFu];
        next ^= g_crc32[slice - 3u][bits >> 24];
    }
    return next;
}

uint32_t crc32(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (; length >= 16u; length -= 16u, data += 16) {
        crc = step_16(crc, (const uint32_t *)(const void *)data);
    }
    for (; length > 0; length--) {
        crc = g_crc32[0][(crc ^ *data++) & 0xFFu] ^ (crc >> 8);
    }
    return ~crc;
}
