/* A virtual flash array: what programming and erasing do to it, and how long that takes, as in the simulator's
 * flash.py. Write protection, rows and a choice of widths are not here. */
#pragma once

#include "bridge_bytes.h"

typedef enum {
    VIRTUAL_REFUSES,
    VIRTUAL_REFUSES_TWICE,
    VIRTUAL_CLEARS_BITS,
    VIRTUAL_SPOILS,
} virtual_rule_t;

typedef struct {
    uint16_t number; /* in the ROM's erase commands */
    uint8_t bank;
    uint32_t start; /* offset */
    uint32_t length;
    uint64_t erase_us;
} virtual_unit_t;

#define VIRTUAL_MOST_UNITS 1600U /* an L071's 1536 pages */
#define VIRTUAL_BANKS 2U

typedef struct {
    uint32_t start; /* address */
    uint32_t size;
    uint8_t erased;
    uint32_t program_bytes; /* the unit that is programmed at once */
    uint64_t program_ns;    /* and what that takes */
    virtual_rule_t rule;
    bool zero_over_any;
    uint64_t mass_erase_us;
    uint64_t bank_erase_us[VIRTUAL_BANKS];
    size_t bank_count;
    virtual_unit_t units[VIRTUAL_MOST_UNITS];
    size_t unit_count;
    uint8_t *data;       /* size */
    uint8_t *programmed; /* size / program_bytes: 1 where it was programmed since its erase */
    struct {
        uint32_t unit_erases;
        uint32_t mass_erases;
        uint32_t programs_refused;
        uint32_t double_programs;
    } counters;
} virtual_flash_t;

const virtual_unit_t *virtual_flash_unit(const virtual_flash_t *flash, uint16_t number);
const virtual_unit_t *virtual_flash_unit_at(const virtual_flash_t *flash, uint32_t offset);
uint64_t virtual_flash_program_us(const virtual_flash_t *flash, size_t length);
/* Shares are per mille of the time: less than 1000 when it was interrupted. */
void virtual_flash_program(virtual_flash_t *flash, uint32_t offset, bridge_span_t data, unsigned int share);
void virtual_flash_erase(virtual_flash_t *flash, const virtual_unit_t *unit, unsigned int share);
void virtual_flash_erase_bank(virtual_flash_t *flash, uint8_t bank, unsigned int share);
void virtual_flash_erase_all(virtual_flash_t *flash, unsigned int share);
/* CRC-32 of the whole array, as zlib computes it. */
uint32_t virtual_flash_crc32(const virtual_flash_t *flash);
