/* stmota-bridge: the bridge's core as a program, serial ports of this machine as bridges on the network. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bridge_settings.h"
#include "host_options.h"

#define EXIT_USAGE 2
#define VERSION "host-0.1.0"
#define TRIAL_US 600000000U /* ten minutes, as an ESP32 has by default (Kconfig: STMOTA_NEW_FIRMWARE_MINUTES) */

static volatile sig_atomic_t s_is_stopped;

_Static_assert(_Generic((sig_atomic_t)0, int: 1, default: 0), "host_run is told by an int");

static void on_signal(int number)
{
    (void)number;
    s_is_stopped = 1;
}

/* Signals come only while the program waits. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t caught;
    sigemptyset(&caught);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &caught, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* FNV-1a: the same id for this machine and this port, always. */
static uint64_t hash(uint64_t seed, const char *text)
{
    for (; *text != '\0'; text++) {
        seed = (seed ^ (uint8_t)*text) * 0x100000001b3ULL;
    }
    return seed;
}

static void identify(bridge_config_t *config, const host_board_t *board)
{
    const char *path = board->port.path;
    char machine[64] = "";
    FILE *file = fopen("/etc/machine-id", "r");
    if (file != NULL) {
        if (fgets(machine, sizeof(machine), file) == NULL) {
            machine[0] = '\0'; /* the path alone has to do */
        }
        fclose(file);
    }
    uint64_t id = hash(hash(0xcbf29ce484222325ULL, machine), path);
    id = board->port.board != NULL ? hash(id, board->name) : id; /* of one file there are many */
    bridge_writer_t writer = bridge_writer(config->unique_id, BRIDGE_UNIQUE_ID_BYTES);
    bridge_put_u64(&writer, id);
    if (getrandom(config->boot_id, BRIDGE_BOOT_ID_BYTES, 0) != BRIDGE_BOOT_ID_BYTES) {
        abort(); /* eight bytes are always there (getrandom(2)) */
    }
}

/* The options, and over them what is stored. */
static void load_settings(host_board_t *board, const host_order_t *order)
{
    static const bridge_chip_t program = {.name = "host"};
    bridge_settings_t *settings = &board->port.settings;
    board->port.chip = &program;
    bridge_settings_default(settings, &program, board->name, 0);
    settings->console = order->console;
    (void)bridge_settings_load(&board->port, settings, &program);
    snprintf(board->name, sizeof(board->name), "%.*s", (int)sizeof(board->name) - 1, settings->name);
}

static bool start(host_board_t *board, const host_order_t *order, bool is_power_up)
{
    bool has_settings = order->state_dir != NULL;
    load_settings(board, order);
    bridge_config_t config = {
        .name = board->name,
        .firmware = host_firmware(&board->port, VERSION),
        .project = HOST_PROJECT,
        .chip = has_settings ? board->port.chip : NULL,
        .settings = has_settings ? &board->port.settings : NULL,
        .trial_us = order->trial_us,
        .is_power_up = is_power_up,
        .credit = HOST_CREDIT,
        .max_batch = HOST_MAX_BATCH,
        .console = board->port.settings.console,
        .requests = board->requests,
        .work = board->work,
        .results = board->results,
        .last = board->last,
        .input = board->input,
        .ring = board->ring,
        .ring_bytes = HOST_RING_BYTES,
        .marks = board->marks,
        .mark_count = sizeof(board->marks) / sizeof(board->marks[0]),
    };
    identify(&config, board);
    if (has_settings && !host_open_security(&board->port, config.unique_id, order->is_insecure)) {
        fprintf(stderr, "error: %s\n", board->port.trouble);
        return false;
    }
    if (bridge_start(&board->bridge, &board->port, &config) != BRIDGE_OK) {
        fprintf(stderr, "error: %s cannot be set up for the console: %s\n", board->port.path, board->port.trouble);
        return false;
    }
    return true;
}

/* Open, listen, start. False: why not was said. */
static bool begin(host_board_t *board, const host_order_t *order, unsigned int number, bool is_power_up)
{
    bool is_loopback = true;
    bridge_port_t *port = &board->port;
    (void)pthread_mutex_init(&port->lock, NULL);
    snprintf(board->name, sizeof(board->name), order->count > 1 ? "%s-%u" : "%s", order->name, number + 1);
    port->reset = order->reset;
    port->boot0 = order->boot0;
    const char *path = order->uarts[number].path;
    bool is_open = order->uarts[number].is_virtual ? host_open_virtual(port, path) : host_open_tty(port, path);
    if (!is_open || !host_open_state(port, order->state_dir) ||
        !host_listen(port, order->listen, number, board->shown, &is_loopback)) {
        fprintf(stderr, "error: %s\n", port->trouble);
        return false;
    }
    if (!start(board, order, is_power_up)) {
        return false;
    }
    printf("%s listening on %s\n", board->name, board->shown);
    (void)fflush(stdout);
    if (!is_loopback && bridge_port_secure_state(port) != BRIDGE_SECURE_ON) {
        fprintf(stderr, "warning: whoever reaches %s can flash this board: this bridge is not secured\n",
                board->shown);
    }
    return true;
}

/* Serve the boards once. Whether it ended well; `is_again`: the bridge is to start anew, where it listened. */
static bool run(host_order_t *order, bool *is_again)
{
    bool is_power_up = !*is_again;
    static host_board_t *boards[HOST_MOST_BOARDS];
    static char listen[HOST_ADDRESS_BYTES];
    *is_again = false;
    for (unsigned int i = 0; i < order->count; i++) {
        boards[i] = calloc(1, sizeof(*boards[i]));
        if (boards[i] == NULL) {
            fprintf(stderr, "error: no memory for board %u\n", i + 1);
            return false;
        }
        if (!begin(boards[i], order, i, is_power_up)) {
            return false;
        }
    }
    bool is_well = host_run(boards, order->count, &s_is_stopped);
    for (size_t i = 0; i < order->count; i++) {
        bridge_port_t *port = &boards[i]->port;
        *is_again = port->is_restarting && s_is_stopped == 0;
        memcpy(listen, boards[i]->shown, sizeof(listen));
        order->listen = *is_again ? listen : order->listen;
        port->kind->close(port);
        host_close_security(port);
        (void)close(port->listener);
        free(boards[i]);
    }
    return is_well;
}

int main(int count, char **arguments)
{
    host_order_t order = {
        .listen = "127.0.0.1:7820", .trial_us = TRIAL_US, .console = {.baud = 115200, .data_bits = 8, .stop_bits = 1}};
    bool is_well;
    bool is_again = false;
    const char *wrong = host_parse(count, arguments, &order);
    if (wrong != NULL) {
        fprintf(stderr, "%s%s\n", wrong == host_usage ? "" : "error: ", wrong);
        if (wrong == host_usage && !host_has_security()) {
            fprintf(stderr, "%s", "This one was built without secure mode: with libmbedtls-dev, make bridge builds it in.\n");
        }
        return EXIT_USAGE;
    }
    catch_signals();
    do {
        is_well = run(&order, &is_again);
        order.is_insecure = false;
    } while (is_well && is_again);
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
