#include "virtual_flash.h"

#include <string.h>

#define WHOLE 1000U
#define MOST_UNIT_BYTES 32U

const virtual_unit_t *virtual_flash_unit(const virtual_flash_t *flash, uint16_t number)
{
    for (size_t i = 0; i < flash->unit_count; i++) {
        if (flash->units[i].number == number) {
            return &flash->units[i];
        }
    }
    return NULL;
}

const virtual_unit_t *virtual_flash_unit_at(const virtual_flash_t *flash, uint32_t offset)
{
    size_t i = 0;
    while (i + 1 < flash->unit_count && flash->units[i + 1].start <= offset) {
        i++;
    }
    return &flash->units[i];
}

uint64_t virtual_flash_program_us(const virtual_flash_t *flash, size_t length)
{
    uint64_t units = (length + flash->program_bytes - 1) / flash->program_bytes;
    return (units * flash->program_ns + 500U) / 1000U;
}

static bool is_all(const uint8_t *data, size_t length, uint8_t value)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] != value) {
            return false;
        }
    }
    return true;
}

static bool accepts(const virtual_flash_t *flash, const uint8_t *data, bool is_blank, bool was_programmed)
{
    if (flash->rule == VIRTUAL_CLEARS_BITS || flash->rule == VIRTUAL_SPOILS) {
        return true;
    }
    if (flash->zero_over_any && is_all(data, flash->program_bytes, 0)) {
        return true;
    }
    return is_blank && !(was_programmed && flash->rule == VIRTUAL_REFUSES_TWICE);
}

static void program_unit(virtual_flash_t *flash, uint32_t offset, const uint8_t *data)
{
    uint8_t *old = flash->data + offset;
    uint8_t *mark = &flash->programmed[offset / flash->program_bytes];
    bool mixes = flash->rule == VIRTUAL_CLEARS_BITS || flash->rule == VIRTUAL_SPOILS;
    flash->counters.double_programs += *mark;
    if (!accepts(flash, data, is_all(old, flash->program_bytes, flash->erased), *mark != 0)) {
        flash->counters.programs_refused++;
        return;
    }
    for (uint32_t i = 0; i < flash->program_bytes; i++) {
        uint8_t mixed = flash->erased != 0 ? old[i] & data[i] : old[i] | data[i];
        old[i] = mixes ? mixed : data[i];
    }
    *mark = 1;
}

void virtual_flash_program(virtual_flash_t *flash, uint32_t offset, bridge_span_t data, unsigned int share)
{
    size_t units = (data.length + flash->program_bytes - 1) / flash->program_bytes * share / WHOLE;
    for (size_t i = 0; i < units; i++) {
        uint8_t unit[MOST_UNIT_BYTES];
        size_t at = i * flash->program_bytes;
        size_t left = data.length - at < flash->program_bytes ? data.length - at : flash->program_bytes;
        memset(unit, flash->erased, sizeof(unit)); /* a last unit that is not whole */
        memcpy(unit, data.data + at, left);
        program_unit(flash, (uint32_t)(offset + at), unit);
    }
}

void virtual_flash_erase(virtual_flash_t *flash, const virtual_unit_t *unit, unsigned int share)
{
    uint8_t *data = flash->data + unit->start;
    uint32_t marks = unit->length / flash->program_bytes;
    flash->counters.unit_erases++;
    if (share >= WHOLE) {
        memset(data, flash->erased, unit->length);
        memset(flash->programmed + unit->start / flash->program_bytes, 0, marks);
        return;
    }
    uint32_t noise = unit->start + 1U; /* half erased: some bits are already, the same ones each time */
    for (uint32_t i = 0; i < unit->length; i++) {
        noise = noise * 1664525U + 1013904223U;
        uint8_t mask = (uint8_t)(noise >> 24);
        data[i] = flash->erased != 0 ? data[i] | mask : data[i] & mask;
    }
    memset(flash->programmed + unit->start / flash->program_bytes, 1, marks);
}

void virtual_flash_erase_bank(virtual_flash_t *flash, uint8_t bank, unsigned int share)
{
    for (size_t i = 0; i < flash->unit_count; i++) {
        if (flash->units[i].bank == bank) {
            virtual_flash_erase(flash, &flash->units[i], share);
        }
    }
}

void virtual_flash_erase_all(virtual_flash_t *flash, unsigned int share)
{
    flash->counters.mass_erases++;
    for (size_t i = 0; i < flash->unit_count; i++) {
        virtual_flash_erase(flash, &flash->units[i], share);
    }
}

uint32_t virtual_flash_crc32(const virtual_flash_t *flash)
{
    uint32_t table[16]; /* IEEE 802.3, reflected; four bits at a time */
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (unsigned int bit = 0; bit < 4; bit++) {
            table[i] = table[i] >> 1 ^ ((table[i] & 1U) != 0 ? 0xEDB88320U : 0U);
        }
    }
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < flash->size; i++) {
        crc ^= flash->data[i];
        crc = crc >> 4 ^ table[crc & 0xFU];
        crc = crc >> 4 ^ table[crc & 0xFU];
    }
    return ~crc;
}
