/* The program's tty with a kernel of the test's own: what it asks of RTS, DTR, termios and the error counters. */
#include <asm/termbits.h>
#include <errno.h>
#include <limits.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "check.h"
#include "host_board.h"

static int s_modem;      /* TIOCM bits that are asserted */
static int s_trouble;    /* errno of every call but TIOCEXCL */
static struct termios2 s_termios;
static struct serial_icounter_struct s_counted;

int ioctl(int file, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    (void)file;
    if (s_trouble != 0 && request != TIOCEXCL) {
        errno = s_trouble;
        return -1;
    }
    switch (request) {
    case TIOCMGET:
        *(int *)argument = s_modem;
        return 0;
    case TIOCMSET:
        s_modem = *(int *)argument;
        return 0;
    case TCSETS2:
        s_termios = *(struct termios2 *)argument;
        return 0;
    case TIOCGICOUNT:
        *(struct serial_icounter_struct *)argument = s_counted;
        return 0;
    case TIOCOUTQ:
        *(int *)argument = 0;
        return 0;
    default:
        return 0;
    }
}

static bridge_port_t *open_tty(host_wire_t reset, host_wire_t boot0)
{
    static bridge_port_t port;
    port = (bridge_port_t){.reset = reset, .boot0 = boot0};
    s_trouble = 0;
    s_modem = TIOCM_RTS | TIOCM_DTR; /* as Linux opens a port */
    CHECK(host_open_tty(&port, "/dev/null"));
    return &port;
}

TEST(opening_releases_nrst_and_lowers_boot0_whatever_the_kernel_asserted, "R24")
{
    bridge_port_t *port = open_tty((host_wire_t){TIOCM_RTS, false}, (host_wire_t){TIOCM_DTR, false});
    CHECK_EQUAL(s_modem, 0);
    CHECK_EQUAL(bridge_port_lines(port), BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0);
    port->kind->close(port);
}

TEST(an_asserted_rts_pulls_nrst_low_and_an_asserted_dtr_pulls_boot0_high, "")
{
    bridge_port_t *port = open_tty((host_wire_t){TIOCM_RTS, false}, (host_wire_t){TIOCM_DTR, false});
    CHECK_EQUAL(bridge_port_set_lines(port, 3, BRIDGE_LINE_BOOT0), BRIDGE_OK); /* both at once */
    CHECK_EQUAL(s_modem, TIOCM_RTS | TIOCM_DTR);
    CHECK_EQUAL(bridge_port_set_lines(port, BRIDGE_LINE_NRST, BRIDGE_LINE_NRST), BRIDGE_OK);
    CHECK_EQUAL(s_modem, TIOCM_DTR);
    port->kind->close(port);
    CHECK_EQUAL(s_modem, 0); /* safe again */
}

TEST(inverted_wires_are_driven_the_other_way, "")
{
    bridge_port_t *port = open_tty((host_wire_t){TIOCM_DTR, true}, (host_wire_t){TIOCM_RTS, true});
    CHECK_EQUAL(s_modem, TIOCM_RTS | TIOCM_DTR);
    CHECK_EQUAL(bridge_port_set_lines(port, 3, BRIDGE_LINE_BOOT0), BRIDGE_OK);
    CHECK_EQUAL(s_modem, 0);
    port->kind->close(port);
}

TEST(a_port_without_modem_lines_cannot_drive_them, "R37")
{
    bridge_port_t *port = open_tty((host_wire_t){TIOCM_RTS, false}, (host_wire_t){0});
    s_trouble = ENOTTY; /* as a pty says */
    CHECK_EQUAL(bridge_port_set_lines(port, BRIDGE_LINE_NRST, 0), BRIDGE_ERR_UNSUPPORTED);
    s_trouble = EIO;
    CHECK_EQUAL(bridge_port_set_lines(port, BRIDGE_LINE_NRST, 0), BRIDGE_ERR_PORT);
    CHECK(strcmp(port->trouble, "/dev/null: the adapter is gone; is it plugged in?") == 0);
}

