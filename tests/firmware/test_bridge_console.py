"""The bridge's own console: commands, settings and Improv packets; the firmware's C on this machine."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge_consoles import RIGHT, Console, fake_platform, standard_input
from stmota_simulator.board_file import board_lines
from stmota_simulator.boards import make_board

HOST_TEST = Path(__file__).parents[2] / "bridge_firmware" / "host_test"
SILENCE = b"\xff"  # console_tool: a second without a byte


@pytest.fixture(scope="module")
def console(build: Callable[..., Path]) -> Console:
    """With every setting that there is."""
    return fake_platform(build("console_tool", HOST_TEST / "console_tool.c"))


@pytest.fixture(params=["fake platform", "stmota-bridge"])
def either(request: pytest.FixtureRequest, console: Console) -> Console:
    """The same console in both places, for the settings that both have."""
    if request.param == "fake platform":
        return console
    return standard_input(request.getfixturevalue("stmota_bridge"))


def improv(kind: int, data: bytes) -> bytes:
    """https://www.improv-wifi.com/serial: the sum is of all bytes before it."""
    packet = b"IMPROV\x01" + bytes([kind, len(data)]) + data
    return packet + bytes([sum(packet) & 0xFF]) + b"\n"


def command(number: int, data: bytes = b"") -> bytes:
    return improv(0x03, bytes([number, len(data)]) + data)


def result(number: int, *texts: str) -> bytes:
    data = b"".join(bytes([len(text)]) + text.encode() for text in texts)
    return improv(0x04, bytes([number, len(data)]) + data)


def wifi(ssid: str, password: str) -> bytes:
    return command(0x01, bytes([len(ssid)]) + ssid.encode() + bytes([len(password)]) + password.encode())


def state(value: int) -> bytes:
    return improv(0x01, bytes([value]))


def error(value: int) -> bytes:
    return improv(0x02, bytes([value]))


READY, PROVISIONING, PROVISIONED = (state(value) for value in (2, 3, 4))
NO_ERROR, INVALID, UNKNOWN, NOT_JOINED = (error(value) for value in range(4))


def test_show_tells_every_setting_of_a_new_bridge(console: Console) -> None:
    assert console("show\n").lines == [
        "show",
        "firmware = 0.1.0",
        "protocol = 1.1",
        "chip = esp32",
        "online = no",
        "name = stmota-123456",
        "ssid = ",
        "password = (none)",
        "tx = 4",
        "rx = 18",
        "nrst = 19",
        "boot0 = 23",
        "direction = none",
        "led = 2",
        "console = 115200 8N1",
        "port = 7820",
        "net_settings = no",
        "net_update = no",
        "ok",
    ]


def test_what_is_set_and_saved_is_there_after_a_reboot(console: Console) -> None:
    changes = {
        "name": "bench 3 \N{GREEK SMALL LETTER BETA}",
        "ssid": "lab network",
        "tx": "25",
        "rx": "!26",
        "nrst": "!27",
        "boot0": "none",
        "direction": "21",
        "led": "none",
        "console": "57600 8E2",
        "port": "7821",
        "net_settings": "yes",
        "net_update": "yes",
    }
    typed = "".join(f"set {key} {value}\n" for key, value in changes.items())
    heard = console(typed + "save\nreboot\nshow\n")
    assert heard.asked == ["save", "reboot"]
    assert {key: heard.shown[key] for key in changes} == changes


def test_what_is_set_and_saved_counts_after_a_reboot_wherever_the_console_is(either: Console) -> None:
    changes = {"name": "bench 3", "console": "57600 8E2", "net_settings": "yes", "net_update": "yes"}
    typed = "".join(f"set {key} {value}\n" for key, value in changes.items())
    heard = either(typed + "save\nreboot\nshow\n")
    assert heard.answers == ["ok"] * 7
    assert {key: heard.shown[key] for key in changes} == changes


