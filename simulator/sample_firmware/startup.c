/* Vector table and what runs before main(). */
#include <stdint.h>

#include "board.h"

/* 16 vectors of the core and 43 of the medium-density interrupts (RM0008 table 63). */
#define CORE_VECTORS 16
#define INTERRUPT_VECTORS 43

typedef void (*handler_t)(void);

extern uint32_t g_data_start[], g_data_end[], g_bss_start[], g_bss_end[], g_stack_top[];
extern const uint32_t g_data_in_flash[];

int main(void);
void reset_handler(void);
static void unexpected_handler(void);

struct vector_table {
    uint32_t *stack_top;
    handler_t handlers[CORE_VECTORS - 1 + INTERRUPT_VECTORS];
};

#define ENTRY(vector) [(vector) - 1]
__attribute__((section(".vectors"), used)) const struct vector_table g_vectors = {
    .stack_top = g_stack_top,
    .handlers =
        {
            ENTRY(1) = reset_handler,
            ENTRY(2) = unexpected_handler,  /* NMI */
            ENTRY(3) = unexpected_handler,  /* HardFault */
            ENTRY(4) = unexpected_handler,  /* MemManage */
            ENTRY(5) = unexpected_handler,  /* BusFault */
            ENTRY(6) = unexpected_handler,  /* UsageFault */
            ENTRY(11) = unexpected_handler, /* SVCall */
            ENTRY(12) = unexpected_handler, /* DebugMonitor */
            ENTRY(14) = unexpected_handler, /* PendSV */
            ENTRY(15) = board_tick,         /* SysTick */
            [CORE_VECTORS - 1 ... CORE_VECTORS + INTERRUPT_VECTORS - 2] = unexpected_handler,
        },
};
_Static_assert(sizeof(struct vector_table) == 4 * (CORE_VECTORS + INTERRUPT_VECTORS), "a word per vector");

void reset_handler(void)
{
    const uint32_t *from = g_data_in_flash;

    for (uint32_t *to = g_data_start; to < g_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = g_bss_start; to < g_bss_end; to++) {
        *to = 0;
    }
    /* Started by the ROM's GO command instead of a reset, the core would still use the ROM's vectors. */
    board_use_vectors(&g_vectors);
    (void)main();
    unexpected_handler();
}

static void unexpected_handler(void)
{
    for (;;) {
    }
}
