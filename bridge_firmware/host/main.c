/* stmota-bridge: the bridge's core as a program, a serial port of this machine as a bridge on the network. */
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

#include "host_port.h"

#define EXIT_USAGE 2
#define VERSION "host-0.1.0"
#define CREDIT 65536U    /* several of the largest batches, as the Python bridge has */
#define MAX_BATCH 16384U /* seven 2 KiB pages */
#define RING_BYTES 65536U /* 5.7 s of an unbroken stream at 115200 baud */
#define SHOWN_BYTES 192U

static uint8_t s_requests[BRIDGE_REQUEST_QUEUE_BYTES(CREDIT, MAX_BATCH)];
static uint8_t s_results[BRIDGE_RESULT_QUEUE_BYTES(CREDIT)];
static uint8_t s_last[CREDIT];
static uint8_t s_input[BRIDGE_INPUT_BYTES(MAX_BATCH)];
static uint8_t s_ring[RING_BYTES];
static bridge_mark_t s_marks[RING_BYTES / BRIDGE_RING_BYTES_A_MARK];
static bridge_t s_bridge;
static bridge_port_t s_port;
static volatile sig_atomic_t s_is_stopped;

typedef struct {
    const char *name;
    const char *path;
    const char *listen;
    bridge_uart_t console;
} order_t;

static const char s_usage[] =
    "usage: stmota-bridge --name NAME --port PATH [--listen HOST:PORT] [--reset LINE] [--boot0 LINE]\n"
    "                     [--console \"115200 8N1\"]\n"
    "Make a serial port a bridge on the network. LINE: rts, dtr, !rts or !dtr. It is not announced by mDNS.\n";

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

static bool parse_uart(const char *text, bridge_uart_t *uart)
{
    unsigned int baud, data_bits, stop_bits;
    char parity, more;
    if (sscanf(text, "%8u %1u%c%1u%c", &baud, &data_bits, &parity, &stop_bits, &more) != 4) {
        return false;
    }
    const char *found = strchr("NEO", parity);
    if (found == NULL || parity == '\0' || baud < 50 || data_bits < 7 || data_bits > 8 || stop_bits < 1 ||
        stop_bits > 2) {
        return false;
    }
    static const char order[] = "NEO";
    *uart = (bridge_uart_t){.baud = baud,
                            .data_bits = (uint8_t)data_bits,
                            .parity = (uint8_t)(strchr(order, parity) - order),
                            .stop_bits = (uint8_t)stop_bits};
    return true;
}

static const struct option s_options[] = {
    {"name", required_argument, NULL, 'n'},   {"port", required_argument, NULL, 'p'},
    {"listen", required_argument, NULL, 'l'}, {"reset", required_argument, NULL, 'r'},
    {"boot0", required_argument, NULL, 'b'},  {"console", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

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
            order->path = optarg;
            break;
        case 'l':
            order->listen = optarg;
            break;
        case 'r':
        case 'b':
            if (!parse_wire(optarg, option == 'r' ? &s_port.reset : &s_port.boot0)) {
                return "--reset and --boot0 can be rts, dtr, !rts or !dtr";
            }
            break;
        case 'c':
            if (!parse_uart(optarg, &order->console)) {
                return "--console is no UART setting; write baud, data bits, parity, stop bits: \"115200 8N1\"";
            }
            break;
        default:
            return s_usage;
        }
    }
    if (order->name == NULL || order->path == NULL || order->name[0] == '\0' ||
        strlen(order->name) >= BRIDGE_MAX_NAME || !bridge_is_utf8(bridge_span_of(order->name))) {
        return s_usage;
    }
    return s_port.reset.bit != 0 && s_port.reset.bit == s_port.boot0.bit ? "one line cannot drive both" : NULL;
}

