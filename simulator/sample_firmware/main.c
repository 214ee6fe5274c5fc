/* Prints its boot text and the CRC of the whole flash, then its uptime: enough to see that a flash worked. */
#include <stdint.h>

#include "board.h"
#include "crc32.h"

/* What the simulator looks for, so that a simulated board prints what the real one does. */
struct boot_text {
    char magic[16];
    uint32_t baud;
    uint32_t heartbeat_ms;
    char text[64];
};

__attribute__((section(".boot_text"), used)) static const struct boot_text s_boot_text = {
    .magic = {'S', 'T', 'M', 'O', 'T', 'A', ' ', 'B', 'O', 'O', 'T', ' ', 'T', 'E', 'X', 'T'},
    .baud = 115200,
    .heartbeat_ms = 1000,
    .text = "stmota sample 1.0 on STM32F103xB, 8 MHz HSI",
};

static void print_hex(uint32_t value)
{
    char text[9];

    for (int digit = 7; digit >= 0; digit--, value >>= 4) {
        text[digit] = "0123456789abcdef"[value & 0xFu];
    }
    text[8] = '\0';
    board_print(text);
}

static void print_decimal(uint32_t value)
{
    char text[11];
    char *first = &text[10];

    *first = '\0';
    do {
        *--first = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    board_print(first);
}

int main(void)
{
    uint32_t next_ms = s_boot_text.heartbeat_ms;

    board_init(s_boot_text.baud);
    board_print(s_boot_text.text);
    board_print("\r\nflash crc32 0x");
    print_hex(crc32(board_flash(), board_flash_size()));
    board_print("\r\n");
    for (;;) {
        while ((int32_t)(board_uptime_ms() - next_ms) < 0) {
            board_sleep_until_tick();
        }
        board_print("up ");
        print_decimal(next_ms / 1000u);
        board_print(" s\r\n");
        next_ms += s_boot_text.heartbeat_ms;
    }
}
