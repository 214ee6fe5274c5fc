/* What of bridge_port.h is neither UART, nor socket, nor storage: time, the two threads' meeting, the console's lines. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "host_board.h"

uint64_t host_now_us(void)
{
    static _Atomic uint64_t start_us;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_us = (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
    uint64_t none = 0;
    (void)atomic_compare_exchange_strong(&start_us, &none, now_us);
    return now_us - atomic_load(&start_us);
}

uint64_t bridge_port_now_us(bridge_port_t *port)
{
    (void)port;
    return host_now_us();
}

void bridge_port_lock(bridge_port_t *port)
{
    if (pthread_mutex_lock(&port->lock) != 0) {
        abort(); /* it is taken by this very thread: the core is wrong */
    }
}

void bridge_port_unlock(bridge_port_t *port)
{
    (void)pthread_mutex_unlock(&port->lock);
}

static void ring(host_bell_t *bell)
{
    if (!atomic_exchange(&bell->is_rung, true)) {
        (void)eventfd_write(bell->event, 1);
    }
}

void bridge_port_wake_engine(bridge_port_t *port)
{
    atomic_store(&port->is_engine_called, true);
    ring(port->engine_bell);
}

void bridge_port_wake_network(bridge_port_t *port)
{
    atomic_store(&port->is_network_called, true);
    ring(port->network_bell);
}

void bridge_port_tell(bridge_port_t *port, const char *line)
{
    printf("%s: %s\n", port->settings.name, line);
    (void)fflush(stdout);
}
