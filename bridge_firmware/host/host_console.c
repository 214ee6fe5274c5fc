/* The bridge's own console: the core's, on this program's standard input and output. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge_console.h"
#include "host_board.h"

static bridge_console_t s_console;
static bridge_console_host_t s_host;

bool host_has_console(void)
{
    struct stat status;
    bool is_pipe = fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
    return is_pipe || isatty(STDIN_FILENO) == 1;
}

/* Lines end here as this machine's do. */
static void show(void *context, bridge_span_t data)
{
    (void)context;
    for (size_t i = 0; i < data.length; i++) {
        if (data.data[i] != '\r') {
            (void)putchar(data.data[i]);
        }
    }
    (void)fflush(stdout);
}

static bridge_error_t save(void *context, const bridge_settings_t *settings)
{
    host_board_t *board = context;
    return bridge_settings_store(&board->port, settings, board->port.chip);
}

static void reboot(void *context)
{
    host_board_t *board = context;
    bridge_restart(&board->bridge);
    bridge_port_wake_network(&board->port);
}

static bool join(void *context, const bridge_settings_t *settings)
{
    (void)context;
    (void)settings;
    return false;
}

static void scan(void *context, void (*found)(void *console, const char *ssid, int rssi_dbm, bool has_password),
                 void *console)
{
    (void)context;
    (void)found;
    (void)console;
}

static bool is_online(void *context)
{
    (void)context;
    return true;
}

static bridge_error_t secure(void *context, bool is_forgotten, bridge_trouble_t *shown)
{
    host_board_t *board = context;
    bridge_error_t error = is_forgotten ? bridge_insecure(&board->bridge, shown) : bridge_secure(&board->bridge, shown);
    bridge_port_wake_network(&board->port);
    return error;
}

void host_start_console(host_board_t *board)
{
    s_host = (bridge_console_host_t){.context = board,
                                     .is_echoed = true, /* a terminal shows what is typed, and nobody wants it of a pipe */
                                     .write = show,
                                     .save = save,
                                     .reboot = reboot,
                                     .join = join,
                                     .scan = scan,
                                     .is_online = is_online,
                                     .secure = secure};
    bridge_console_start(&s_console, &s_host, board->port.chip, board->bridge.config.firmware, &board->port.settings);
}

/* Whoever reads from a terminal in the background is stopped. */
static bool may_read(void)
{
    return isatty(STDIN_FILENO) != 1 || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool host_read_console(void)
{
    const host_board_t *board = s_host.context;
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!board->port.is_restarting && poll(&wait, 1, 0) > 0 && may_read()) {
        uint8_t byte; /* one at a time: what stands behind `reboot` is for the bridge that starts then */
        ssize_t count = read(STDIN_FILENO, &byte, sizeof(byte));
        if (count <= 0) {
            return count < 0 && (errno == EINTR || errno == EAGAIN);
        }
        bridge_console_take(&s_console, (bridge_span_t){&byte, 1});
    }
    bridge_console_idle(&s_console); /* a packet comes in one go */
    return true;
}
