/* The port's pace, by lines: `set BAUD DATA PARITY STOP` answers burst, silence and most waiting; `room NOW`; `due NOW`
 * (-1: not due); `wrote NOW WRITTEN WANTED` answers when the last stop bit leaves. Each answer is a line, at once. */
#include <inttypes.h>
#include <stdio.h>

#include "port_pace.h"

int main(void)
{
    port_pace_t pace = {0};
    bridge_uart_t uart = {0};
    char word[8];
    uint64_t now_us;
    while (scanf("%7s", word) == 1) {
        if (word[0] == 's') {
            if (scanf("%" SCNu32 "%hhu%hhu%hhu", &uart.baud, &uart.data_bits, &uart.parity, &uart.stop_bits) != 4) {
                return 1;
            }
            port_pace_set(&pace, &uart);
            printf("%zu %" PRIu32 " %zu\n", pace.burst_bytes, pace.silence_us, pace.most_waiting);
        } else if (scanf("%" SCNu64, &now_us) != 1) {
            return 1;
        } else if (word[0] == 'r') {
            printf("%zu\n", port_pace_room(&pace, now_us));
        } else if (word[0] == 'd') {
            uint64_t due_us = port_pace_due(&pace, now_us);
            printf("%" PRId64 "\n", due_us == PORT_NOT_DUE ? -1 : (int64_t)due_us);
        } else {
            size_t written, wanted;
            if (scanf("%zu%zu", &written, &wanted) != 2) {
                return 1;
            }
            port_pace_wrote(&pace, now_us, written, wanted);
            printf("%" PRIu64 "\n", port_pace_sent_us(&pace));
        }
        (void)fflush(stdout);
    }
    return 0;
}
