/* The description of a virtual board, as simulator/stmota_simulator/board_file.py writes it: one fact a line, a word and
 * its values; numbers in any base of C, memory in hex. Unknown words are refused: a board is what it says it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtual_board.h"

#define LINE_BYTES 16384U

typedef bool (*take_t)(virtual_board_t *board, const char *values);

static int digit(char character)
{
    const char *digits = "0123456789abcdef";
    const char *found = character == '\0' ? NULL : strchr(digits, character);
    return found != NULL ? (int)(found - digits) : -1;
}

static size_t read_hex(const char *text, uint8_t *data, size_t capacity)
{
    size_t length = 0;
    while (length < capacity && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
        data[length++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    return length;
}

/* So many numbers, and no more. */
static bool read_numbers(const char *values, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        errno = 0;
        numbers[i] = strtoull(values, &end, 0);
        if (end == values || errno != 0) {
            return false;
        }
        values = end;
    }
    return values[strspn(values, " \n")] == '\0';
}

static bool take_rom(virtual_board_t *board, const char *values)
{
    uint64_t numbers[6];
    bool is_right = read_numbers(values, numbers, 6);
    board->rom.protocol = (uint8_t)numbers[0];
    board->rom.product_id = (uint16_t)numbers[1];
    board->rom.start_up_us = numbers[2];
    board->rom.sync_reply_us = numbers[3];
    board->rom.reaction_us = numbers[4];
    board->rom.fastest_baud = (uint32_t)numbers[5];
    return is_right;
}

static bool take_get(virtual_board_t *board, const char *values)
{
    board->rom.get_length = read_hex(values + strspn(values, " "), board->rom.get_reply, sizeof(board->rom.get_reply));
    return board->rom.get_length > 0;
}

static bool take_boots(virtual_board_t *board, const char *values)
{
    uint64_t numbers[2];
    bool is_right = read_numbers(values, numbers, 2);
    board->rom.boots_rom[0] = numbers[0] != 0;
    board->rom.boots_rom[1] = numbers[1] != 0;
    return is_right;
}

static bool take_defects(virtual_board_t *board, const char *values)
{
    uint64_t numbers[4];
    bool is_right = read_numbers(values, numbers, 4);
    board->rom.has_special_erase = numbers[0] != 0;
    board->rom.lacks_first_ack_of_go = numbers[1] != 0;
    board->rom.acks_bank_2_early = numbers[2] != 0;
    board->rom.go_wants_low_stack = numbers[3] != 0;
    return is_right;
}

static bool take_flash(virtual_board_t *board, const char *values)
{
    uint64_t numbers[9];
    if (!read_numbers(values, numbers, 9) || numbers[3] == 0 || numbers[1] == 0 || board->flash.data != NULL) {
        return false;
    }
    virtual_flash_t *flash = &board->flash;
    flash->start = (uint32_t)numbers[0];
    flash->size = (uint32_t)numbers[1];
    flash->erased = (uint8_t)numbers[2];
    flash->program_bytes = (uint32_t)numbers[3];
    flash->program_ns = numbers[4];
    flash->rule = (virtual_rule_t)numbers[5];
    flash->zero_over_any = numbers[6] != 0;
    flash->mass_erase_us = numbers[7];
    flash->bank_count = (size_t)numbers[8];
    flash->data = malloc(flash->size);
    flash->programmed = calloc(flash->size / flash->program_bytes, 1);
    if (flash->data == NULL || flash->programmed == NULL) {
        return false;
    }
    memset(flash->data, flash->erased, flash->size);
    return flash->bank_count <= VIRTUAL_BANKS && flash->program_bytes <= 32;
}

static bool take_bank(virtual_board_t *board, const char *values)
{
    uint64_t numbers[2];
    bool is_right = read_numbers(values, numbers, 2) && numbers[0] < VIRTUAL_BANKS;
    if (is_right) {
        board->flash.bank_erase_us[numbers[0]] = numbers[1];
    }
    return is_right;
}

/* `count` units of one size: first number, bank, first offset, bytes, time to erase one. */
static bool take_units(virtual_board_t *board, const char *values)
{
    uint64_t numbers[6];
    virtual_flash_t *flash = &board->flash;
    if (!read_numbers(values, numbers, 6) || numbers[0] > VIRTUAL_MOST_UNITS - flash->unit_count) {
        return false;
    }
    for (uint64_t i = 0; i < numbers[0]; i++) {
        flash->units[flash->unit_count++] = (virtual_unit_t){
            .number = (uint16_t)(numbers[1] + i),
            .bank = (uint8_t)numbers[2],
            .start = (uint32_t)(numbers[3] + i * numbers[4]),
            .length = (uint32_t)numbers[4],
            .erase_us = numbers[5],
        };
    }
    return numbers[3] + numbers[0] * numbers[4] <= flash->size;
}

