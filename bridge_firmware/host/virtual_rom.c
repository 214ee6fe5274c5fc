/* The bootloader ROM: AN3155 as a program of the virtual board's core, as simulator/stmota_simulator/rom.py has it. */
#include <string.h>

#include "virtual_board.h"

enum {
    ACK = 0x79, /* AN3155 section 3 */
    NACK = 0x1F,
    GET = 0x00,
    GET_VERSION = 0x01,
    GET_ID = 0x02,
    READ = 0x11,
    GO = 0x21,
    WRITE = 0x31,
    ERASE = 0x43,
    EXTENDED_ERASE = 0x44,
};

#define FIRST_SPECIAL 0xFFF0U /* AN3155 section 3.8 */
#define MASS 0xFFFFU
#define BANK_1 0xFFFEU
#define BANK_2 0xFFFDU
#define HIGH_STACK_BYTES 16U /* AN2606 */
#define MOST_UNITS 511U /* of one command: reference/stm32/protocol.md section 3 */

static void obey(virtual_board_t *board);

static void idle(virtual_board_t *board)
{
    virtual_listen(board, 2, obey);
}

static void say(virtual_board_t *board, uint8_t byte, virtual_next_t next)
{
    virtual_send(board, &byte, 1, next);
}

static void refuse(virtual_board_t *board)
{
    say(board, NACK, idle);
}

static void accept(virtual_board_t *board)
{
    say(board, ACK, idle);
}

/* From here on `check` counts. */
static void listen_anew(virtual_board_t *board, size_t count, virtual_next_t next)
{
    board->check = 0;
    virtual_listen(board, count, next);
}

