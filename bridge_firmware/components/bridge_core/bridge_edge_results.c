/* The queue of results, as whoever sends them sees it. */
#include "bridge_edge.h"

bridge_span_t bridge_edge_newest_result(const bridge_edge_t *edge)
{
    const uint8_t *entry = edge->results.data + edge->results.tail - edge->newest_length;
    return (bridge_span_t){entry + BRIDGE_CHARGE_BYTES, edge->newest_length - BRIDGE_CHARGE_BYTES};
}

bridge_span_t bridge_edge_oldest_result(const bridge_edge_t *edge)
{
    if (bridge_queue_length(&edge->results) == 0) {
        return (bridge_span_t){0};
    }
    const uint8_t *frame = bridge_queue_front(&edge->results) + BRIDGE_CHARGE_BYTES;
    return (bridge_span_t){frame, BRIDGE_HEADER_BYTES + (size_t)(frame[0] | frame[1] << 8)};
}

uint32_t bridge_edge_drop_oldest(bridge_edge_t *edge)
{
    bridge_span_t frame = bridge_edge_oldest_result(edge);
    bridge_reader_t reader = bridge_reader(bridge_queue_front(&edge->results), BRIDGE_CHARGE_BYTES);
    uint32_t charge = bridge_get_u32(&reader);
    bridge_queue_drop_front(&edge->results, BRIDGE_CHARGE_BYTES + frame.length);
    return charge;
}
