#define _GNU_SOURCE
#include "host_options.h"

#include <getopt.h>
#include <linux/serial.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

const char host_usage[] =
    "usage: stmota-bridge --name NAME (--port PATH | --board FILE [--count N]) ... [--listen HOST:PORT]\n"
    "                     [--reset LINE] [--boot0 LINE] [--console \"115200 8N1\"] [--state-dir DIR [--insecure] [--trial SECONDS]]\n"
    "Make a serial port a bridge on the network. LINE: rts, dtr, !rts or !dtr. It is not announced by mDNS.\n"
    "With --board its UART is a virtual board's: python -m stmota_simulator.board_file writes the FILE.\n"
    "Several of them, or --count, make as many bridges: NAME-1 at HOST:PORT, NAME-2 at the TCP port above, ...\n"
    "On its standard input, a terminal or a pipe, one bridge takes words: help, show, set KEY VALUE, save, reboot, secure\n"
    "(a daemon may secure it, within 5 minutes; shows its key's fingerprint), insecure (forgets key and daemon).\n"
    "With --state-dir it keeps its settings and firmware there, a file each, and they count before the options; without\n"
    "it nothing is kept, and the network may change nothing. What it may do are settings: net_settings, net_update.\n"
    "It keeps and tries a firmware's image, but runs none: only what it says it is changes. One that no controller came to\n"
    "in SECONDS (600), or before its next start, is given up.\n"
    "It can be secured then (stmota bridge secure NAME), and speaks TLS to that daemon only; DIR/secure holds its key.\n"
    "--insecure forgets that at the start.\n"
    "Example: stmota-bridge --name desk --port /dev/ttyUSB0 --reset rts --boot0 dtr --state-dir /var/lib/stmota-desk\n";

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
    {"state-dir", required_argument, NULL, 's'}, {"insecure", no_argument, NULL, 'i'},
    {"trial", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

/* As many boards as the last one describes: copies of their own. */
static bool repeat_last(host_order_t *order, unsigned long count)
{
    if (order->count == 0 || !order->uarts[order->count - 1].is_virtual || count == 0 ||
        count > HOST_MOST_BOARDS - order->count + 1) {
        return false;
    }
    for (; count > 1; count--, order->count++) {
        order->uarts[order->count] = order->uarts[order->count - 1];
    }
    return true;
}

/* What is wrong with them together. */
static const char *check(const host_order_t *order)
{
    if (order->name == NULL || order->count == 0 || order->name[0] == '\0' ||
        strlen(order->name) + sizeof("-256") > BRIDGE_MAX_NAME || !bridge_is_utf8(bridge_span_of(order->name))) {
        return host_usage;
    }
    if (order->state_dir != NULL && order->count > 1) {
        return "--state-dir is for one bridge";
    }
    if (order->is_insecure && order->state_dir == NULL) {
        return "--insecure forgets what --state-dir DIR keeps; name it too";
    }
    return order->reset.bit != 0 && order->reset.bit == order->boot0.bit ? "one line cannot drive both" : NULL;
}

const char *host_parse(int count, char **arguments, host_order_t *order)
{
    int option;
    while ((option = getopt_long(count, arguments, "h", s_options, NULL)) != -1) {
        switch (option) {
        case 'n':
            order->name = optarg;
            break;
        case 'p':
        case 'v':
            if (order->count == HOST_MOST_BOARDS) {
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
        case 't':
            order->trial_us = strtoul(optarg, NULL, 10) * 1000000U;
            if (order->trial_us == 0) {
                return "--trial is how many seconds a new firmware waits for a controller: 1 or more";
            }
            break;
        case 'i':
            order->is_insecure = true;
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
            return host_usage;
        }
    }
    return check(order);
}
