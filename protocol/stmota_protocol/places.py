"""Where daemon and client meet: the addresses, directories and files they have to agree on.

Path arithmetic only; nothing is created or opened. All of it obeys the XDG variables (on macOS the
system's own places, by platformdirs), so that tests isolate themselves by setting them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

import platformdirs

SOCKET_NAME = "stmotad.sock"
LOG_NAME = "stmotad.log"
MAX_SOCKET_PATH = 100
"""Bytes. `sun_path` holds 108 on Linux and 104 on macOS, each with a NUL; below both."""


class BadPlace(ValueError):
    """An address or a path that cannot work; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A daemon behind a Unix socket."""

    path: Path

    def __str__(self) -> str:
        """`unix:///run/user/1000/stmota/stmotad.sock`, other than plain characters as %XX."""
        return f"unix://{quote(str(self.path))}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A daemon behind TCP."""

    host: str
    port: int
    secure: bool = False

    def __str__(self) -> str:
        """`http://host:port`, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


DaemonAddress: TypeAlias = UnixAddress | TcpAddress


def runtime_dir() -> Path:
    """Return the directory of the socket: the user's own, never a guessable name under /tmp.

    `$XDG_RUNTIME_DIR/stmota` where that variable is an absolute path, else `run` in the state directory.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(given, "stmota") if Path(given).is_absolute() else state_dir() / "run"


def state_dir() -> Path:
    """Return the directory of jobs, firmware and console logs."""
    return Path(platformdirs.user_state_dir("stmota", appauthor=False))


def config_file() -> Path:
    """Return the daemon's configuration file; it need not exist."""
    return Path(platformdirs.user_config_dir("stmota", appauthor=False)) / "config.toml"


def log_file() -> Path:
    """Return the file that a daemon in the background logs to."""
    return state_dir() / LOG_NAME


def default_socket() -> Path:
    """Return the path of the default daemon's Unix socket. Raises `BadPlace` if no socket can have it."""
    return checked_socket_path(runtime_dir() / SOCKET_NAME)


def checked_socket_path(path: Path) -> Path:
    """Return `path` if a Unix socket can have it; else raises `BadPlace`."""
    length_bytes = len(os.fsencode(path))
    if length_bytes > MAX_SOCKET_PATH:
        message = (
            f"the socket's path {path} has {length_bytes} bytes, a Unix socket's may have {MAX_SOCKET_PATH}:"
            " set XDG_RUNTIME_DIR to a shorter directory of your own, or name one with --socket"
        )
        raise BadPlace(message)
    return path


def parse_daemon_url(text: str) -> DaemonAddress:
    """Parse `unix:///path`, a plain path or `http[s]://host:port`. Raises `BadPlace`."""
    if "://" not in text:
        if not text:
            message = "the daemon's address is empty: give unix:///path, a path or http://host:port"
            raise BadPlace(message)
        return UnixAddress(checked_socket_path(Path(text).expanduser().absolute()))
    scheme = text.partition("://")[0].lower()
    if scheme == "unix":
        return UnixAddress(_unix_path(text))
    if scheme in {"http", "https"}:
        return _tcp_address(text, secure=scheme == "https")
    message = f"{text}: {scheme}:// is no daemon's address: give unix:///path, a path or http://host:port"
    raise BadPlace(message)


def _unix_path(text: str) -> Path:
    path = Path(unquote(text[len("unix://") :]))
    if not path.is_absolute():
        message = f"{text}: a unix:// address needs an absolute path, with three slashes: unix:///path"
        raise BadPlace(message)
    return checked_socket_path(path)


def _tcp_address(text: str, *, secure: bool) -> TcpAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        message = f"{text}: {error}"
        raise BadPlace(message) from error
    if not host or not port or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        message = f"{text}: a daemon's address is http://host:port, with a port and nothing behind it"
        raise BadPlace(message)
    return TcpAddress(host, port, secure)