static uint32_t packet_u32(const virtual_board_t *board)
{
    const uint8_t *data = board->packet;
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static bool is_reserved(const virtual_board_t *board, uint32_t address, size_t length)
{
    for (size_t i = 0; i < board->memory_count; i++) {
        const virtual_memory_t *memory = &board->memories[i];
        if (memory->data == NULL && address <= memory->last && (uint64_t)address + length - 1 >= memory->first) {
            return true;
        }
    }
    return false;
}

static bool is_flash(const virtual_board_t *board, uint32_t address, size_t length)
{
    const virtual_flash_t *flash = &board->flash;
    return address >= flash->start && (uint64_t)address + length <= (uint64_t)flash->start + flash->size;
}

static void answer_get(virtual_board_t *board)
{
    uint8_t reply[2 + sizeof(board->rom.get_reply) + 1] = {ACK, (uint8_t)(board->rom.get_length - 1)};
    memcpy(reply + 2, board->rom.get_reply, board->rom.get_length);
    reply[2 + board->rom.get_length] = ACK;
    virtual_send(board, reply, board->rom.get_length + 3, idle);
}

static void send_memory(virtual_board_t *board)
{
    uint8_t reply[257] = {ACK};
    size_t length = (size_t)board->packet[0] + 1;
    const uint8_t *content = virtual_memory_at(board, board->address, length, false);
    if ((board->packet[0] ^ board->packet[1]) != 0xFF || content == NULL) {
        refuse(board);
        return;
    }
    memcpy(reply + 1, content, length);
    virtual_send(board, reply, length + 1, idle);
}

static void listen_for_count(virtual_board_t *board)
{
    virtual_listen(board, 2, send_memory);
}

static void take_read_address(virtual_board_t *board)
{
    board->address = packet_u32(board);
    bool is_good = board->check == 0 && virtual_memory_at(board, board->address, 1, false) != NULL;
    say(board, is_good ? ACK : NACK, is_good ? listen_for_count : idle);
}

static void listen_for_read_address(virtual_board_t *board)
{
    listen_anew(board, 5, take_read_address);
}

/* H74x 9.x: GO does nothing where the stack begins in the last bytes of a RAM. */
static bool balks_at_stack(virtual_board_t *board)
{
    const uint8_t *vector = virtual_memory_at(board, board->address, 4, false);
    if (!board->rom.go_wants_low_stack || vector == NULL) {
        return false;
    }
    bridge_reader_t reader = bridge_reader(vector, 4);
    uint64_t stack = bridge_get_u32(&reader);
    for (size_t i = 0; i < board->memory_count; i++) {
        uint64_t end = (uint64_t)board->memories[i].last + 1;
        if (board->memories[i].is_ram && stack <= end && end - stack <= HIGH_STACK_BYTES) {
            return true;
        }
    }
    return false;
}

static void go(virtual_board_t *board)
{
    if (balks_at_stack(board)) {
        idle(board);
        return;
    }
    virtual_start_application(board, board->address);
}

static void take_go_address(virtual_board_t *board)
{
    board->address = packet_u32(board);
    bool is_ram = virtual_memory_at(board, board->address, 8, true) != NULL && !is_reserved(board, board->address, 1);
    bool is_place = board->address % 4 == 0 && (is_ram || is_flash(board, board->address, 8));
    bool is_good = board->check == 0 && is_place;
    say(board, is_good ? ACK : NACK, is_good ? go : idle);
}

static void listen_for_go_address(virtual_board_t *board)
{
    listen_anew(board, 5, take_go_address);
}

static void write_flash(virtual_board_t *board, size_t length)
{
    uint32_t step = board->flash.program_bytes > 4 ? board->flash.program_bytes : 4;
    uint32_t offset = board->address - board->flash.start;
    board->writes_fail = board->writes_fail || board->address % step != 0; /* until reset (AN2606) */
    if (board->writes_fail || !is_flash(board, board->address, length)) {
        refuse(board);
        return;
    }
    if (virtual_flash_unit_at(&board->flash, offset)->bank == 1 && board->now_us < board->bank_2_busy_until_us) {
        board->flash.counters.programs_refused++;
        accept(board);
        return;
    }
    board->work = VIRTUAL_PROGRAMS;
    board->work_offset = offset;
    board->work_length = length;
    virtual_work(board, virtual_flash_program_us(&board->flash, length), accept);
}

static void take_block(virtual_board_t *board)
{
    size_t length = board->got - 1;
    if (board->check != 0) {
        refuse(board);
    } else if (is_flash(board, board->address, 1)) {
        write_flash(board, length);
    } else {
        uint8_t *ram = virtual_memory_at(board, board->address, length, true);
        if (ram == NULL || is_reserved(board, board->address, length)) {
            refuse(board);
            return;
        }
        memcpy(ram, board->packet, length);
        accept(board);
    }
}

static void take_block_count(virtual_board_t *board)
{
    virtual_listen(board, (size_t)board->packet[0] + 2, take_block);
}

static void listen_for_block(virtual_board_t *board)
{
    listen_anew(board, 1, take_block_count);
}

static void take_write_address(virtual_board_t *board)
{
    board->address = packet_u32(board);
    bool is_ram = virtual_memory_at(board, board->address, 1, true) != NULL && !is_reserved(board, board->address, 1);
    bool is_good = board->check == 0 && (is_ram || is_flash(board, board->address, 1));
    say(board, is_good ? ACK : NACK, is_good ? listen_for_block : idle);
}

static void listen_for_write_address(virtual_board_t *board)
{
    listen_anew(board, 5, take_write_address);
}

static void erase_all(virtual_board_t *board)
{
    board->work = VIRTUAL_ERASES_ALL;
    virtual_work(board, board->flash.mass_erase_us, accept);
}

/* Whether the ROM acknowledges before bank 2 is erased; it is busy then. */
static bool is_early(virtual_board_t *board, uint8_t bank, uint64_t time_us)
{
    if (bank != 1 || !board->rom.acks_bank_2_early) {
        return false;
    }
    uint64_t from_us = board->bank_2_busy_until_us > board->now_us ? board->bank_2_busy_until_us : board->now_us;
    board->bank_2_busy_until_us = from_us + time_us;
    return true;
}

static void erase_bank(virtual_board_t *board, uint8_t bank)
{
    uint64_t time_us = board->flash.bank_erase_us[bank];
    if (is_early(board, bank, time_us)) {
        virtual_flash_erase_bank(&board->flash, bank, 1000);
        accept(board);
        return;
    }
    board->work = VIRTUAL_ERASES_BANK;
    board->work_bank = bank;
    virtual_work(board, time_us, accept);
}

static uint16_t listed_unit(const virtual_board_t *board, size_t index)
{
    const uint8_t *data = board->packet;
    if (board->rom.protocol < 0x30) {
        return data[index];
    }
    return (uint16_t)(data[2 * index] << 8 | data[2 * index + 1]);
}

static size_t listed_count(const virtual_board_t *board)
{
    return board->rom.protocol >= 0x30 ? (board->got - 1) / 2 : board->got - 1;
}

/* Erase unit after unit of the list in `packet`. */
static void erase_next(virtual_board_t *board)
{
    while (board->at < listed_count(board)) {
        const virtual_unit_t *unit = virtual_flash_unit(&board->flash, listed_unit(board, board->at++));
        if (is_early(board, unit->bank, unit->erase_us)) {
            virtual_flash_erase(&board->flash, unit, 1000);
            continue;
        }
        board->work = VIRTUAL_ERASES_UNIT;
        board->work_unit = unit;
        virtual_work(board, unit->erase_us, erase_next);
        return;
    }
    accept(board);
}

static void take_units(virtual_board_t *board)
{
    bool is_good = board->check == 0 && listed_count(board) <= MOST_UNITS;
    for (size_t i = 0; is_good && i < listed_count(board); i++) {
        is_good = virtual_flash_unit(&board->flash, listed_unit(board, i)) != NULL;
    }
    board->at = 0;
    if (is_good) {
        erase_next(board);
    } else {
        refuse(board);
    }
}

static void take_special(virtual_board_t *board)
{
    uint32_t code = board->address;
    bool is_bank = (code == BANK_1 || code == BANK_2) && board->flash.bank_count > 1;
    if (board->check != 0 || !board->rom.has_special_erase || (code != MASS && !is_bank)) {
        refuse(board);
    } else if (code == MASS) {
        erase_all(board);
    } else {
        erase_bank(board, code == BANK_1 ? 0 : 1);
    }
}

static void take_unit_count(virtual_board_t *board)
{
    uint32_t count = (uint32_t)(board->packet[0] << 8 | board->packet[1]);
    board->address = count;
    if (count >= FIRST_SPECIAL) {
        virtual_listen(board, 1, take_special);
    } else {
        virtual_listen(board, 2 * (size_t)(count + 1) + 1, take_units);
    }
}

static void take_global(virtual_board_t *board)
{
    if (board->packet[0] == 0) {
        erase_all(board);
    } else {
        accept(board); /* without an erase (AN3155 section 3.7) */
    }
}

static void take_page_count(virtual_board_t *board)
{
    uint8_t count = board->packet[0];
    if (count == 0xFF) {
        virtual_listen(board, 1, take_global);
    } else {
        virtual_listen(board, (size_t)count + 2, take_units);
    }
}

static void listen_for_units(virtual_board_t *board)
{
    bool is_wide = board->rom.protocol >= 0x30;
    listen_anew(board, is_wide ? 2 : 1, is_wide ? take_unit_count : take_page_count);
}

static void obey(virtual_board_t *board)
{
    uint8_t code = board->packet[0];
    const uint8_t version[] = {ACK, board->rom.protocol, 0, 0, ACK};
    const uint8_t id[] = {ACK, 1, (uint8_t)(board->rom.product_id >> 8), (uint8_t)board->rom.product_id, ACK};
    if ((code ^ board->packet[1]) != 0xFF) {
        refuse(board);
    } else if (code == GET) {
        answer_get(board);
    } else if (code == GET_VERSION) {
        virtual_send(board, version, sizeof(version), idle);
    } else if (code == GET_ID) {
        virtual_send(board, id, sizeof(id), idle);
    } else if (code == READ) {
        say(board, ACK, listen_for_read_address);
    } else if (code == WRITE) {
        say(board, ACK, listen_for_write_address);
    } else if (code == (board->rom.protocol >= 0x30 ? EXTENDED_ERASE : ERASE)) {
        say(board, ACK, listen_for_units);
    } else if (code == GO && board->rom.lacks_first_ack_of_go) {
        listen_for_go_address(board);
    } else if (code == GO) {
        say(board, ACK, listen_for_go_address);
    } else {
        refuse(board);
    }
}

static void reply_to_sync(virtual_board_t *board)
{
    say(board, ACK, idle);
}

static void wait_for_reply(virtual_board_t *board)
{
    virtual_work(board, board->rom.sync_reply_us, reply_to_sync);
}

static void measure(virtual_board_t *board)
{
    board->phase = VIRTUAL_MEASURES;
    board->next = wait_for_reply;
    board->since_us = board->now_us;
}

void virtual_start_rom(virtual_board_t *board)
{
    virtual_work(board, board->rom.start_up_us, measure);
}
