/* stmota-bridge: the bridge's core as a program, serial ports of this machine as bridges on the network. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <linux/serial.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "bridge_settings.h"
#include "host_board.h"

#define EXIT_USAGE 2
#define VERSION "host-0.1.0"
#define MOST_BOARDS 256U

static volatile sig_atomic_t s_is_stopped;

_Static_assert(_Generic((sig_atomic_t)0, int: 1, default: 0), "host_run is told by an int");

typedef struct {
    const char *name;
    struct {
        const char *path;
        bool is_virtual;
    } uarts[MOST_BOARDS];
    size_t count;
    const char *listen;
    const char *state_dir;
    host_wire_t reset;
    host_wire_t boot0;
    bridge_uart_t console;
} order_t;

static const char s_usage[] =
    "usage: stmota-bridge --name NAME (--port PATH | --board FILE [--count N]) ... [--listen HOST:PORT]\n"
    "                     [--reset LINE] [--boot0 LINE] [--console \"115200 8N1\"] [--state-dir DIR]\n"
    "Make a serial port a bridge on the network. LINE: rts, dtr, !rts or !dtr. It is not announced by mDNS.\n"
    "With --board its UART is a virtual board's: python -m stmota_simulator.board_file writes the FILE.\n"
    "Several of them, or --count, make as many bridges: NAME-1 at HOST:PORT, NAME-2 at the TCP port above, ...\n"
    "With --state-dir one bridge keeps its settings and firmware there, a file each; what the network may do says\n"
    "DIR/net_settings and DIR/net_update: yes or no. Its pins are an ESP32's, and it drives none of them.\n";

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

static bool parse_wire(const char *text, host_wire_t *wire)
{
    wire->is_inverted = text[0] == '!';
    text += wire->is_inverted ? 1 : 0;
    wire->bit = strcmp(text, "rts") == 0 ? TIOCM_RTS : strcmp(text, "dtr") == 0 ? TIOCM_DTR : 0;
    return wire->bit != 0;
}

static const struct option s_options[] = {
    {"board", required_argument, NULL, 'v'},  {"count", required_argument, NULL, 'N'},
    {"name", required_argument, NULL, 'n'},   {"port", required_argument, NULL, 'p'},
    {"listen", required_argument, NULL, 'l'}, {"reset", required_argument, NULL, 'r'},
    {"boot0", required_argument, NULL, 'b'},  {"console", required_argument, NULL, 'c'},
    {"state-dir", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

/* As many boards as the last one describes: copies of their own. */
static bool repeat_last(order_t *order, unsigned long count)
{
    if (order->count == 0 || !order->uarts[order->count - 1].is_virtual || count == 0 ||
        count > MOST_BOARDS - order->count + 1) {
        return false;
    }
    for (; count > 1; count--, order->count++) {
        order->uarts[order->count] = order->uarts[order->count - 1];
    }
    return true;
}

