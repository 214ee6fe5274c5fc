"""One daemon for one socket and one state directory, however many start at once.

Locks (flock) decide, never the existence of a file: a socket file left by a crash is replaced by
whoever holds its lock. The kernel lets go of a lock when its process ends, however it ends.
"""

import fcntl
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stmota_daemon.errors import AlreadyRunning, DaemonError
from stmota_daemon.private_files import make_private_dir
from stmota_protocol.places import checked_socket_path

STATE_LOCK_NAME = "stmotad.lock"
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Places:
    """Where a daemon keeps its things."""

    socket: Path
    state_dir: Path
    config_file: Path


def lock_path(socket_path: Path) -> Path:
    """Return the lock file of a socket; it stays, as removing it would race with the next daemon."""
    return socket_path.with_name(socket_path.name + ".lock")


@contextmanager
def locked(path: Path, what: str) -> Generator[None]:
    """Hold the lock file at `path`, which says our pid. Raises `AlreadyRunning`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = _pid_in(descriptor)
            message = f"a daemon (pid {pid or 'unknown'}) has {what} already"
            raise AlreadyRunning(message, pid) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock at `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(places: Places) -> Generator[None]:
    """Be the one daemon of a socket and of a state directory, both in private directories.

    Raises `AlreadyRunning`, `NotPrivate`, `BadPlace`, OSError.
    """
    checked_socket_path(places.socket)
    make_private_dir(places.socket.parent)
    with locked(lock_path(places.socket), f"the socket {places.socket}"):
        make_private_dir(places.state_dir)
        with locked(places.state_dir / STATE_LOCK_NAME, f"the state directory {places.state_dir}"):
            yield


@contextmanager
def listening_socket(path: Path) -> Generator[socket.socket]:
    """Listen on a Unix socket at `path` (0600), which is `held`. The file is removed at the end."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        yield listener
    finally:
        path.unlink(missing_ok=True)
        listener.close()


@contextmanager
def listening_tcp(address: tuple[str, int]) -> Generator[socket.socket]:
    """Listen on TCP. Raises `DaemonError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            message = f"cannot listen on {address[0]} port {address[1]}: {error.strerror}"
            raise DaemonError(message) from error
        yield listener


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
