/* SHA-256 of bytes that come in pieces (FIPS 180-4). */
#pragma once

#include "bridge_bytes.h"

typedef struct {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t length; /* bytes so far */
} bridge_sha256_t;

void bridge_sha256_start(bridge_sha256_t *sum);
void bridge_sha256_add(bridge_sha256_t *sum, bridge_span_t data);
/* `digest` takes 32 bytes. Nothing can be added after it. */
void bridge_sha256_end(bridge_sha256_t *sum, uint8_t *digest);
