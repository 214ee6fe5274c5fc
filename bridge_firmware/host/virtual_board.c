#include "virtual_board.h"

#include <string.h>

#define WHOLE 1000U
#define HOST_FIFO_BYTES 120U /* in the middle of a run a host waits for so many: ESP-IDF's UART driver */
#define LEAST_OUTPUT_US 100U /* output that follows an event takes a byte time, and no more is relied upon than this */
#define GAP_US 1000U         /* bytes that came so long after the ones before are not told with them */

uint8_t *virtual_memory_at(virtual_board_t *board, uint32_t address, size_t length, bool wants_ram)
{
    virtual_flash_t *flash = &board->flash;
    if (!wants_ram && address >= flash->start && (uint64_t)address + length <= (uint64_t)flash->start + flash->size) {
        return flash->data + (address - flash->start);
    }
    for (size_t i = 0; i < board->memory_count; i++) {
        const virtual_memory_t *memory = &board->memories[i];
        bool is_inside = address >= memory->first && (uint64_t)address + length - 1 <= memory->last;
        if (memory->data != NULL && is_inside && (memory->is_ram || !wants_ram)) {
            return memory->data + (address - memory->first);
        }
    }
    return NULL;
}

/* The effect in hand begins at `now_us`. */
static void begin(virtual_board_t *board, virtual_phase_t phase, virtual_next_t next)
{
    board->phase = phase;
    board->next = next;
    board->since_us = board->now_us;
}

void virtual_work(virtual_board_t *board, uint64_t time_us, virtual_next_t next)
{
    begin(board, VIRTUAL_WORKS, next);
    board->until_us = board->now_us + time_us;
}

void virtual_send(virtual_board_t *board, const uint8_t *data, size_t length, virtual_next_t next)
{
    begin(board, VIRTUAL_WORKS, next);
    (void)virtual_wire_send(&board->to_host, (bridge_span_t){data, length}, board->now_us, &board->uart);
    board->until_us = board->to_host.end_us;
}

/* Receive with nobody reading: the data register holds one byte, the next ones are lost. */
static void hold(virtual_board_t *board, uint64_t until_us)
{
    uint8_t data[VIRTUAL_BURST_BYTES];
    uint64_t first_us, last_us;
    uint16_t framing = 0;
    size_t length;
    while (board->has_uart && (length = virtual_receiver_hear(&board->receiver, until_us, data, sizeof(data),
                                                              &first_us, &last_us, &framing)) > 0) {
        board->chip_overruns += (uint32_t)(length - (board->has_register ? 0U : 1U));
        board->data_register = board->has_register ? board->data_register : data[0];
        board->has_register = true;
    }
}

void virtual_listen(virtual_board_t *board, size_t count, virtual_next_t next)
{
    begin(board, VIRTUAL_LISTENS, next);
    hold(board, board->now_us);
    board->wanted = count;
    board->got = 0;
    board->until_us = UINT64_MAX;
    if (board->has_register) {
        board->packet[board->got++] = board->data_register;
        board->check ^= board->data_register;
        board->has_register = false;
        if (board->got == count) {
            board->until_us = board->now_us + board->rom.reaction_us;
        }
    }
}

static void hear(virtual_board_t *board, uint64_t to_us)
{
    uint8_t data[VIRTUAL_BURST_BYTES];
    uint64_t first_us, last_us;
    uint16_t framing = 0;
    while (board->until_us == UINT64_MAX) {
        size_t most = board->wanted - board->got < sizeof(data) ? board->wanted - board->got : sizeof(data);
        size_t length =
            virtual_receiver_hear(&board->receiver, to_us, data, most, &first_us, &last_us, &framing);
        if (length == 0) {
            return;
        }
        for (size_t i = 0; i < length; i++, board->got++) {
            board->check ^= data[i];
            if (board->got < VIRTUAL_PACKET_BYTES) { /* what is longer is refused by its count */
                board->packet[board->got] = data[i];
            }
        }
        if (board->got == board->wanted) {
            board->until_us = last_us + board->rom.reaction_us;
        }
    }
}