def test_what_is_not_saved_is_gone_wherever_the_console_is(either: Console) -> None:
    assert either("set net_update yes\nreboot\nshow\n").shown["net_update"] == "no"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("set console 115200", "console: write baud, data bits, parity, stop bits: 115200 8N1"),
        ("set net_update maybe", "net_update: write yes or no"),
        ("set name", "name: how the bridge is found: 1 to 63 bytes that can be printed"),
        ("set colour blue", "there is no setting colour"),
        ("erase", "no such command; write help"),
        ("x" * 200, "this line is too long"),
    ],
)
def test_what_cannot_be_is_refused_wherever_the_console_is(either: Console, line: str, why: str) -> None:
    heard = either(f"show\n{line}\nshow\n")
    assert heard.answers == ["ok", f"error: {why}", "ok"]
    told = [line for line in heard.lines if " = " in line]
    assert told[: len(told) // 2] == told[len(told) // 2 :]


@pytest.mark.parametrize("led", ["21", "!21", "21:rgb", "none"])
def test_an_led_is_plain_inverted_or_of_three_colours(console: Console, led: str) -> None:
    heard = console(f"set led {led}\nsave\nreboot\nshow\n")
    assert f"led = {led}" in heard.lines


@pytest.mark.parametrize(
    ("chip", "led"),
    [("esp32", "2"), ("esp32s2", "none"), ("esp32s3", "38:rgb"), ("esp32c3", "8:rgb"), ("esp32c6", "8:rgb")],
)
def test_the_led_at_first_is_that_of_espressifs_boards(console: Console, chip: str, led: str) -> None:
    """ESP-IDF v5.5.5, examples/get-started/blink: sdkconfig.defaults.CHIP."""
    assert f"led = {led}" in console("show\n", chip).lines


def test_what_is_not_saved_is_gone_after_a_reboot(console: Console) -> None:
    heard = console("set nrst 21\nreboot\nshow\n")
    assert heard.asked == ["reboot"]
    assert "nrst = 19" in heard.lines


def test_a_password_is_neither_echoed_nor_shown(console: Console) -> None:
    heard = console("set password hunter2hunter2\nshow\nsave\nreboot\nshow\n")
    assert b"hunter2" not in heard.output
    assert heard.lines[:2] == ["set password ", "ok"]
    assert heard.lines.count("password = (set)") == 2


@pytest.mark.parametrize(
    "line", ["set password short", "set  password hunter2hunter2", f"set password {'hunter2' * 20}"]
)
def test_a_password_that_is_refused_is_not_told_either(console: Console, line: str) -> None:
    heard = console(line + "\n")
    assert heard.lines[-1].startswith("error: ")
    assert b"hunter2" not in heard.output
    assert b"short" not in heard.output


def test_a_password_can_be_taken_away(console: Console) -> None:
    assert "password = (none)" in console("set password 12345678\nset password\nshow\n").lines


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("set nrst 5", "nrst: GPIO5 cannot be used: a strapping pin"),
        ("set boot0 1", "boot0: GPIO1 cannot be used: the bridge's own console (UART0)"),
        ("set nrst 99", "nrst: GPIO99 cannot be used: this chip does not have it"),
        ("set nrst 19x", "nrst: write a GPIO's number, for example 19 or !19, or none"),
        ("set nrst -1", "nrst: write a GPIO's number"),
        ("set nrst", "nrst: write a GPIO's number"),
        ("set nrst 21:rgb", "nrst: write a GPIO's number, for example 19 or !19, or none"),
        ("set led 21:rgbw", "led: write a GPIO's number, for example 2, !2 or 8:rgb, or none"),
        ("set led !21:rgb", "led: write a GPIO's number"),
        ("set led :rgb", "led: write a GPIO's number"),
        ("set led 6:rgb", "led: GPIO6 cannot be used: wired to the bridge's own flash"),
        ("set console 115200 8X1", "console: write baud"),
        ("set port 65536", "port: write a number from 1 to 65535"),
        ("set ssid " + "s" * 33, "ssid: the Wi-Fi network: up to 32 characters"),
        ("set password 1234567", "password: a Wi-Fi password has 8 characters at least"),
    ],
)
def test_what_cannot_be_set_is_refused_with_its_reason(console: Console, line: str, why: str) -> None:
    heard = console(line + "\nshow\n")
    answer = next(one for one in heard.lines if one.startswith("error: "))
    assert answer.startswith(f"error: {why}")
    # All else is as it was.
    assert heard.lines[heard.lines.index("show") :] == console("show\n").lines


def test_one_pin_cannot_be_two_wires(console: Console) -> None:
    heard = console("set tx 19\nsave\n")
    assert heard.lines[-1] == "error: GPIO19 cannot be both tx and nrst"
    assert heard.asked == []


def test_a_bridge_without_a_uart_is_none(console: Console) -> None:
    heard = console("set rx none\nsave\n")
    assert heard.lines[-1] == "error: tx and rx: a bridge needs both"


def test_help_names_every_command_and_every_setting(either: Console) -> None:
    heard = either("help\nshow\n")
    first_words = {line.split()[0] for line in heard.lines}
    assert {"show", "set", "save", "reboot", "secure", "insecure"} <= first_words
    assert heard.shown.keys() - {"firmware", "protocol", "chip", "online"} <= first_words


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_end_of_line_is_one(console: Console, end: str) -> None:
    assert console(f"save{end}save{end}").lines == ["save", "ok", "save", "ok"]


def test_an_empty_line_is_no_command_and_backspace_takes_back(either: Console) -> None:
    assert either("\n\nshox\x7fw\b\bow\n").answers == ["ok"]


def test_a_program_has_no_settings_of_pins_wifi_and_address_and_says_why(stmota_bridge: Path) -> None:
    heard = standard_input(stmota_bridge)("show\nset nrst 19\nset ssid lab\nset port 7821\n")
    assert list(heard.shown) == [
        *("firmware", "protocol", "chip", "online"),
        *("name", "console", "net_settings", "net_update"),
    ]
    assert [answer.partition(": this bridge is a program: ")[0] for answer in heard.answers] == [
        "ok",
        *(f"error: {key}" for key in ("nrst", "ssid", "port")),
    ]


