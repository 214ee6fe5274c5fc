"""The daemon's configuration: a TOML file, checked as a whole.

[daemon]
name = "lab-host"               # how bridges know who holds them; the host's name otherwise
listen = "127.0.0.1:7821"       # HTTP on TCP beside the Unix socket; loopback only

[discovery]
mdns = true
interfaces = ["127.0.0.1"]      # addresses to listen on; all interfaces otherwise

[bridges.lab-esp32]             # on the network
host = "192.168.1.50"
port = 7820
console = "115200 8N1"

[bridges.desk]                  # a serial port of this machine
serial = "/dev/ttyUSB0"
reset = "rts"
boot0 = "!dtr"

[bridges.pump]                  # behind an RS-485 line
host = "192.168.1.51"
rs485 = "high"                  # the bridge's direction line is high while it sends ("low": low)
echo = true                     # the line returns what is sent: the transceiver's receiver stays on

[bridges.rack-7]                # only settings, for a bridge found by mDNS under that name (or `id`)
console = "921600 8N1"
"""

import ipaddress
import re
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stmota_daemon.errors import DaemonError
from stmota_daemon.toml_lines import Key, TomlFile, is_array, is_table
from stmota_protocol.api import NetworkPlace, SerialPlace
from stmota_protocol.messages import DEFAULT_TCP_PORT
from stmota_protocol.steps import Rs485, UartSettings
from stmota_protocol.uart_text import parse_uart

MAX_CONFIG = 1024 * 1024
"""Bytes: thousands of bridges; a larger file is the wrong one."""
MAX_HOST = 253
"""Characters of a host name (RFC 1035 §2.3.4, without the root)."""
MAX_URL = 500
BRIDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
BRIDGE_ID = re.compile(r"[0-9a-f]{16}\Z")
DIRECTIONS = {"high": Rs485.DRIVE_HIGH, "low": Rs485.DRIVE_LOW}
LINE_SOURCES = frozenset({"rts", "dtr", "!rts", "!dtr"})


class BadConfig(DaemonError):
    """The configuration cannot be used; `problems` holds every one with its line."""

    def __init__(self, path: Path, problems: list[tuple[int, str]]) -> None:
        self.path = path
        self.problems = sorted(problems)
        super().__init__("\n".join(f"{path}:{line}: {text}" for line, text in self.problems))


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """One `[bridges.NAME]`; without a place it only gives settings to a bridge found otherwise."""

    name: str
    place: NetworkPlace | SerialPlace | None = None
    id: str | None = None
    console: UartSettings | None = None
    """With how the line is driven (RS-485, echo), which holds for the bootloader, too."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    name: str = field(default_factory=lambda: socket.gethostname()[:63] or "stmotad")
    listen: tuple[str, int] | None = None
    mdns: bool = True
    interfaces: tuple[str, ...] = ()
    """Addresses; none means all interfaces."""
    bridges: tuple[BridgeConfig, ...] = ()


def read_config(path: Path) -> Config:
    """Read and check a file; one that does not exist is an empty one. Raises `BadConfig`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise BadConfig(path, [(1, f"cannot be read: {error.strerror}")]) from error
    if len(data) > MAX_CONFIG:
        raise BadConfig(path, [(1, f"has {len(data)} bytes: this is no configuration of stmota's")])
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadConfig(path, [(line, f"byte 0x{data[error.start]:02X} is not UTF-8")]) from error
    checker = _Checker(TomlFile(text))
    config = checker.config()
    if checker.problems:
        raise BadConfig(path, checker.problems)
    return config


