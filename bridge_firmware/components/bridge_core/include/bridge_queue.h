/* A queue of byte blocks in one piece of memory that its user gives. Blocks lie whole; they move together when room
 * is needed behind them, so that pointers into the queue do not outlive a call of `bridge_queue_room`. */
#pragma once

#include "bridge_bytes.h"

typedef struct {
    uint8_t *data;
    size_t capacity;
    size_t head;
    size_t tail;
} bridge_queue_t;

/* Where the next `length` bytes go; NULL when there is no room for them. */
uint8_t *bridge_queue_room(bridge_queue_t *queue, size_t length);
/* The bytes written there are part of the queue. */
void bridge_queue_commit(bridge_queue_t *queue, size_t length);
uint8_t *bridge_queue_front(const bridge_queue_t *queue);
size_t bridge_queue_length(const bridge_queue_t *queue);
void bridge_queue_drop_front(bridge_queue_t *queue, size_t length);
/* Keep only the first `length` bytes. */
void bridge_queue_cut(bridge_queue_t *queue, size_t length);