/* What is wrong with the options; NULL: nothing. */
static const char *parse(int count, char **arguments, order_t *order)
{
    int option;
    while ((option = getopt_long(count, arguments, "h", s_options, NULL)) != -1) {
        switch (option) {
        case 'n':
            order->name = optarg;
            break;
        case 'p':
        case 'v':
            if (order->count == MOST_BOARDS) {
                return "too many boards; start another process";
            }
            order->uarts[order->count].path = optarg;
            order->uarts[order->count++].is_virtual = option == 'v';
            break;
        case 'N':
            if (!repeat_last(order, strtoul(optarg, NULL, 10))) {
                return "--count N follows the --board that it repeats, 1 to 256 in all";
            }
            break;
        case 's':
            order->state_dir = optarg;
            break;
        case 'l':
            order->listen = optarg;
            break;
        case 'r':
        case 'b':
            if (!parse_wire(optarg, option == 'r' ? &order->reset : &order->boot0)) {
                return "--reset and --boot0 can be rts, dtr, !rts or !dtr";
            }
            break;
        case 'c':
            if (!bridge_parse_uart(optarg, &order->console)) {
                return "--console is no UART setting; write baud, data bits, parity, stop bits: \"115200 8N1\"";
            }
            break;
        default:
            return s_usage;
        }
    }
    if (order->name == NULL || order->count == 0 || order->name[0] == '\0' ||
        strlen(order->name) + sizeof("-256") > BRIDGE_MAX_NAME || !bridge_is_utf8(bridge_span_of(order->name))) {
        return s_usage;
    }
    if (order->state_dir != NULL && order->count > 1) {
        return "--state-dir is for one bridge";
    }
    return order->reset.bit != 0 && order->reset.bit == order->boot0.bit ? "one line cannot drive both" : NULL;
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
static const bridge_chip_t *load_settings(host_board_t *board, const order_t *order)
{
    static bridge_chip_t chip;
    bridge_settings_t *settings = &board->port.settings;
    chip = *bridge_chip("esp32");
    chip.name = "host";
    bridge_settings_default(settings, &chip, board->name, 7820);
    settings->console = order->console;
    (void)bridge_settings_load(&board->port, settings, &chip);
    snprintf(board->name, sizeof(board->name), "%.*s", (int)sizeof(board->name) - 1, settings->name);
    return &chip;
}

static bridge_error_t start(host_board_t *board, const order_t *order)
{
    bool has_settings = order->state_dir != NULL;
    const bridge_chip_t *chip = has_settings ? load_settings(board, order) : NULL;
    bridge_config_t config = {
        .name = board->name,
        .firmware = host_firmware(&board->port, VERSION),
        .project = HOST_PROJECT,
        .chip = chip,
        .settings = has_settings ? &board->port.settings : NULL,
        .credit = HOST_CREDIT,
        .max_batch = HOST_MAX_BATCH,
        .console = has_settings ? board->port.settings.console : order->console,
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
    return bridge_start(&board->bridge, &board->port, &config);
}

/* Open, listen, start. False: why not was said. */
static bool begin(host_board_t *board, const order_t *order, unsigned int number)
{
    bool is_loopback = true;
    bridge_port_t *port = &board->port;
    (void)pthread_mutex_init(&port->lock, NULL);
    snprintf(board->name, sizeof(board->name), order->count > 1 ? "%s-%u" : "%s", order->name, number + 1);
    port->reset = order->reset;
    port->boot0 = order->boot0;
    port->state_dir = order->state_dir;
    const char *path = order->uarts[number].path;
    bool is_open = order->uarts[number].is_virtual ? host_open_virtual(port, path) : host_open_tty(port, path);
    if (!is_open ||
        !host_listen(port, order->listen, number, board->shown, &is_loopback)) {
        fprintf(stderr, "error: %s\n", port->trouble);
        return false;
    }
    if (start(board, order) != BRIDGE_OK) {
        fprintf(stderr, "error: %s cannot be set up for the console: %s\n", port->path, port->trouble);
        return false;
    }
    printf("%s listening on %s\n", board->name, board->shown);
    (void)fflush(stdout);
    if (!is_loopback) {
        fprintf(stderr, "warning: whoever reaches %s can flash this board: this bridge is not secured\n",
                board->shown);
    }
    return true;
}

/* Serve the boards once. Whether it ended well; `is_again`: the bridge is to start anew, where it listened. */
static bool run(order_t *order, bool *is_again)
{
    static host_board_t *boards[MOST_BOARDS];
    static char listen[HOST_ADDRESS_BYTES];
    *is_again = false;
    for (unsigned int i = 0; i < order->count; i++) {
        boards[i] = calloc(1, sizeof(*boards[i]));
        if (boards[i] == NULL) {
            fprintf(stderr, "error: no memory for board %u\n", i + 1);
            return false;
        }
        if (!begin(boards[i], order, i)) {
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
        (void)close(port->listener);
        free(boards[i]);
    }
    return is_well;
}

int main(int count, char **arguments)
{
    order_t order = {
        .listen = "127.0.0.1:7820", .console = {.baud = 115200, .data_bits = 8, .stop_bits = 1}};
    bool is_well, is_again;
    const char *wrong = parse(count, arguments, &order);
    if (wrong != NULL) {
        fprintf(stderr, "%s%s\n", wrong == s_usage ? "" : "error: ", wrong);
        return EXIT_USAGE;
    }
    catch_signals();
    do {
        is_well = run(&order, &is_again);
    } while (is_well && is_again);
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
