/* A coverage-guided fuzzer of sessions: fuzz_session [-n EXECUTIONS] [-s SEED] [-k KEEP] FILE...
 *
 * Plays each file; with -n it then plays what it makes of them, and keeps what reached new code as material, in the folder
 * KEEP if that is named. The core is compiled with -fsanitize-coverage=trace-pc, which calls back at each edge. What goes
 * wrong (a sanitizer's find, a CHECK) leaves the input as `found.bin` in the current folder: give it a name in finds/.
 *
 * An input is records of: what happens u8, length u8, bytes. */
#include <sanitizer/common_interface_defs.h>

#include "bench.h"
#include "check.h"
#include "fuzz_messages.h"

#define MAP_BITS 16U
#define MAX_INPUT 2048U
#define MAX_MATERIAL 2000U
#define PEERS 2U
#define TICK_US 5000U /* of time, for each unit of a record's length */

enum {
    PEER_SAYS,
    OTHER_PEER_SAYS,
    TARGET_SAYS,
    TIME_PASSES,
    PEER_COMES_AGAIN,
    PEER_READS,
    UART_CHANGES,
    KINDS,
};

typedef struct {
    size_t length;
    uint8_t data[MAX_INPUT];
} input_t;

static uint8_t s_map[1U << MAP_BITS]; /* of this execution */
static uint8_t s_seen[1U << MAP_BITS];
static uintptr_t s_before;
static input_t s_input;
static input_t *s_material[MAX_MATERIAL];
static size_t s_material_count;
static uint64_t s_chance = 1;
static const char *s_keep;

void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    uintptr_t edge = (here ^ s_before << 1) * (uintptr_t)0x9E3779B97F4A7C15ULL; /* Fibonacci hashing */
    s_map[edge >> (64U - MAP_BITS)] = 1;
    s_before = here;
}

static void save(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        (void)fwrite(s_input.data, 1, s_input.length, file);
        fclose(file);
    }
}

static void save_find(void)
{
    save("found.bin");
}

static uint32_t chance(uint32_t below)
{
    s_chance = s_chance * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth's MMIX */
    return (uint32_t)(s_chance >> 33) % below;
}

/* A peer that comes when it is first needed; -1: the port has no more sockets. */
static int peer(bench_t *bench, int *socks, size_t which)
{
    bool is_open = socks[which] >= 0 && bench->port.sockets[socks[which]].is_open;
    if (!is_open) {
        socks[which] = bench->port.socket_count < FAKE_SOCKETS ? fake_connect(&bench->port) : -1;
    }
    return socks[which];
}

static void happen(bench_t *bench, int *socks, uint8_t kind, bridge_span_t data)
{
    bridge_port_t *port = &bench->port;
    int sock;
    switch (kind % KINDS) {
    case PEER_SAYS:
    case OTHER_PEER_SAYS:
        sock = peer(bench, socks, kind % KINDS);
        if (sock >= 0) {
            fake_peer_says(port, sock, data.data, data.length);
        }
        break;
    case TARGET_SAYS:
        fake_target_says(port, port->now_us + 100, data.data, data.length);
        break;
    case TIME_PASSES:
        bench_run(bench, (uint64_t)data.length * data.length * TICK_US);
        break;
    case PEER_COMES_AGAIN:
        if (socks[0] >= 0 && port->sockets[socks[0]].is_open) {
            fake_peer_leaves(port, socks[0]);
        }
        socks[0] = -1;
        break;
    case PEER_READS:
        if (socks[0] >= 0) {
            fake_peer_reads(port, socks[0], data.length < 200 ? data.length : SIZE_MAX);
        }
        break;
    default:
        port->write_room = data.length > 100 ? SIZE_MAX : data.length;
        port->echoes = data.length % 2 != 0;
        port->is_gone = data.length == 77;
        port->keeps_nothing = data.length == 78;
        port->errors.overrun = (uint16_t)data.length;
        break;
    }
}

/* All that was said to a peer is whole messages; a new one is greeted, whatever was before but a restart. */
static void check_end(bench_t *bench, const int *socks)
{
    for (size_t i = 0; i < PEERS; i++) {
        bridge_frame_t frame;
        while (socks[i] >= 0 && fake_heard(&bench->port, socks[i], &frame)) {
            bridge_message_t message;
            bridge_error_t error = bridge_decode(&frame, &message);
            CHECK(error == BRIDGE_OK);
        }
    }
    if (bench->port.socket_count < FAKE_SOCKETS) {
        bench_run(bench, 20000000);
        int sock = bench_connect(bench);
        if (bench->port.restarts > 0) { /* R61: it lets nobody in any more */
            CHECK(!bench->port.sockets[sock].is_open);
        } else {
            CHECK_EQUAL(bench_hear(bench, sock).type, BRIDGE_GREETING);
        }
    }
}

static void play(void)
{
    int socks[PEERS] = {-1, -1};
    bench_t *bench = bench_start_managed();
    bench->port.secure = BRIDGE_SECURE_OFF;
    memset(s_map, 0, sizeof(s_map));
    for (size_t at = 0; at + 2 <= s_input.length;) {
        size_t left = s_input.length - at - 2;
        size_t length = s_input.data[at + 1] < left ? s_input.data[at + 1] : left;
        happen(bench, socks, s_input.data[at], (bridge_span_t){s_input.data + at + 2, length});
        bench_run(bench, 200);
        bool is_time = s_input.data[at] % KINDS == TIME_PASSES || s_input.data[at] % KINDS >= PEER_COMES_AGAIN;
        at += 2 + (is_time ? 0 : length); /* their length is what they say: no bytes follow */
    }
    check_end(bench, socks);
}

