/* The UART: a tty by its path. termios2, because it names any baud; its header and <termios.h> exclude each other. */
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host_board.h"

#define SLACK_US 1000U     /* a byte may leave this much later than reckoned: a frame of USB full speed */
#define ASK_AGAIN_US 1000U /* between looks at the kernel's queue, once the reckoned time is over */
#define GIVE_UP_US 1000000U /* a queue that takes this much longer does not send at all */

static const struct {
    uint32_t baud;
    tcflag_t code;
} s_bauds[] = {
    {1200, B1200},     {2400, B2400},     {4800, B4800},     {9600, B9600},       {19200, B19200},
    {38400, B38400},   {57600, B57600},   {115200, B115200}, {230400, B230400},   {460800, B460800},
    {500000, B500000}, {576000, B576000}, {921600, B921600}, {1000000, B1000000}, {2000000, B2000000},
};

static const char *remedy(int number)
{
    switch (number) {
    case ENOENT:
        return "no such port; is the adapter plugged in?";
    case EACCES:
    case EPERM:
        return "not allowed; is this user in the group that owns the port (dialout on Debian)?";
    case EBUSY:
    case EWOULDBLOCK:
        return "in use by another program";
    case ENOTTY:
        return "not a serial port";
    case ENODEV:
    case ENXIO:
    case EIO:
    case 0:
        return "the adapter is gone; is it plugged in?";
    default:
        return strerror(number);
    }
}

static bridge_error_t failed(bridge_port_t *port, int number)
{
    snprintf(port->trouble, sizeof(port->trouble), "%.128s: %s", port->path, remedy(number));
    return BRIDGE_ERR_PORT;
}

static tcflag_t frame_flags(const bridge_port_t *port, const bridge_uart_t *uart)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    tcflag_t flags = CREAD | CLOCAL | (uart->stop_bits == 2 ? CSTOPB : 0);
    if (port->is_pty) { /* it has no wire and so no parity; all bytes pass */
        return flags | CS8;
    }
    flags |= uart->parity != 0 ? PARENB : 0;
    flags |= uart->parity == 2 ? PARODD : 0;
    return flags | sizes[uart->data_bits - 5];
}

static bool set_tty(bridge_port_t *port, const bridge_uart_t *uart)
{
    tcflag_t code = BOTHER;
    for (size_t i = 0; i < sizeof(s_bauds) / sizeof(s_bauds[0]); i++) {
        code = s_bauds[i].baud == uart->baud ? s_bauds[i].code : code;
    }
    struct termios2 settings = {
        .c_cflag = frame_flags(port, uart) | code,
        .c_ispeed = uart->baud,
        .c_ospeed = uart->baud,
    };
    settings.c_cc[VMIN] = 1; /* an empty read then means that the port is gone */
    return ioctl(port->tty, TCSETS2, &settings) == 0;
}

static uint8_t tty_lines(bridge_port_t *port)
{
    return (uint8_t)((port->reset.bit != 0 ? BRIDGE_LINE_NRST : 0) | (port->boot0.bit != 0 ? BRIDGE_LINE_BOOT0 : 0));
}

static bridge_error_t tty_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    ssize_t count = write(port->tty, data.data, data.length);
    *written = count > 0 ? (size_t)count : 0;
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        return failed(port, errno);
    }
    uint64_t now_us = bridge_port_now_us(port);
    port->sent_us = port->sent_us > now_us ? port->sent_us : now_us;
    port->sent_us += bridge_wire_time_us(&port->uart, *written);
    port->wants_write = *written < data.length;
    return BRIDGE_OK;
}

static bridge_error_t tty_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us)
{
    ssize_t count = read(port->tty, data, capacity);
    *got = count > 0 ? (size_t)count : 0;
    *at_us = bridge_port_now_us(port);
    port->wants_read = true;
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        return failed(port, count == 0 ? 0 : errno);
    }
    return BRIDGE_OK;
}

static uint64_t tty_sent_by_us(bridge_port_t *port)
{
    uint64_t now_us = bridge_port_now_us(port);
    return port->sent_us + SLACK_US > now_us ? port->sent_us + SLACK_US : now_us;
}

static bridge_error_t tty_is_sent(bridge_port_t *port, uint64_t *ask_again_us)
{
    uint64_t now_us = bridge_port_now_us(port);
    int unsent = 0;
    if (now_us < port->sent_us) {
        *ask_again_us = port->sent_us;
        return BRIDGE_WAIT;
    }
    if (ioctl(port->tty, TIOCOUTQ, &unsent) != 0) {
        return failed(port, errno);
    }
    *ask_again_us = now_us + ASK_AGAIN_US;
    return unsent > 0 && now_us < port->sent_us + GIVE_UP_US ? BRIDGE_WAIT : BRIDGE_OK;
}

