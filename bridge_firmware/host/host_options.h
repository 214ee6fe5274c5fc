/* What the program is told to be, on its command line. */
#pragma once

#include "host_board.h"

#define HOST_MOST_BOARDS 256U

typedef struct {
    const char *name;
    struct {
        const char *path;
        bool is_virtual;
    } uarts[HOST_MOST_BOARDS];
    size_t count;
    const char *listen;
    const char *state_dir;
    uint64_t trial_us; /* how long a new firmware waits for a controller */
    bool is_insecure; /* forget key and certificates first */
    host_wire_t reset;
    host_wire_t boot0;
    bridge_uart_t console;
} host_order_t;

extern const char host_usage[];

/* What is wrong with the options, for people; `host_usage` where they are not enough; NULL: nothing. */
const char *host_parse(int count, char **arguments, host_order_t *order);
