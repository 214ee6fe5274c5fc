/* The virtual board by lines of commands, for the tests that compare it with the Python one: virtual_tool FILE.
 *
 * `lines AT NRST BOOT0`, `send AT BAUD PARITY HEX`, `listen AT BAUD PARITY`, `hear TO`, `next`, `flash`. Each is answered
 * by a line: `ok`, what was heard as `AT HEX` pieces, a time, or the flash's counters and content. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "virtual_board.h"

static char s_line[8192];

static bridge_uart_t uart(unsigned long long baud, unsigned int parity)
{
    return (bridge_uart_t){.baud = (uint32_t)baud, .data_bits = 8, .parity = (uint8_t)parity, .stop_bits = 1};
}

static void send(virtual_board_t *board, const char *line)
{
    uint8_t data[4096];
    unsigned long long at_us, baud;
    unsigned int parity;
    int hex_at = 0;
    if (sscanf(line, "send %llu %llu %u %n", &at_us, &baud, &parity, &hex_at) != 3) {
        abort();
    }
    bridge_span_t span = {data, hex_read(line + hex_at, data, sizeof(data))};
    bridge_uart_t setting = uart(baud, parity);
    if (virtual_board_transmit(board, span, at_us, &setting) != span.length) {
        abort();
    }
    printf("%" PRIu64 "\n", board->to_chip.end_us);
}

static void hear(virtual_board_t *board, uint64_t to_us)
{
    uint8_t data[4096];
    uint64_t first_us = 0;
    size_t length;
    while ((length = virtual_board_received(board, to_us, data, sizeof(data), &first_us)) > 0) {
        printf("%" PRIu64 " ", first_us);
        hex_print(data, length);
        printf(" ");
    }
    printf("\n");
}

static void show_flash(const virtual_board_t *board)
{
    const virtual_flash_t *flash = &board->flash;
    printf("%u %u %u %u %u ", flash->counters.unit_erases, flash->counters.mass_erases,
           flash->counters.programs_refused, flash->counters.double_programs, board->chip_overruns);
    hex_print(flash->data, flash->size);
    printf("\n");
}

static void obey(virtual_board_t *board, const char *line)
{
    unsigned long long at_us, baud;
    unsigned int one, two;
    if (sscanf(line, "lines %llu %u %u", &at_us, &one, &two) == 3) {
        virtual_board_set_lines(board, one != 0, two != 0, at_us);
        printf("ok\n");
    } else if (sscanf(line, "listen %llu %llu %u", &at_us, &baud, &one) == 3) {
        bridge_uart_t setting = uart(baud, one);
        virtual_board_listen(board, &setting, at_us);
        printf("ok\n");
    } else if (sscanf(line, "hear %llu", &at_us) == 1) {
        hear(board, at_us);
    } else if (strncmp(line, "next", 4) == 0) {
        printf("%" PRIu64 "\n", virtual_board_next_us(board));
    } else if (strncmp(line, "flash", 5) == 0) {
        show_flash(board);
    } else {
        send(board, line);
    }
}

int main(int count, char **arguments)
{
    char trouble[VIRTUAL_TROUBLE_BYTES];
    virtual_board_t *board = count == 2 ? virtual_board_load(arguments[1], trouble) : NULL;
    if (board == NULL) {
        fprintf(stderr, "%s\n", trouble);
        return EXIT_FAILURE;
    }
    while (fgets(s_line, sizeof(s_line), stdin) != NULL) {
        obey(board, s_line);
        (void)fflush(stdout);
    }
    virtual_board_free(board);
    return EXIT_SUCCESS;
}
