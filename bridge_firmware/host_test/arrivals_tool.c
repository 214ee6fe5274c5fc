/* Lines of `add AT_US BYTES SILENCE_US` and `take MOST`; a take is answered `BYTES AT_US`, or `0`. First line: BYTE_NS. */
#include <inttypes.h>
#include <stdio.h>

#include "port_arrivals.h"

int main(void)
{
    port_arrivals_t arrivals = {0};
    uint32_t byte_ns, silence_us;
    uint64_t at_us;
    size_t bytes;
    char word[8];
    if (scanf("%" SCNu32, &byte_ns) != 1) {
        return 1;
    }
    while (scanf("%7s", word) == 1) {
        if (word[0] == 'a') {
            if (scanf("%" SCNu64 "%zu%" SCNu32, &at_us, &bytes, &silence_us) != 3) {
                return 1;
            }
            port_arrivals_add(&arrivals, at_us, bytes, byte_ns, silence_us);
            continue;
        }
        if (scanf("%zu", &bytes) != 1) {
            return 1;
        }
        size_t taken = port_arrivals_take(&arrivals, bytes, byte_ns, &at_us);
        if (taken == 0) {
            printf("0\n");
        } else {
            printf("%zu %" PRIu64 "\n", taken, at_us);
        }
    }
    return 0;
}
