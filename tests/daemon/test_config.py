import re
from pathlib import Path

import pytest

from stmota_daemon.config import BadConfig, BridgeConfig, Config, read_config
from stmota_protocol.api import NetworkPlace, SerialPlace
from stmota_protocol.steps import Parity, Rs485, UartSettings

GOOD = """\
[daemon]
name = "lab-host"
listen = "127.0.0.1:7821"

[discovery]
mdns = false
interfaces = ["127.0.0.1", "::1"]

[bridges.lab-esp32]
host = "192.168.1.50"
console = "9600 8E1"

[bridges.desk]
serial = "/dev/ttyUSB0"
reset = "rts"
boot0 = "!dtr"

[bridges.rack-7]
id = "0011223344556677"
console = "921600 8N1"
"""

BAD = """\
color = "red"
[daemon]
name = 3
listen = "0.0.0.0:80"

[discovery]
mdns = "yes"
interfaces = [
  "127.0.0.1",
  "wlan0",
]

[bridges."two words"]
host = "h"

[bridges.both]
host = "h"
port = 70000
serial = "/dev/ttyUSB0"

[bridges.lines]
serial = "x"
reset = "rts"
boot0 = "!rts"
console = "fast"
speed = 1

[bridges.a]
id = "0011223344556677"
[bridges.b]
id = "0011223344556677"
reset = "cts"
"""


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    assert read_config(path) == Config(
        name="lab-host",
        listen=("127.0.0.1", 7821),
        mdns=False,
        interfaces=("127.0.0.1", "::1"),
        bridges=(
            BridgeConfig(
                "lab-esp32",
                NetworkPlace(host="192.168.1.50", port=7820),
                console=UartSettings(9600, parity=Parity.EVEN),
            ),
            BridgeConfig("desk", SerialPlace(url="/dev/ttyUSB0", reset="rts", boot0="!dtr")),
            BridgeConfig("rack-7", id="0011223344556677", console=UartSettings(921600)),
        ),
    )


def test_a_file_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert read_config(tmp_path / "none.toml") == Config()


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BAD)
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert caught.value.problems == [
        (1, "color: is not known here; known: daemon, discovery, bridges"),
        (3, "daemon.name: must be a text of 1 to 63 printable characters"),
        (
            4,
            ("daemon.listen: 0.0.0.0 is not loopback: the API has no tokens and no TLS yet,"
            " so it stays on this machine"),
        ),
        (7, "discovery.mdns: must be true or false"),
        (8, "discovery.interfaces: must be a list of this machine's IP addresses: [\"127.0.0.1\"]"),
        (
            13,
            ("bridges.two words: a bridge's name has 1 to 63 letters, digits, '.', '_' or '-',"
            " and begins with a letter or digit"),
        ),
        (16, "bridges.both: has both host and serial; a bridge is on the network or on a serial port"),
        (18, "bridges.both.port: must be a number from 1 to 65535"),
        (24, "bridges.lines.boot0: !rts cannot drive both reset and boot0"),
        (
            25,
            ("bridges.lines.console: 'fast' is no UART setting;"
            ' write baud, data bits, parity, stop bits: "115200 8N1"'),
        ),
        (
            26,
            ("bridges.lines.speed: is not known here;"
            " known: host, port, serial, reset, boot0, console, rs485, echo, id"),
        ),
        (31, "bridges.b.id: is that of a, too"),
        (32, 'bridges.b.reset: must be "rts", "dtr", "!rts" or "!dtr"'),
        (32, "bridges.b.reset: needs serial"),
    ]  # fmt: skip
    assert (
        str(caught.value).splitlines()[0]
        == f"{path}:1: color: is not known here; known: daemon, discovery, bridges"
    )


def test_broken_syntax_hides_nothing_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[daemon]\nname = lab\n\n[discovery]\nmdns = 3\ninterfaces = ["127.0.0.1" "x"]\n')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert [line for line, _ in caught.value.problems] == [2, 5, 6]


def test_a_string_that_is_never_closed_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[daemon]\nname = """lab\n\n')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b'[daemon]\nname = "\xff"\n', 2, "byte 0xFF is not UTF-8"),
        (b"#" * (1024 * 1024 + 1), 1, "no configuration of stmota"),
        (b"bridges = 3\n", 1, "bridges: must be tables"),
        (b"daemon = 3\n", 1, "daemon: must be a table"),
        (b'[bridges.0011223344556677]\nhost = "h"\n', 1, "cannot be its name"),
        (b"[bridges.a]\nport = 1\n", 2, "needs a host"),
        (b"[bridges]\na = 3\n", 2, "must be a table"),
        (b'[bridges.a]\nid = "zz"\n', 2, "16 lower-case hex digits"),
        (b'[daemon]\nlisten = "here"\n', 2, "must be an address and a port"),
    ],
)
def test_a_problem_is_told_with_its_line(tmp_path: Path, data: bytes, line: int, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    [(found_line, text)] = caught.value.problems
    assert found_line == line
    assert said in text


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read: Is a directory"):
        read_config(tmp_path)


def test_an_rs485_line_is_part_of_how_a_bridge_is_talked_to(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[bridges.a]\nhost = "h"\nrs485 = "high"\necho = true\n'
        '[bridges.b]\nserial = "/dev/ttyS1"\nreset = "dtr"\nconsole = "9600 8N1"\nrs485 = "low"\n'
        "[bridges.c]\necho = true\n"
    )
    assert [bridge.console for bridge in read_config(path).bridges] == [
        UartSettings(rs485=Rs485.DRIVE_HIGH, echo=True),
        UartSettings(9600, rs485=Rs485.DRIVE_LOW),
        UartSettings(echo=True),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('host = "h"\nrs485 = "up"', """must be "high" or "low": the direction line's level while sending"""),
        ('host = "h"\nrs485 = 1', "must be"),
        ('host = "h"\necho = "yes"', "must be true or false"),
        (
            'serial = "/dev/ttyS1"\nrs485 = "high"\nboot0 = "!rts"',
            "RTS is the direction line, and boot0 has it",
        ),
        ('serial = "rfc2217://h:1"\nrs485 = "high"', "cannot turn a direction line"),
    ],
)
def test_an_rs485_line_that_cannot_be_is_told(tmp_path: Path, lines: str, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[bridges.a]\n{lines}\n")
    with pytest.raises(BadConfig, match=re.escape(says)):
        read_config(path)