static virtual_memory_t *add_memory(virtual_board_t *board, uint64_t first, uint64_t last)
{
    if (board->memory_count == VIRTUAL_MEMORIES || last < first || last > UINT32_MAX) {
        return NULL;
    }
    virtual_memory_t *memory = &board->memories[board->memory_count++];
    *memory = (virtual_memory_t){.first = (uint32_t)first, .last = (uint32_t)last};
    return memory;
}

static bool take_ram(virtual_board_t *board, const char *values)
{
    uint64_t numbers[2];
    virtual_memory_t *memory = read_numbers(values, numbers, 2) ? add_memory(board, numbers[0], numbers[1]) : NULL;
    if (memory == NULL) {
        return false;
    }
    memory->is_ram = true;
    memory->data = calloc((size_t)memory->last - memory->first + 1, 1);
    return memory->data != NULL;
}

static bool take_reserved(virtual_board_t *board, const char *values)
{
    uint64_t numbers[2];
    return read_numbers(values, numbers, 2) && add_memory(board, numbers[0], numbers[1]) != NULL;
}

static bool take_memory(virtual_board_t *board, const char *values)
{
    static uint8_t data[LINE_BYTES / 2];
    char *hex;
    uint64_t first = strtoull(values, &hex, 0);
    size_t length = read_hex(hex + strspn(hex, " "), data, sizeof(data));
    virtual_memory_t *memory = length > 0 ? add_memory(board, first, first + length - 1) : NULL;
    if (memory == NULL || (memory->data = malloc(length)) == NULL) {
        return false;
    }
    memcpy(memory->data, data, length);
    return true;
}

static bool take_image(virtual_board_t *board, const char *values)
{
    char *hex;
    uint64_t offset = strtoull(values, &hex, 0);
    virtual_flash_t *flash = &board->flash;
    if (offset >= flash->size) {
        return false;
    }
    size_t length = read_hex(hex + strspn(hex, " "), flash->data + offset, (size_t)(flash->size - offset));
    size_t last = (offset + length + flash->program_bytes - 1) / flash->program_bytes;
    for (size_t i = (size_t)offset / flash->program_bytes; i < last; i++) {
        flash->programmed[i] = 1;
    }
    return length > 0;
}

static const struct {
    const char *word;
    take_t take;
} s_words[] = {
    {"rom", take_rom},       {"get", take_get},     {"boots", take_boots}, {"defects", take_defects},
    {"flash", take_flash},   {"bank", take_bank},   {"units", take_units}, {"ram", take_ram},
    {"reserved", take_reserved}, {"memory", take_memory}, {"image", take_image},
};

static bool take_line(virtual_board_t *board, const char *line)
{
    size_t length = strcspn(line, " \n");
    if (length == 0 || line[0] == '#') {
        return true;
    }
    for (size_t i = 0; i < sizeof(s_words) / sizeof(s_words[0]); i++) {
        if (strlen(s_words[i].word) == length && strncmp(line, s_words[i].word, length) == 0) {
            return s_words[i].take(board, line + length);
        }
    }
    return false;
}

/* The supply comes with NRST high and BOOT0 low. */
static void power_on(virtual_board_t *board)
{
    bridge_uart_t uart = {.baud = 115200, .data_bits = 8, .stop_bits = 1};
    board->phase = VIRTUAL_HELD;
    board->host = virtual_receiver(&board->to_host, &uart, 0);
    virtual_board_set_lines(board, true, false, 0);
}

virtual_board_t *virtual_board_load(const char *path, char *trouble)
{
    static char line[LINE_BYTES];
    FILE *file = fopen(path, "r");
    virtual_board_t *board = calloc(1, sizeof(*board));
    if (file == NULL || board == NULL) {
        snprintf(trouble, VIRTUAL_TROUBLE_BYTES, "%.100s: %s", path, strerror(errno));
        free(board);
        if (file != NULL) {
            fclose(file);
        }
        return NULL;
    }
    bool is_right = true;
    unsigned int number = 0;
    while (is_right && fgets(line, sizeof(line), file) != NULL) {
        is_right = take_line(board, line);
        number++;
    }
    fclose(file);
    if (!is_right || board->flash.unit_count == 0 || board->rom.get_length == 0) {
        snprintf(trouble, VIRTUAL_TROUBLE_BYTES, "%.100s: line %u is no fact of a board", path, number);
        virtual_board_free(board);
        return NULL;
    }
    power_on(board);
    return board;
}

void virtual_board_free(virtual_board_t *board)
{
    for (size_t i = 0; i < board->memory_count; i++) {
        free(board->memories[i].data);
    }
    free(board->flash.data);
    free(board->flash.programmed);
    free(board);
}