static void tty_drop_unsent(bridge_port_t *port)
{
    uint64_t now_us = bridge_port_now_us(port);
    (void)ioctl(port->tty, TCFLSH, TCOFLUSH);
    port->sent_us = port->sent_us < now_us ? port->sent_us : now_us;
}

static bridge_error_t tty_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    if (uart->rs485 != 0 || uart->data_bits < 5 || uart->data_bits > 8) {
        return BRIDGE_ERR_UNSUPPORTED;
    }
    if (!set_tty(port, uart)) {
        int number = errno;
        (void)set_tty(port, &port->uart);
        return number == EINVAL ? BRIDGE_ERR_UNSUPPORTED : failed(port, number);
    }
    port->uart = *uart;
    return BRIDGE_OK;
}

static bridge_error_t tty_set_lines(bridge_port_t *port, uint8_t mask, uint8_t levels)
{
    unsigned int modem = 0;
    if (mask == 0) {
        return BRIDGE_OK;
    }
    if (ioctl(port->tty, TIOCMGET, &modem) != 0) {
        return errno == ENOTTY || errno == EINVAL ? BRIDGE_ERR_UNSUPPORTED : failed(port, errno);
    }
    if ((mask & BRIDGE_LINE_NRST) != 0) {
        bool is_asserted = port->reset.is_inverted == ((levels & BRIDGE_LINE_NRST) != 0);
        modem = is_asserted ? modem | port->reset.bit : modem & ~port->reset.bit;
    }
    if ((mask & BRIDGE_LINE_BOOT0) != 0) {
        bool is_asserted = port->boot0.is_inverted != ((levels & BRIDGE_LINE_BOOT0) != 0);
        modem = is_asserted ? modem | port->boot0.bit : modem & ~port->boot0.bit;
    }
    return ioctl(port->tty, TIOCMSET, &modem) == 0 ? BRIDGE_OK : failed(port, errno);
}

static bridge_error_t tty_sense(bridge_port_t *port, uint8_t *mask, uint8_t *levels)
{
    (void)port; /* a serial adapter cannot read its outputs back */
    *mask = 0;
    *levels = 0;
    return BRIDGE_OK;
}

/* The kernel's counts wrap, those of the wire stop. */
static uint16_t since(uint32_t now, uint32_t before)
{
    return bridge_count_up(0, now - before);
}

static bridge_line_errors_t tty_take_errors(bridge_port_t *port)
{
    struct serial_icounter_struct now;
    if (ioctl(port->tty, TIOCGICOUNT, &now) != 0) {
        return (bridge_line_errors_t){0};
    }
    host_counted_t before = port->counted;
    port->counted = (host_counted_t){(uint32_t)now.parity, (uint32_t)now.frame,
                                     (uint32_t)now.overrun + (uint32_t)now.buf_overrun};
    return (bridge_line_errors_t){since(port->counted.parity, before.parity),
                                  since(port->counted.framing, before.framing),
                                  since(port->counted.overrun, before.overrun)};
}

static void tty_close(bridge_port_t *port)
{
    uint8_t lines = tty_lines(port);
    (void)tty_set_lines(port, lines, BRIDGE_SAFE_LEVELS & lines);
    tty_drop_unsent(port);
    close(port->tty);
}

/* Bytes wake through the file. */
static uint64_t tty_next_us(bridge_port_t *port)
{
    (void)port;
    return UINT64_MAX;
}

static const host_uart_t host_tty = {
    .lines = tty_lines,
    .write = tty_write,
    .read = tty_read,
    .sent_by_us = tty_sent_by_us,
    .is_sent = tty_is_sent,
    .drop_unsent = tty_drop_unsent,
    .configure = tty_configure,
    .set_lines = tty_set_lines,
    .sense = tty_sense,
    .take_errors = tty_take_errors,
    .next_us = tty_next_us,
    .close = tty_close,
};

static bool is_pty_path(const char *path)
{
    char *real = realpath(path, NULL);
    bool is_pty = real != NULL && strncmp(real, "/dev/pts/", 9) == 0;
    free(real);
    return is_pty;
}

bool host_open_tty(bridge_port_t *port, const char *path)
{
    port->path = path;
    port->kind = &host_tty;
    port->is_pty = is_pty_path(path);
    port->tty = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (port->tty < 0) {
        failed(port, errno);
        return false;
    }
    bridge_uart_t uart = {.baud = 115200, .data_bits = 8, .stop_bits = 1};
    if (flock(port->tty, LOCK_EX | LOCK_NB) != 0 || ioctl(port->tty, TIOCEXCL) != 0 || !set_tty(port, &uart)) {
        failed(port, errno);
        close(port->tty);
        return false;
    }
    port->uart = uart;
    uint8_t lines = tty_lines(port);
    (void)tty_set_lines(port, lines, BRIDGE_SAFE_LEVELS & lines); /* a pty has none */
    (void)tty_take_errors(port);
    return true;
}
