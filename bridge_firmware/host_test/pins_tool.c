/* The pins' table, a line each, separated by tabs: CHIP, use, GPIO, why not (empty: it can). GPIO -1: the default's own
 * line, `CHIP default USE PIN`. */
#include <stdio.h>

#include "bridge_pins.h"

#define BEYOND 60 /* more than any chip has */

int main(void)
{
    const bridge_chip_t *chip;
    for (size_t i = 0; (chip = bridge_chip_at(i)) != NULL; i++) {
        for (unsigned int use = 0; use < BRIDGE_PIN_USES; use++) {
            const char *name = bridge_pin_use_name((bridge_pin_use_t)use);
            printf("%s\tdefault\t%s\t%d\n", chip->name, name, chip->defaults[use]);
            for (int pin = 0; pin < BEYOND; pin++) {
                const char *why = bridge_pin_refusal(chip, pin, (bridge_pin_use_t)use);
                printf("%s\t%s\t%d\t%s\n", chip->name, name, pin, why != NULL ? why : "");
            }
        }
    }
    return 0;
}
