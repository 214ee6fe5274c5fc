/* The pins' table, a line each, separated by tabs: CHIP, use, GPIO, why not (empty: it can). GPIO -1: the default's own
 * line, `CHIP default USE PIN`. */
#include <stdio.h>

#include "bridge_pins.h"

#define TAKEN_NAME "esp32s3, 9 and 48 taken"
#define BEYOND 60 /* more than any chip has */

static void print(const bridge_chip_t *chip)
{
    for (unsigned int use = 0; use < BRIDGE_PIN_USES; use++) {
        const char *name = bridge_pin_use_name((bridge_pin_use_t)use);
        printf("%s\tdefault\t%s\t%d\n", chip->name, name, chip->defaults[use]);
        for (int pin = 0; pin < BEYOND; pin++) {
            const char *why = bridge_pin_refusal(chip, pin, (bridge_pin_use_t)use);
            printf("%s\t%s\t%d\t%s\n", chip->name, name, pin, why != NULL ? why : "");
        }
    }
}

int main(void)
{
    const bridge_chip_t *chip;
    for (size_t i = 0; (chip = bridge_chip_at(i)) != NULL; i++) {
        print(chip);
    }
    bridge_chip_t wired = *bridge_chip("esp32s3");
    wired.name = TAKEN_NAME;
    wired.taken = 1ULL << 9 | 1ULL << 48;
    print(&wired);
    return 0;
}
