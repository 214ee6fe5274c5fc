/* A virtual board with nobody's clock: an STM32 with its ROM's bootloader, its flash and its UART, for the bench.
 *
 * The Python board (simulator/stmota_simulator/board.py) is the original: it writes the description that this one is
 * made from, and tests/firmware compares the two byte by byte and microsecond by microsecond. Every call says when it
 * happens, never earlier than the last one. Not here: write and read protection and options that are written (NACK),
 * most ROM defects, faults, and garbage from a UART that is set differently (no byte, and a framing error). */
#pragma once

#include "virtual_flash.h"
#include "virtual_wire.h"

#define VIRTUAL_MEMORIES 24U
#define VIRTUAL_HEARD_BYTES 4096U
#define VIRTUAL_PACKET_BYTES 2048U
#define VIRTUAL_TROUBLE_BYTES 200U

typedef struct {
    uint32_t first;
    uint32_t last;
    bool is_ram;
    uint8_t *data; /* what READ MEMORY shows; NULL: RAM that the ROM uses itself */
} virtual_memory_t;

typedef struct {
    uint8_t protocol;
    uint8_t get_reply[32]; /* what GET answers between its ACKs */
    size_t get_length;
    uint16_t product_id;
    uint64_t start_up_us;
    uint64_t sync_reply_us;
    uint64_t reaction_us;
    uint32_t fastest_baud;
    bool has_special_erase;
    bool lacks_first_ack_of_go;
    bool acks_bank_2_early;
    bool go_wants_low_stack;
    bool boots_rom[2]; /* by the level of BOOT0 */
} virtual_rom_t;

typedef enum {
    VIRTUAL_HELD,    /* in reset */
    VIRTUAL_DEAD,    /* silent until the next reset */
    VIRTUAL_LISTENS, /* waits for `wanted` bytes */
    VIRTUAL_MEASURES,/* waits for 0x7F */
    VIRTUAL_WORKS,   /* until `until_us`, deaf */
} virtual_phase_t;

typedef enum {
    VIRTUAL_NOTHING,
    VIRTUAL_PROGRAMS,
    VIRTUAL_ERASES_UNIT,
    VIRTUAL_ERASES_BANK,
    VIRTUAL_ERASES_ALL,
} virtual_work_t;

typedef struct virtual_board virtual_board_t;
typedef void (*virtual_next_t)(virtual_board_t *board);

struct virtual_board {
    virtual_rom_t rom;
    virtual_flash_t flash;
    virtual_memory_t memories[VIRTUAL_MEMORIES];
    size_t memory_count;
    uint64_t now_us;
    bool nrst;
    bool boot0;
    unsigned int boots; /* starts of what is in the flash */
    virtual_wire_t to_chip;
    virtual_wire_t to_host;
    virtual_receiver_t host;
    struct {
        uint8_t byte;
        uint64_t at_us;
    } heard[VIRTUAL_HEARD_BYTES]; /* by the host, and not taken yet */
    size_t heard_first;
    size_t heard_count;
    uint16_t overruns; /* of the host's receiver, and its framing errors, since they were taken */
    uint16_t framing;
    /* The core: one program, one effect in hand. */
    virtual_phase_t phase;
    uint64_t since_us; /* when the effect in hand began */
    uint64_t until_us;
    virtual_next_t next; /* what the program does then */
    bool has_uart;
    bridge_uart_t uart;
    virtual_receiver_t receiver;
    bool has_register; /* a byte that came while nobody read */
    uint8_t data_register;
    uint32_t chip_overruns;
    size_t wanted;
    size_t got;
    uint8_t packet[VIRTUAL_PACKET_BYTES];
    uint8_t check; /* XOR of what was received since the command's data began */
    uint32_t address;
    size_t at; /* of a list of units that is erased */
    bool writes_fail;
    virtual_work_t work;
    uint32_t work_offset;
    size_t work_length;
    const virtual_unit_t *work_unit;
    uint8_t work_bank;
    uint64_t bank_2_busy_until_us;
    uint64_t started_us; /* the application */
    uint64_t heartbeat_us;
    uint64_t beats;
};

/* Read a description (virtual_file.c says its form). NULL: `trouble` says why not. Power is on, NRST high. */
virtual_board_t *virtual_board_load(const char *path, char *trouble);
void virtual_board_free(virtual_board_t *board);

void virtual_board_advance(virtual_board_t *board, uint64_t to_us);
void virtual_board_set_lines(virtual_board_t *board, bool nrst, bool boot0, uint64_t at_us);
/* The host sends, behind what it sent before; how many bytes found room. */
size_t virtual_board_transmit(virtual_board_t *board, bridge_span_t data, uint64_t at_us, const bridge_uart_t *uart);
void virtual_board_drop_unsent(virtual_board_t *board, uint64_t at_us);
/* Set the host's receiver; what it received before stays to be taken. One that is set so already goes on, in the middle
 * of a byte, too; another begins anew. */
void virtual_board_listen(virtual_board_t *board, const bridge_uart_t *uart, uint64_t at_us);
/* What the host received up to a time, back to back, and when the first of it was there. */
size_t virtual_board_received(virtual_board_t *board, uint64_t to_us, uint8_t *data, size_t capacity,
                              uint64_t *first_us);
/* When to look next: not later than when something is readable; UINT64_MAX: nothing is to come. */
uint64_t virtual_board_next_us(virtual_board_t *board);

/* For the core's programs: virtual_rom.c and virtual_application.c. */
void virtual_listen(virtual_board_t *board, size_t count, virtual_next_t next);
void virtual_work(virtual_board_t *board, uint64_t time_us, virtual_next_t next);
void virtual_send(virtual_board_t *board, const uint8_t *data, size_t length, virtual_next_t next);
void virtual_start_rom(virtual_board_t *board);
void virtual_start_application(virtual_board_t *board, uint32_t address);
/* Memory of an address; NULL where there is none, or it ends within `length`. */
uint8_t *virtual_memory_at(virtual_board_t *board, uint32_t address, size_t length, bool wants_ram);