/* Whether it reached what nothing before did. */
static bool is_new(void)
{
    bool found = false;
    for (size_t i = 0; i < sizeof(s_map); i++) {
        found = found || (s_map[i] != 0 && s_seen[i] == 0);
        s_seen[i] |= s_map[i];
    }
    return found;
}

static void keep_input(void)
{
    if (s_material_count < MAX_MATERIAL) {
        s_material[s_material_count] = malloc(sizeof(s_input));
        *s_material[s_material_count++] = s_input;
    }
}

static void insert(size_t at, const uint8_t *data, size_t length)
{
    length = length < MAX_INPUT - s_input.length ? length : MAX_INPUT - s_input.length;
    memmove(s_input.data + at + length, s_input.data + at, s_input.length - at);
    memcpy(s_input.data + at, data, length);
    s_input.length += length;
}

/* Well-formed messages between two records, as one peer's records of at most 255 bytes. */
static void insert_messages(void)
{
    static uint8_t bytes[MAX_INPUT];
    bridge_writer_t frames = bridge_writer(bytes, sizeof(bytes));
    fuzz_put_messages(&frames, chance);
    size_t at = 0;
    for (uint32_t skip = chance(20); skip > 0 && at + 2 <= s_input.length; skip--) {
        bool has_bytes = s_input.data[at] % KINDS <= TARGET_SAYS;
        at += 2U + (has_bytes ? s_input.data[at + 1] : 0U);
    }
    at = at < s_input.length ? at : s_input.length;
    uint8_t peer = (uint8_t)(chance(4) == 0 ? OTHER_PEER_SAYS : PEER_SAYS);
    for (size_t done = 0; done < frames.at;) {
        size_t length = frames.at - done < UINT8_MAX ? frames.at - done : UINT8_MAX;
        const uint8_t head[] = {peer, (uint8_t)length};
        if (s_input.length + sizeof(head) + length > MAX_INPUT) {
            return;
        }
        insert(at, head, sizeof(head));
        insert(at + sizeof(head), bytes + done, length);
        at += sizeof(head) + length;
        done += length;
    }
}

static void mutate(void)
{
    static const uint8_t interesting[] = {0, 1, 2, 3, 4, 10, 16, 17, 63, 64, 65, 0x7F, 0x80, 0xFE, 0xFF};
    const input_t *other = s_material[chance((uint32_t)s_material_count)];
    size_t at = s_input.length > 0 ? chance((uint32_t)s_input.length) : 0;
    size_t rest = s_input.length - at;
    size_t length = rest > 0 ? 1 + chance((uint32_t)(rest < 16 ? rest : 16)) : 0;
    switch (s_input.length > 0 ? chance(8) : 5) {
    case 0:
        s_input.data[at] ^= (uint8_t)(1U << chance(8));
        break;
    case 1:
        s_input.data[at] = interesting[chance(sizeof(interesting))];
        break;
    case 2:
        s_input.data[at] = (uint8_t)chance(256);
        break;
    case 3:
        memmove(s_input.data + at, s_input.data + at + length, rest - length);
        s_input.length -= length;
        break;
    case 4:
    case 5:
        insert_messages();
        break;
    default:
        if (other->length > 0) {
            size_t from = chance((uint32_t)other->length);
            insert(at, other->data + from, 1 + chance((uint32_t)(other->length - from)));
        }
    }
}

static void fuzz(unsigned long executions)
{
    for (unsigned long i = 0; i < executions; i++) {
        s_input = *s_material[chance((uint32_t)s_material_count)];
        for (uint32_t j = 1 + chance(4); j > 0; j--) {
            mutate();
        }
        play();
        if (is_new()) {
            char path[4096];
            keep_input();
            snprintf(path, sizeof(path), "%s/%06lu.bin", s_keep != NULL ? s_keep : "", i);
            if (s_keep != NULL) {
                save(path);
            }
        }
    }
}

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    s_input.length = fread(s_input.data, 1, MAX_INPUT, file);
    fclose(file);
}

int main(int count, char **arguments)
{
    unsigned long executions = 0;
    __sanitizer_set_death_callback(save_find);
    (void)atexit(save_find);
    for (int i = 1; i < count; i++) {
        if (arguments[i][0] == '-' && i + 1 < count) {
            char option = arguments[i++][1];
            executions = option == 'n' ? strtoul(arguments[i], NULL, 10) : executions;
            s_chance = option == 's' ? strtoul(arguments[i], NULL, 10) : s_chance;
            s_keep = option == 'k' ? arguments[i] : s_keep;
            continue;
        }
        load(arguments[i]);
        play();
        (void)is_new();
        keep_input();
    }
    size_t given = s_material_count;
    fuzz(given > 0 ? executions : 0);
    size_t edges = 0;
    for (size_t i = 0; i < sizeof(s_seen); i++) {
        edges += s_seen[i];
    }
    printf("%zu inputs, %lu more, %zu of them reached new code, %zu edges\n", given, executions,
           s_material_count - given, edges);
    for (size_t i = 0; i < s_material_count; i++) {
        free(s_material[i]);
    }
    (void)fflush(stdout);
    _Exit(EXIT_SUCCESS); /* nothing was found */
}