/* FNV-1a: the same id for this machine and this port, always. */
static uint64_t hash(uint64_t seed, const char *text)
{
    for (; *text != '\0'; text++) {
        seed = (seed ^ (uint8_t)*text) * 0x100000001b3ULL;
    }
    return seed;
}

static void identify(bridge_config_t *config, const char *path)
{
    char machine[64] = "";
    FILE *file = fopen("/etc/machine-id", "r");
    if (file != NULL) {
        if (fgets(machine, sizeof(machine), file) == NULL) {
            machine[0] = '\0'; /* the path alone has to do */
        }
        fclose(file);
    }
    uint64_t id = hash(hash(0xcbf29ce484222325ULL, machine), path);
    bridge_writer_t writer = bridge_writer(config->unique_id, BRIDGE_UNIQUE_ID_BYTES);
    bridge_put_u64(&writer, id);
    if (getrandom(config->boot_id, BRIDGE_BOOT_ID_BYTES, 0) != BRIDGE_BOOT_ID_BYTES) {
        abort(); /* eight bytes are always there (getrandom(2)) */
    }
}

static bridge_error_t start(const order_t *order)
{
    bridge_config_t config = {
        .name = order->name,
        .firmware = VERSION,
        .credit = CREDIT,
        .max_batch = MAX_BATCH,
        .console = order->console,
        .requests = s_requests,
        .results = s_results,
        .last = s_last,
        .input = s_input,
        .ring = s_ring,
        .ring_bytes = RING_BYTES,
        .marks = s_marks,
        .mark_count = sizeof(s_marks) / sizeof(s_marks[0]),
    };
    identify(&config, order->path);
    return bridge_start(&s_bridge, &s_port, &config);
}

/* Poll until a signal or the UART's end; then until everybody heard the goodbye. */
static int run(void)
{
    uint64_t wake_us;
    bridge_error_t error;
    do {
        error = bridge_poll(&s_bridge, &wake_us);
        if (error == BRIDGE_WAIT || error == BRIDGE_OK) {
            host_wait(&s_port, wake_us);
        }
    } while (s_is_stopped == 0 && error != BRIDGE_ERR_PORT);
    char text[BRIDGE_MAX_TEXT] = "";
    if (error == BRIDGE_ERR_PORT) {
        snprintf(text, sizeof(text), "the bridge's serial port failed: %.160s", s_port.trouble);
        fprintf(stderr, "error: %s\n", s_port.trouble);
    }
    bridge_shut(&s_bridge, text);
    while (bridge_is_connected(&s_bridge)) {
        (void)bridge_poll(&s_bridge, &wake_us);
        s_port.wants_read = false; /* a UART that failed would wake us for ever */
        host_wait(&s_port, wake_us);
    }
    host_close_tty(&s_port);
    return error == BRIDGE_ERR_PORT ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
    order_t order = {
        .listen = "127.0.0.1:7820", .console = {.baud = 115200, .data_bits = 8, .stop_bits = 1}};
    char shown[SHOWN_BYTES];
    bool is_loopback = true;
    const char *wrong = parse(count, arguments, &order);
    if (wrong != NULL) {
        fprintf(stderr, "%s%s\n", wrong == s_usage ? "" : "error: ", wrong);
        return EXIT_USAGE;
    }
    catch_signals();
    if (!host_open_tty(&s_port, order.path) ||
        !host_listen(&s_port, order.listen, shown, sizeof(shown), &is_loopback)) {
        fprintf(stderr, "error: %s\n", s_port.trouble);
        return EXIT_FAILURE;
    }
    if (start(&order) != BRIDGE_OK) {
        fprintf(stderr, "error: %s cannot be set up for the console: %s\n", order.path, s_port.trouble);
        return EXIT_FAILURE;
    }
    printf("%s listening on %s\n", order.name, shown);
    (void)fflush(stdout);
    if (!is_loopback) {
        fprintf(stderr, "warning: whoever reaches %s can flash this board: this bridge is not secured\n", shown);
    }
    return run();
}
