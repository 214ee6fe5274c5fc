import os
import signal
import socket
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from stmota_daemon.errors import AlreadyRunning, DaemonError, NotPrivate
from stmota_daemon.instance import (
    STATE_LOCK_NAME,
    Places,
    held,
    is_locked,
    listening_socket,
    listening_tcp,
    lock_path,
    locked,
)

HOLD = """
import sys
from pathlib import Path
from stmota_daemon.instance import Places, held, listening_socket
places = Places(*map(Path, sys.argv[1:]))
with held(places), listening_socket(places.socket):
    print("listening", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "run" / "s.sock", tmp_path / "state", tmp_path / "config.toml")


def test_a_socket_is_the_users_own_and_gone_at_the_end(places: Places) -> None:
    path = places.socket
    with held(places), listening_socket(path) as listener:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            listener.accept()[0].close()
    assert not path.exists()
    assert not is_locked(lock_path(path))


def test_a_second_daemon_is_told_who_runs(places: Places) -> None:
    with held(places), pytest.raises(AlreadyRunning) as caught, held(places):
        pass
    assert caught.value.pid == os.getpid()
    assert str(caught.value) == f"a daemon (pid {os.getpid()}) has the socket {places.socket} already"
    assert not is_locked(lock_path(places.socket))


def test_a_state_directory_has_one_daemon_on_whatever_socket(places: Places, tmp_path: Path) -> None:
    other = replace(places, socket=tmp_path / "other.sock")
    with held(places), pytest.raises(AlreadyRunning) as caught, held(other):
        pass
    assert (
        str(caught.value)
        == f"a daemon (pid {os.getpid()}) has the state directory {places.state_dir} already"
    )
    assert not is_locked(lock_path(other.socket))
    assert not is_locked(places.state_dir / STATE_LOCK_NAME)


def test_what_a_killed_daemon_left_is_replaced(places: Places) -> None:
    path = places.socket
    command = [sys.executable, "-c", HOLD, *map(str, astuple(places))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"listening\n"
        assert is_locked(lock_path(path))
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()
    assert not is_locked(lock_path(path))
    with held(places), listening_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_directory_that_others_may_write_to_is_refused(places: Places, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with (
        pytest.raises(NotPrivate, match=r"mode 0777: it must be your own .*chmod 700"),
        held(replace(places, socket=shared / "s")),
    ):
        pass


def test_a_lock_is_free_when_its_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, "it"):
        assert is_locked(path)
    assert not is_locked(path)
    with locked(path, "it"):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_tcp_port_that_is_taken_is_an_error_that_names_it(tmp_path: Path) -> None:
    with listening_tcp(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with (
            pytest.raises(
                DaemonError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"
            ),
            listening_tcp(("127.0.0.1", port)),
        ):
            pass
