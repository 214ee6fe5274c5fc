#include "port_arrivals.h"

static uint64_t pace_us(size_t bytes, uint32_t byte_ns)
{
    return (uint64_t)bytes * byte_ns / 1000U;
}

static port_burst_t *burst(port_arrivals_t *arrivals, size_t index)
{
    return &arrivals->bursts[(arrivals->first + index) % PORT_BURSTS];
}

static bool follows(const port_burst_t *one, uint64_t at_us, uint32_t byte_ns)
{
    uint64_t reckoned_us = one->at_us + pace_us(one->bytes, byte_ns);
    return at_us <= reckoned_us + PORT_DRIFT_US && reckoned_us <= at_us + PORT_DRIFT_US;
}

void port_arrivals_add(port_arrivals_t *arrivals, uint64_t at_us, size_t bytes, uint32_t byte_ns, uint32_t silence_us)
{
    if (bytes == 0) {
        return;
    }
    uint64_t back_us = pace_us(bytes - 1, byte_ns) + silence_us;
    uint64_t first_us = at_us > back_us ? at_us - back_us : 0;
    port_burst_t *last = arrivals->count > 0 ? burst(arrivals, arrivals->count - 1) : NULL;
    if (last != NULL && (follows(last, first_us, byte_ns) || arrivals->count == PORT_BURSTS)) {
        last->bytes += bytes;
        return;
    }
    arrivals->count++;
    *burst(arrivals, arrivals->count - 1) = (port_burst_t){first_us, bytes};
}

size_t port_arrivals_take(port_arrivals_t *arrivals, size_t most_bytes, uint32_t byte_ns, uint64_t *at_us)
{
    if (arrivals->count == 0 || most_bytes == 0) {
        return 0;
    }
    port_burst_t *oldest = burst(arrivals, 0);
    size_t taken = oldest->bytes < most_bytes ? oldest->bytes : most_bytes;
    *at_us = oldest->at_us;
    oldest->at_us += pace_us(taken, byte_ns);
    oldest->bytes -= taken;
    if (oldest->bytes == 0) {
        arrivals->first = (arrivals->first + 1) % PORT_BURSTS;
        arrivals->count--;
    }
    return taken;
}