class _Checker:
    """Goes through the values and collects what is wrong; a wrong value counts as absent."""

    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self.problems = list(file.syntax_errors)

    def config(self) -> Config:
        values = self._file.values
        self._known((), values, ("daemon", "discovery", "bridges"))
        daemon = self._table(("daemon",), values, ("name", "listen"))
        discovery = self._table(("discovery",), values, ("mdns", "interfaces"))
        bridges = [self._bridge(name, values) for name in self._names(values)]
        self._ids_differ(bridges)
        given: dict[str, Any] = {"name": self._text(("daemon", "name"), daemon, 63)}
        given["listen"] = self._listen(daemon)
        given["mdns"] = self._flag(("discovery", "mdns"), discovery)
        given["interfaces"] = self._interfaces(discovery)
        given["bridges"] = tuple(bridges)
        return Config(**{name: value for name, value in given.items() if value is not None})

    def _wrong(self, key: Key, text: str) -> None:
        self.problems.append((self._file.line(key), f"{'.'.join(key)}: {text}" if key else text))

    def _known(self, key: Key, values: dict[str, Any], known: tuple[str, ...]) -> None:
        for name in values:
            if name not in known:
                self._wrong((*key, name), f"is not known here; known: {', '.join(known)}")

    def _table(self, key: Key, parent: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
        values = parent.get(key[-1], {})
        if not is_table(values):
            self._wrong(key, f"must be a table: [{'.'.join(key)}]")
            return {}
        self._known(key, values, known)
        return values

    def _names(self, values: dict[str, Any]) -> list[str]:
        bridges = values.get("bridges", {})
        if not is_table(bridges):
            self._wrong(("bridges",), "must be tables: [bridges.NAME]")
            return []
        return list(bridges)

    def _text(self, key: Key, values: dict[str, Any], max_length: int) -> str | None:
        value = values.get(key[-1])
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= max_length or not value.isprintable():
            self._wrong(key, f"must be a text of 1 to {max_length} printable characters")
            return None
        return value

    def _flag(self, key: Key, values: dict[str, Any]) -> bool | None:
        value = values.get(key[-1])
        if value is None or isinstance(value, bool):
            return value
        self._wrong(key, "must be true or false")
        return None

    def _port(self, key: Key, values: dict[str, Any]) -> int:
        value = values.get(key[-1], DEFAULT_TCP_PORT)
        if type(value) is int and 1 <= value <= 65535:
            return value
        self._wrong(key, "must be a number from 1 to 65535")
        return DEFAULT_TCP_PORT

    def _listen(self, daemon: dict[str, Any]) -> tuple[str, int] | None:
        key = ("daemon", "listen")
        text = self._text(key, daemon, MAX_HOST)
        if text is None:
            return None
        try:
            return parse_listen(text)
        except ValueError as error:
            self._wrong(key, str(error))
            return None

    def _interfaces(self, discovery: dict[str, Any]) -> tuple[str, ...] | None:
        key = ("discovery", "interfaces")
        value: Any = discovery.get("interfaces")
        if value is None:
            return None
        if is_array(value) and value and all(is_address(item) for item in value):
            return tuple(value)
        self._wrong(key, 'must be a list of this machine\'s IP addresses: ["127.0.0.1"]')
        return None

    def _bridge(self, name: str, values: dict[str, Any]) -> BridgeConfig:
        key = ("bridges", name)
        known = ("host", "port", "serial", "reset", "boot0", "console", "rs485", "echo", "id")
        given = self._table(key, values["bridges"], known)
        problem = bridge_name_problem(name)
        if problem:
            self._wrong(key, problem)
        bridge_id = self._text((*key, "id"), given, 16)
        if bridge_id is not None and not BRIDGE_ID.match(bridge_id):
            self._wrong((*key, "id"), "must be 16 lower-case hex digits, as `stmota discover --json` tells")
        return BridgeConfig(name, self._place(key, given), bridge_id, self._console(key, given))

    def _console(self, key: Key, given: dict[str, Any]) -> UartSettings | None:
        text = self._text((*key, "console"), given, 40)
        rs485, echo = self._rs485(key, given), self._flag((*key, "echo"), given)
        console: UartSettings | None = None
        try:
            console = None if text is None else parse_uart(text)
        except ValueError as error:
            self._wrong((*key, "console"), str(error))
        if rs485 is None and echo is None:
            return console
        return replace(console or UartSettings(), rs485=rs485 or Rs485.OFF, echo=bool(echo))

    def _rs485(self, key: Key, given: dict[str, Any]) -> Rs485 | None:
        value = given.get("rs485")
        if value is None:
            return None
        if not isinstance(value, str) or value not in DIRECTIONS:
            self._wrong((*key, "rs485"), 'must be "high" or "low": the direction line\'s level while sending')
            return None
        serial = given.get("serial")
        if isinstance(serial, str) and "://" in serial:
            self._wrong(
                (*key, "rs485"), f"{serial} cannot turn a direction line; use an adapter that turns itself"
            )
        for name in ("reset", "boot0"):
            if str(given.get(name)).endswith("rts"):
                self._wrong((*key, "rs485"), f"RTS is the direction line, and {name} has it")
        return DIRECTIONS[value]

    def _place(self, key: Key, given: dict[str, Any]) -> NetworkPlace | SerialPlace | None:
        host = self._text((*key, "host"), given, MAX_HOST)
        url = self._text((*key, "serial"), given, MAX_URL)
        port = self._port((*key, "port"), given)
        lines = {name: self._line_source((*key, name), given) for name in ("reset", "boot0")}
        if "host" in given and "serial" in given:
            self._wrong(key, "has both host and serial; a bridge is on the network or on a serial port")
        if "port" in given and "host" not in given:
            self._wrong((*key, "port"), "needs a host")
        for name in lines:
            if name in given and "serial" not in given:
                self._wrong((*key, name), "needs serial")
        if lines["reset"] and lines["boot0"] and lines["reset"][-3:] == lines["boot0"][-3:]:
            self._wrong((*key, "boot0"), f"{lines['boot0']} cannot drive both reset and boot0")
        if host is not None:
            return NetworkPlace(host=host, port=port)
        return None if url is None else SerialPlace(url=url, reset=lines["reset"], boot0=lines["boot0"])

    def _line_source(self, key: Key, given: dict[str, Any]) -> str | None:
        value = given.get(key[-1])
        if value is None or value in LINE_SOURCES:
            return value
        self._wrong(key, 'must be "rts", "dtr", "!rts" or "!dtr"')
        return None

    def _ids_differ(self, bridges: list[BridgeConfig]) -> None:
        seen: dict[str, str] = {}
        for bridge in bridges:
            if bridge.id is not None and bridge.id in seen:
                self._wrong(("bridges", bridge.name, "id"), f"is that of {seen[bridge.id]}, too")
            elif bridge.id is not None:
                seen[bridge.id] = bridge.name


def bridge_name_problem(name: str) -> str | None:
    """Return why a bridge cannot have that name; None if it can."""
    if not BRIDGE_NAME.match(name):
        return (
            "a bridge's name has 1 to 63 letters, digits, '.', '_' or '-', and begins with a letter or digit"
        )
    if BRIDGE_ID.match(name.lower()):
        return "16 hex digits are a bridge's id and cannot be its name"
    return None


def is_address(value: object) -> bool:
    """Whether `value` is an IP address as text."""
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def parse_listen(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`, a loopback address. Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not is_address(host) or not port.isdecimal() or int(port) > 65535:
        message = "must be an address and a port: 127.0.0.1:7821"
        raise ValueError(message)
    if not ipaddress.ip_address(host).is_loopback:
        message = f"{host} is not loopback: the API has no tokens and no TLS yet, so it stays on this machine"
        raise ValueError(message)
    return host, int(port)
