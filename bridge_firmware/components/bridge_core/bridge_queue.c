#include "bridge_queue.h"

#include <string.h>

uint8_t *bridge_queue_room(bridge_queue_t *queue, size_t length)
{
    size_t used = queue->tail - queue->head;
    if (length > queue->capacity - used) {
        return NULL;
    }
    if (length > queue->capacity - queue->tail) {
        memmove(queue->data, queue->data + queue->head, used);
        queue->head = 0;
        queue->tail = used;
    }
    return queue->data + queue->tail;
}

void bridge_queue_commit(bridge_queue_t *queue, size_t length)
{
    queue->tail += length;
}

uint8_t *bridge_queue_front(const bridge_queue_t *queue)
{
    return queue->data + queue->head;
}

size_t bridge_queue_length(const bridge_queue_t *queue)
{
    return queue->tail - queue->head;
}

void bridge_queue_drop_front(bridge_queue_t *queue, size_t length)
{
    queue->head += length;
}

void bridge_queue_cut(bridge_queue_t *queue, size_t length)
{
    queue->tail = queue->head + length;
}