/* Find the baud of the first byte that begins; any but 0x7F leaves a UART that hears nothing right. */
static void measure(virtual_board_t *board, uint64_t to_us)
{
    static const unsigned int measured_bits = 11; /* 8E1 */
    virtual_burst_t *burst;
    while ((burst = virtual_wire_front(&board->to_chip)) != NULL) {
        size_t index = 0;
        while (index < burst->length && virtual_burst_end_us(burst, index) < board->since_us) {
            index++;
        }
        if (index < burst->length) {
            break;
        }
        virtual_wire_forget(&board->to_chip, virtual_burst_end_us(burst, burst->length));
    }
    if (burst == NULL) {
        return;
    }
    size_t index = 0;
    while (virtual_burst_end_us(burst, index) < board->since_us) {
        index++;
    }
    uint64_t fall_us = virtual_burst_end_us(burst, index);
    uint64_t end_us = fall_us + (measured_bits * 1000000ULL + burst->uart.baud - 1) / burst->uart.baud;
    if (end_us > to_us) {
        board->until_us = end_us;
        return;
    }
    bool is_right = burst->data[index] == 0x7F && burst->uart.baud <= board->rom.fastest_baud;
    board->uart = (bridge_uart_t){.baud = is_right ? burst->uart.baud : 1, .data_bits = 8, .parity = 1, .stop_bits = 1};
    board->receiver = virtual_receiver(&board->to_chip, &board->uart, end_us);
    board->has_uart = true;
    board->has_register = false;
    board->until_us = end_us;
}

static void conclude(virtual_board_t *board, unsigned int share)
{
    virtual_work_t work = board->work;
    board->work = VIRTUAL_NOTHING;
    if (work == VIRTUAL_PROGRAMS) {
        bridge_span_t data = {board->packet, board->work_length};
        virtual_flash_program(&board->flash, board->work_offset, data, share);
    } else if (work == VIRTUAL_ERASES_UNIT) {
        virtual_flash_erase(&board->flash, board->work_unit, share);
    } else if (work == VIRTUAL_ERASES_BANK) {
        virtual_flash_erase_bank(&board->flash, board->work_bank, share);
    } else if (work == VIRTUAL_ERASES_ALL) {
        virtual_flash_erase_all(&board->flash, share);
    }
}

void virtual_board_advance(virtual_board_t *board, uint64_t to_us)
{
    while (board->phase != VIRTUAL_HELD && board->phase != VIRTUAL_DEAD) {
        if (board->phase == VIRTUAL_LISTENS) {
            hear(board, to_us);
        } else if (board->phase == VIRTUAL_MEASURES) {
            board->until_us = UINT64_MAX;
            measure(board, to_us);
        }
        if (board->until_us > to_us) {
            if (board->phase == VIRTUAL_WORKS) {
                hold(board, to_us);
            }
            break;
        }
        if (board->phase == VIRTUAL_WORKS) {
            hold(board, board->until_us);
        }
        board->now_us = board->until_us;
        conclude(board, WHOLE);
        board->next(board);
    }
    if (!board->has_uart && board->phase != VIRTUAL_MEASURES) {
        virtual_wire_forget(&board->to_chip, to_us);
    }
    board->now_us = to_us > board->now_us ? to_us : board->now_us;
}

/* A reset ends the program; work in hand stays half done. */
static void stop(virtual_board_t *board, uint64_t at_us)
{
    if (board->phase == VIRTUAL_WORKS && board->until_us > board->since_us) {
        conclude(board, (unsigned int)((at_us - board->since_us) * WHOLE / (board->until_us - board->since_us)));
    }
    board->phase = VIRTUAL_HELD;
    board->has_uart = false;
    board->has_register = false;
    board->writes_fail = false;
    board->bank_2_busy_until_us = 0;
}

