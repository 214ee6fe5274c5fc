/* The application in the flash: not executed, but known by its boot text (simulator/sample_firmware/README.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "virtual_board.h"

#define MARKER "STMOTA BOOT TEXT"
#define MARKER_BYTES 16U
#define FIELD_BYTES 8U /* baud u32, heartbeat in ms u32 */
#define MOST_TEXT_BYTES 200U
#define SLOWEST_BAUD 110U
#define FASTEST_BAUD 4000000U
#define START_US 1000U /* from the core's start to the first start bit, as the Python board has it */

static void beat(virtual_board_t *board);

static void wait_for_beat(virtual_board_t *board)
{
    if (board->heartbeat_us == 0) {
        board->phase = VIRTUAL_DEAD; /* it has nothing more to say */
        return;
    }
    uint64_t at_us = board->started_us + ++board->beats * board->heartbeat_us;
    virtual_work(board, at_us > board->now_us ? at_us - board->now_us : 0, beat);
}

static void beat(virtual_board_t *board)
{
    char text[40];
    uint64_t up_s = board->beats * board->heartbeat_us / 1000000U;
    int length = snprintf(text, sizeof(text), "up %" PRIu64 " s\r\n", up_s);
    virtual_send(board, (const uint8_t *)text, (size_t)length, wait_for_beat);
}

static const uint8_t *find_marker(const virtual_board_t *board, uint32_t offset)
{
    const virtual_flash_t *flash = &board->flash;
    for (uint32_t at = offset; at + MARKER_BYTES + FIELD_BYTES <= flash->size; at++) {
        const uint8_t *found = memchr(flash->data + at, MARKER[0], flash->size - at - MARKER_BYTES - FIELD_BYTES + 1);
        if (found == NULL) {
            return NULL;
        }
        if (memcmp(found, MARKER, MARKER_BYTES) == 0) {
            return found + MARKER_BYTES;
        }
        at = (uint32_t)(found - flash->data);
    }
    return NULL;
}

static void print(virtual_board_t *board)
{
    uint8_t said[MOST_TEXT_BYTES + 40];
    const uint8_t *text = find_marker(board, board->address - board->flash.start) + FIELD_BYTES;
    size_t room = (size_t)(board->flash.data + board->flash.size - text);
    size_t most = room < MOST_TEXT_BYTES ? room : MOST_TEXT_BYTES;
    const uint8_t *end = memchr(text, 0, most);
    size_t length = end != NULL ? (size_t)(end - text) : most;
    memcpy(said, text, length);
    int more = snprintf((char *)said + length, sizeof(said) - length, "\r\nflash crc32 0x%08" PRIx32 "\r\n",
                        virtual_flash_crc32(&board->flash));
    virtual_send(board, said, length + (size_t)more, wait_for_beat);
}

/* Start as the core would: stack and entry point from the vector table, or a hard fault. */
static bool is_sound(virtual_board_t *board, uint32_t address)
{
    const uint8_t *vectors = virtual_memory_at(board, address, 8, false);
    if (vectors == NULL) {
        return false;
    }
    bridge_reader_t reader = bridge_reader(vectors, 8);
    uint32_t stack = bridge_get_u32(&reader);
    uint32_t entry = bridge_get_u32(&reader);
    uint32_t code = entry & ~1U;
    bool is_flash = code >= board->flash.start && code - board->flash.start < board->flash.size;
    bool is_code = is_flash || virtual_memory_at(board, code, 1, true) != NULL;
    bool is_stack = stack % 4 == 0 && stack > 0 && virtual_memory_at(board, stack - 1, 1, true) != NULL;
    return is_stack && (entry & 1U) != 0 && is_code;
}

void virtual_start_application(virtual_board_t *board, uint32_t address)
{
    board->boots++;
    board->phase = VIRTUAL_DEAD;
    board->has_uart = false;
    board->address = address;
    bool is_flash = address >= board->flash.start && address - board->flash.start < board->flash.size;
    const uint8_t *fields = is_flash ? find_marker(board, address - board->flash.start) : NULL;
    if (fields == NULL || !is_sound(board, address)) {
        return;
    }
    bridge_reader_t reader = bridge_reader(fields, FIELD_BYTES);
    uint32_t baud = bridge_get_u32(&reader);
    board->heartbeat_us = bridge_get_u32(&reader) * 1000ULL;
    if (baud < SLOWEST_BAUD || baud > FASTEST_BAUD) {
        return;
    }
    board->uart = (bridge_uart_t){.baud = baud, .data_bits = 8, .stop_bits = 1};
    board->started_us = board->now_us;
    board->beats = 0;
    virtual_work(board, START_US, print);
}
