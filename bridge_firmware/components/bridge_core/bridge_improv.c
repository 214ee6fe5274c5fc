#include "bridge_improv.h"

#include <string.h>

#define VERSION 1U
#define TYPE_AT 7U
#define LENGTH_AT 8U

static const uint8_t s_start[] = {'I', 'M', 'P', 'R', 'O', 'V', VERSION};

static uint8_t sum(const uint8_t *data, size_t length)
{
    unsigned int total = 0;
    for (size_t i = 0; i < length; i++) {
        total += data[i];
    }
    return (uint8_t)(total & 0xFFU);
}

bridge_improv_taken_t bridge_improv_take(bridge_improv_t *improv, uint8_t byte)
{
    size_t at = improv->length++;
    improv->packet[at] = byte;
    if (at < sizeof(s_start)) {
        return byte == s_start[at] ? BRIDGE_IMPROV_MORE : BRIDGE_IMPROV_NOT_MINE;
    }
    if (at < BRIDGE_IMPROV_HEAD_BYTES || at < BRIDGE_IMPROV_HEAD_BYTES + improv->packet[LENGTH_AT]) {
        return BRIDGE_IMPROV_MORE;
    }
    return byte == sum(improv->packet, at) ? BRIDGE_IMPROV_PACKET : BRIDGE_IMPROV_DAMAGED;
}

uint8_t bridge_improv_type(const bridge_improv_t *improv)
{
    return improv->packet[TYPE_AT];
}

bridge_span_t bridge_improv_data(const bridge_improv_t *improv)
{
    return (bridge_span_t){improv->packet + BRIDGE_IMPROV_HEAD_BYTES, improv->packet[LENGTH_AT]};
}

size_t bridge_improv_make(uint8_t *packet, uint8_t type, bridge_span_t data)
{
    size_t length = data.length < BRIDGE_IMPROV_MOST_DATA ? data.length : BRIDGE_IMPROV_MOST_DATA;
    size_t end = BRIDGE_IMPROV_HEAD_BYTES + length;
    memcpy(packet, s_start, sizeof(s_start));
    packet[TYPE_AT] = type;
    packet[LENGTH_AT] = (uint8_t)length;
    memcpy(packet + BRIDGE_IMPROV_HEAD_BYTES, data.data, length);
    packet[end] = sum(packet, end);
    packet[end + 1] = '\n';
    return end + 2;
}