TEST(a_setting_is_said_in_full_to_the_kernel, "")
{
    bridge_port_t *port = open_tty((host_wire_t){0}, (host_wire_t){0});
    bridge_uart_t even = {.baud = 57600, .data_bits = 8, .parity = 1, .stop_bits = 2};
    CHECK_EQUAL(bridge_port_configure(port, &even), BRIDGE_OK);
    CHECK_EQUAL(s_termios.c_ospeed, 57600);
    CHECK_EQUAL(s_termios.c_cflag & (CSIZE | PARENB | PARODD | CSTOPB), CS8 | PARENB | CSTOPB);
    CHECK_EQUAL(s_termios.c_iflag | s_termios.c_oflag | s_termios.c_lflag, 0); /* raw: no byte means anything */
    bridge_uart_t odd = {.baud = 250000, .data_bits = 7, .parity = 2, .stop_bits = 1};
    CHECK_EQUAL(bridge_port_configure(port, &odd), BRIDGE_OK);
    CHECK_EQUAL(s_termios.c_cflag & (CSIZE | PARENB | PARODD | CSTOPB | CBAUD), CS7 | PARENB | PARODD | BOTHER);
    CHECK_EQUAL(s_termios.c_ispeed, 250000);
}

TEST(a_setting_that_the_adapter_refuses_changes_nothing, "R37")
{
    bridge_port_t *port = open_tty((host_wire_t){0}, (host_wire_t){0});
    bridge_uart_t fast = {.baud = 12000000, .data_bits = 8, .stop_bits = 1};
    s_trouble = EINVAL;
    CHECK_EQUAL(bridge_port_configure(port, &fast), BRIDGE_ERR_UNSUPPORTED);
    CHECK_EQUAL(port->uart.baud, 115200);
}

TEST(more_errors_than_a_count_can_say_stop_at_its_largest_value, "")
{
    bridge_port_t *port = open_tty((host_wire_t){0}, (host_wire_t){0});
    s_counted = (struct serial_icounter_struct){.parity = 1, .frame = 2, .overrun = 3, .buf_overrun = 4};
    (void)bridge_port_take_errors(port);
    s_counted = (struct serial_icounter_struct){.parity = 65537, .frame = 65537, .overrun = 70003, .buf_overrun = 5};
    bridge_line_errors_t errors = bridge_port_take_errors(port);
    CHECK_EQUAL(errors.parity, UINT16_MAX);
    CHECK_EQUAL(errors.framing, 65535);
    CHECK_EQUAL(errors.overrun, UINT16_MAX);
    errors = bridge_port_take_errors(port);
    CHECK_EQUAL(errors.parity + errors.framing + errors.overrun, 0);
}

TEST(the_kernels_counters_are_told_as_what_came_since_and_survive_their_wrap, "")
{
    bridge_port_t *port = open_tty((host_wire_t){0}, (host_wire_t){0});
    s_counted = (struct serial_icounter_struct){.parity = 65534, .frame = 5, .overrun = 1, .buf_overrun = 2};
    (void)bridge_port_take_errors(port);
    s_counted = (struct serial_icounter_struct){.parity = 65537, .frame = 5, .overrun = 2, .buf_overrun = 4};
    bridge_line_errors_t errors = bridge_port_take_errors(port);
    CHECK_EQUAL(errors.parity, 3);
    CHECK_EQUAL(errors.framing, 0);
    CHECK_EQUAL(errors.overrun, 3);
    s_counted = (struct serial_icounter_struct){.parity = INT_MAX, .frame = 5};
    (void)bridge_port_take_errors(port);
    s_counted = (struct serial_icounter_struct){.parity = INT_MIN, .frame = 5};
    CHECK_EQUAL(bridge_port_take_errors(port).parity, 1);
}
