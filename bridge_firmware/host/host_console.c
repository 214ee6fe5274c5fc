/* The bridge's own console: words on this program's standard input, answers on its standard output. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_board.h"

#define LINE_BYTES 64U

static struct {
    char text[LINE_BYTES];
    size_t length;
} s_line;

bool host_has_console(void)
{
    struct stat status;
    bool is_pipe = fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
    return is_pipe || isatty(STDIN_FILENO) == 1;
}

static void obey(bridge_t *bridge, const char *word)
{
    bridge_trouble_t shown = {"no such word; write secure or insecure"};
    bridge_error_t error = BRIDGE_ERR_UNKNOWN;
    if (strcmp(word, "secure") == 0) {
        error = bridge_secure(bridge, &shown);
    } else if (strcmp(word, "insecure") == 0) {
        error = bridge_insecure(bridge, &shown);
    }
    char line[sizeof("error: ") + sizeof(shown.text)];
    snprintf(line, sizeof(line), "%s%s", error == BRIDGE_OK ? "" : "error: ", shown.text);
    bridge_port_tell(bridge->port, line);
    bridge_port_wake_network(bridge->port);
}

static void take(bridge_t *bridge, char byte)
{
    if (byte != '\n' && byte != '\r') {
        s_line.text[s_line.length] = byte;
        s_line.length += s_line.length + 1 < LINE_BYTES ? 1 : 0; /* a longer one is no word */
        return;
    }
    s_line.text[s_line.length] = '\0';
    if (s_line.length > 0) {
        obey(bridge, s_line.text);
    }
    s_line.length = 0;
}

/* Whoever reads from a terminal in the background is stopped. */
static bool may_read(void)
{
    return isatty(STDIN_FILENO) != 1 || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool host_read_console(bridge_t *bridge)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&wait, 1, 0) > 0 && may_read()) {
        char data[LINE_BYTES];
        ssize_t count = read(STDIN_FILENO, data, sizeof(data));
        if (count <= 0) {
            return count < 0 && (errno == EINTR || errno == EAGAIN);
        }
        for (ssize_t i = 0; i < count; i++) {
            take(bridge, data[i]);
        }
    }
    return true;
}
