#include "bridge_sha256.h"

#include <string.h>

/* FIPS 180-4, 4.2.2: the first 32 bits of the cube roots' fractions of the first 64 primes. */
static const uint32_t s_k[64] = {
    0x428a2f98U, 0x71374491U, 0xb5c0fbcfU, 0xe9b5dba5U, 0x3956c25bU, 0x59f111f1U, 0x923f82a4U, 0xab1c5ed5U,
    0xd807aa98U, 0x12835b01U, 0x243185beU, 0x550c7dc3U, 0x72be5d74U, 0x80deb1feU, 0x9bdc06a7U, 0xc19bf174U,
    0xe49b69c1U, 0xefbe4786U, 0x0fc19dc6U, 0x240ca1ccU, 0x2de92c6fU, 0x4a7484aaU, 0x5cb0a9dcU, 0x76f988daU,
    0x983e5152U, 0xa831c66dU, 0xb00327c8U, 0xbf597fc7U, 0xc6e00bf3U, 0xd5a79147U, 0x06ca6351U, 0x14292967U,
    0x27b70a85U, 0x2e1b2138U, 0x4d2c6dfcU, 0x53380d13U, 0x650a7354U, 0x766a0abbU, 0x81c2c92eU, 0x92722c85U,
    0xa2bfe8a1U, 0xa81a664bU, 0xc24b8b70U, 0xc76c51a3U, 0xd192e819U, 0xd6990624U, 0xf40e3585U, 0x106aa070U,
    0x19a4c116U, 0x1e376c08U, 0x2748774cU, 0x34b0bcb5U, 0x391c0cb3U, 0x4ed8aa4aU, 0x5b9cca4fU, 0x682e6ff3U,
    0x748f82eeU, 0x78a5636fU, 0x84c87814U, 0x8cc70208U, 0x90befffaU, 0xa4506cebU, 0xbef9a3f7U, 0xc67178f2U,
};

static uint32_t rotated(uint32_t value, unsigned int by)
{
    return value >> by | value << (32U - by);
}

/* 6.2.2, step 1 */
static void make_schedule(const uint8_t *block, uint32_t *w)
{
    for (size_t t = 0; t < 16; t++) {
        const uint8_t *at = block + 4 * t;
        w[t] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (size_t t = 16; t < 64; t++) {
        uint32_t s0 = rotated(w[t - 15], 7) ^ rotated(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotated(w[t - 2], 17) ^ rotated(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
}

/* 6.2.2, steps 2 to 4 */
static void add_block(bridge_sha256_t *sum)
{
    uint32_t w[64];
    uint32_t v[8];
    make_schedule(sum->block, w);
    memcpy(v, sum->state, sizeof(v));
    for (size_t t = 0; t < 64; t++) {
        uint32_t s1 = rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25);
        uint32_t s0 = rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + s_k[t] + w[t];
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; i++) {
        sum->state[i] += v[i];
    }
}

void bridge_sha256_start(bridge_sha256_t *sum)
{
    /* 5.3.3 */
    *sum = (bridge_sha256_t){.state = {0x6a09e667U, 0xbb67ae85U, 0x3c6ef372U, 0xa54ff53aU, 0x510e527fU, 0x9b05688cU,
                                       0x1f83d9abU, 0x5be0cd19U}};
}

void bridge_sha256_add(bridge_sha256_t *sum, bridge_span_t data)
{
    for (size_t i = 0; i < data.length; i++) {
        sum->block[sum->length++ % sizeof(sum->block)] = data.data[i];
        if (sum->length % sizeof(sum->block) == 0) {
            add_block(sum);
        }
    }
}

void bridge_sha256_end(bridge_sha256_t *sum, uint8_t *digest)
{
    uint64_t bits = sum->length * 8U;
    uint8_t tail[72] = {0x80}; /* 5.1.1: a one, zeros up to 8 bytes before a block's end, the length */
    size_t zeros = (119U - (size_t)(sum->length % 64U)) % 64U;
    for (size_t i = 0; i < 8; i++) {
        tail[1 + zeros + i] = (uint8_t)(bits >> (56U - 8U * i));
    }
    bridge_sha256_add(sum, (bridge_span_t){tail, 1 + zeros + 8});
    for (size_t i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(sum->state[i / 4] >> (24U - 8U * (i % 4)));
    }
}