void virtual_board_set_lines(virtual_board_t *board, bool nrst, bool boot0, uint64_t at_us)
{
    virtual_board_advance(board, at_us);
    board->boot0 = boot0;
    bool is_change = nrst != board->nrst;
    board->nrst = nrst;
    if (!nrst) {
        virtual_wire_cut(&board->to_host, at_us);
    }
    if (is_change && !nrst) {
        stop(board, at_us);
    } else if (is_change && board->rom.boots_rom[boot0 ? 1 : 0]) {
        virtual_start_rom(board);
    } else if (is_change) {
        virtual_start_application(board, board->flash.start);
    }
}

size_t virtual_board_transmit(virtual_board_t *board, bridge_span_t data, uint64_t at_us, const bridge_uart_t *uart)
{
    size_t sent = 0;
    size_t length;
    virtual_board_advance(board, at_us);
    do {
        bridge_span_t rest = {data.data + sent, data.length - sent};
        length = virtual_wire_send(&board->to_chip, rest, at_us, uart);
        sent += length;
    } while (length > 0);
    return sent;
}

void virtual_board_drop_unsent(virtual_board_t *board, uint64_t at_us)
{
    virtual_board_advance(board, at_us);
    virtual_wire_cut(&board->to_chip, at_us);
}

static void receive(virtual_board_t *board, uint64_t to_us)
{
    uint8_t data[VIRTUAL_BURST_BYTES];
    uint64_t first_us, last_us;
    size_t length;
    virtual_board_advance(board, to_us);
    while ((length = virtual_receiver_hear(&board->host, to_us, data, sizeof(data), &first_us, &last_us,
                                           &board->framing)) > 0) {
        for (size_t i = 0; i < length; i++) {
            if (board->heard_count == VIRTUAL_HEARD_BYTES) {
                board->overruns = bridge_count_up(board->overruns, 1);
                continue;
            }
            size_t at = (board->heard_first + board->heard_count++) % VIRTUAL_HEARD_BYTES;
            board->heard[at].byte = data[i];
            board->heard[at].at_us = first_us + (last_us - first_us) * i / (length > 1 ? length - 1 : 1);
        }
    }
}

void virtual_board_listen(virtual_board_t *board, const bridge_uart_t *uart, uint64_t at_us)
{
    receive(board, at_us);
    if (!virtual_receiver_is_set(&board->host, uart)) {
        board->host = virtual_receiver(&board->to_host, uart, at_us);
    }
}

size_t virtual_board_received(virtual_board_t *board, uint64_t to_us, uint8_t *data, size_t capacity,
                              uint64_t *first_us)
{
    size_t got = 0;
    uint64_t last_us = 0;
    receive(board, to_us);
    while (got < capacity && board->heard_count > 0) {
        uint64_t at_us = board->heard[board->heard_first].at_us;
        if (got > 0 && at_us > last_us + GAP_US) {
            break;
        }
        *first_us = got == 0 ? at_us : *first_us;
        last_us = at_us;
        data[got++] = board->heard[board->heard_first].byte;
        board->heard_first = (board->heard_first + 1) % VIRTUAL_HEARD_BYTES;
        board->heard_count--;
    }
    return got;
}

static uint64_t chip_next_us(virtual_board_t *board)
{
    uint64_t event_us = UINT64_MAX;
    if (board->phase == VIRTUAL_LISTENS && board->until_us == UINT64_MAX) {
        event_us = virtual_receiver_due_us(&board->receiver, board->wanted - board->got);
        event_us += event_us == UINT64_MAX ? 0 : board->rom.reaction_us;
    } else if (board->phase >= VIRTUAL_LISTENS) {
        event_us = board->until_us;
    }
    if (event_us == UINT64_MAX || !board->has_uart) {
        return event_us;
    }
    uint64_t byte_us = bridge_wire_time_us(&board->uart, 1);
    return event_us + (byte_us < LEAST_OUTPUT_US ? byte_us : LEAST_OUTPUT_US);
}

uint64_t virtual_board_next_us(virtual_board_t *board)
{
    if (board->heard_count > 0) {
        return board->now_us;
    }
    uint64_t run_us = virtual_receiver_run_due_us(&board->host, HOST_FIFO_BYTES);
    uint64_t chip_us = chip_next_us(board);
    return run_us < chip_us ? run_us : chip_us;
}
