/* What of bridge_port.h is neither UART nor socket: time, the two threads' meeting, and what this program lacks. */
#define _GNU_SOURCE
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

/* This program keeps no settings: its options are. */
bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    (void)port;
    (void)key;
    (void)data;
    (void)capacity;
    *length = 0;
    return BRIDGE_ERR_UNKNOWN;
}

bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    (void)port;
    (void)key;
    (void)value;
    return BRIDGE_ERR_UNSUPPORTED;
}

bridge_error_t bridge_port_forget(bridge_port_t *port, const char *key)
{
    (void)port;
    (void)key;
    return BRIDGE_OK;
}

/* It is updated by being replaced. */
bridge_error_t bridge_port_update_begin(bridge_port_t *port, uint32_t length_bytes)
{
    (void)port;
    (void)length_bytes;
    return BRIDGE_ERR_UNSUPPORTED;
}

bridge_error_t bridge_port_update_write(bridge_port_t *port, bridge_span_t data)
{
    (void)port;
    (void)data;
    return BRIDGE_ERR_UNSUPPORTED;
}

bridge_error_t bridge_port_update_finish(bridge_port_t *port)
{
    (void)port;
    return BRIDGE_ERR_UNSUPPORTED;
}

void bridge_port_update_cancel(bridge_port_t *port)
{
    (void)port;
}

const char *bridge_port_update_trouble(bridge_port_t *port)
{
    (void)port;
    return "this bridge is a program of its machine, and is updated there";
}

void bridge_port_confirm(bridge_port_t *port)
{
    (void)port;
}

void bridge_port_restart(bridge_port_t *port)
{
    (void)port;
}