def test_at_a_terminal_what_is_typed_is_shown_once_by_the_terminal(
    stmota_bridge: Path, tmp_path: Path
) -> None:
    described = tmp_path / "board.txt"
    described.write_text("\n".join(board_lines(make_board("G431"))), encoding="ascii")
    keys, terminal = pty.openpty()
    command = [str(stmota_bridge), "--name", "lab", "--board", str(described), "--listen", "127.0.0.1:0"]
    # util-linux's: a program that is not in its terminal's foreground reads nothing
    with subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=terminal, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("lab listening on ")
            os.write(keys, b"set net_update no\n")
            assert process.stdout.readline() == "ok\n"
            assert os.read(keys, 100) == b"set net_update no\r\n"
        finally:
            process.terminate()
            returned = process.wait()
            os.close(terminal)
            os.close(keys)
    assert returned == 0


def test_a_program_without_a_directory_keeps_nothing_and_says_so(stmota_bridge: Path) -> None:
    heard = standard_input(stmota_bridge, "--console", "57600 8E1")(
        "set net_update yes\nsave\nsecure\nreboot\nshow\n"
    )
    assert heard.answers == [
        "ok",
        (
            "error: this bridge keeps nothing: it was started without a place for it "
            "(stmota-bridge: --state-dir DIR)"
        ),
        "error: this bridge has no secure mode",
        "ok",
        "ok",
    ]
    assert heard.shown["net_update"] == "no"
    assert heard.shown["console"] == "57600 8E1"


def test_an_improv_client_learns_the_device(console: Console) -> None:
    assert console(command(0x03)).output.startswith(
        result(0x03, "stmota bridge", "0.1.0", "esp32", "stmota-123456")
    )


def test_an_improv_client_learns_the_networks_in_reach(console: Console) -> None:
    expected = result(0x04, "lab", "-61", "YES") + result(0x04, "guests", "-70", "NO") + result(0x04)
    assert console(command(0x04)).output.startswith(expected)


def test_an_improv_client_provisions(console: Console) -> None:
    heard = console(command(0x02) + wifi("lab", RIGHT) + command(0x02) + b"show\n")
    packets = heard.output.replace(b"\r\n", b"")
    assert packets.startswith(
        READY + NO_ERROR + PROVISIONING + PROVISIONED + result(0x01) + PROVISIONED + result(0x02)
    )
    assert heard.asked == ["join lab", "save"]
    assert RIGHT.encode() not in heard.output
    assert b"ssid = lab\r\n" in heard.output


def test_a_wrong_password_is_told_and_not_kept(console: Console) -> None:
    heard = console(wifi("lab", "wrong horse") + b"show\n")
    packets = heard.output.replace(b"\r\n", b"")
    assert packets.startswith(NO_ERROR + PROVISIONING + NOT_JOINED + READY)
    assert heard.asked == ["join lab"]
    assert b"ssid = \r\n" in heard.output


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (command(0x03)[:-2] + b"\x00\n", INVALID),
        (command(0x77), UNKNOWN),
        (improv(0x03, b"\x03"), INVALID),
        (improv(0x03, b"\x03\x05"), INVALID),
        (improv(0x03, b""), INVALID),
        (command(0x01, b"\x20lab"), INVALID),
        (wifi("", RIGHT), INVALID),
        (wifi("lab", "short"), INVALID),
        (wifi("l\0b", RIGHT), INVALID),
        (wifi("s" * 33, RIGHT), INVALID),
        (wifi("lab", "p" * 100), INVALID),
        (improv(0x01, b"\x02"), b""),
    ],
)
def test_a_packet_that_says_nothing_right_is_answered_by_an_error(
    console: Console, packet: bytes, answer: bytes
) -> None:
    heard = console(packet)
    assert heard.output.replace(b"\r\n", b"") == answer
    assert heard.asked == []


def test_what_only_begins_like_a_packet_is_text(console: Console) -> None:
    assert console("IMPROVE\n").lines == ["IMPROVE", "error: no such command; write help"]


def test_half_a_packet_is_forgotten_after_a_silence(console: Console) -> None:
    assert console(command(0x03)[:9] + SILENCE + b"save\n").lines == ["save", "ok"]


# Some tens of processes: each is a few milliseconds.
@settings(max_examples=40)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40).filter(lambda data: b"\xff" not in data),
            st.sampled_from(
                [b"set ", b"save\n", b"show\n", b"reboot\r", b"IMPROV\x01", b"IMPROV\x01\x03\xfe"]
            ),
            st.sampled_from([command(0x02), command(0x04), wifi("lab", RIGHT)]),
        ),
        max_size=12,
    )
)
def test_after_any_bytes_the_console_still_answers(console: Console, pieces: list[bytes]) -> None:
    heard = console(b"".join(pieces) + SILENCE + b"\nset port 7999\nshow\n")
    assert heard.output.endswith(b"net_update = no\r\nok\r\n") or heard.output.endswith(
        b"net_update = yes\r\nok\r\n"
    )
    assert b"port = 7999\r\n" in heard.output
