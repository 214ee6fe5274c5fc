import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stmota_daemon.errors import AlreadyRunning, DaemonError, NotPrivate
from stmota_daemon.instance import is_locked, listening_socket, listening_tcp, lock_path, locked

HOLD = """
import sys
from pathlib import Path
from stmota_daemon.instance import listening_socket
with listening_socket(Path(sys.argv[1])):
    print("listening", flush=True)
    sys.stdin.read()
"""


def test_a_socket_is_the_users_own_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s.sock"
    with listening_socket(path) as listener:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            listener.accept()[0].close()
    assert not path.exists()
    assert not is_locked(lock_path(path))


def test_a_second_daemon_is_told_who_runs(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with listening_socket(path), pytest.raises(AlreadyRunning) as caught, listening_socket(path):
        pass
    assert caught.value.pid == os.getpid()
    assert str(caught.value) == f"a daemon (pid {os.getpid()}) has the socket {path} already"


def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"listening\n"
        assert is_locked(lock_path(path))
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()
    assert not is_locked(lock_path(path))
    with listening_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with (
        pytest.raises(NotPrivate, match=r"mode 0777: it must be your own .*chmod 700"),
        listening_socket(shared / "s"),
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
