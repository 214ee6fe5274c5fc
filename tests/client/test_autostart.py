"""A daemon is started where none answers: a stand-in for it here, in real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Ended, Stmota
from stmota_client import autostart

STAND_IN = '''
"""A stand-in for the daemon: the lock, the socket and the greeting, nothing else."""
import fcntl, http.server, json, os, socketserver, sys, time
from pathlib import Path

run = Path(os.environ["XDG_RUNTIME_DIR"], "stmota")
started = Path(os.environ["STARTED"])
log = Path(os.environ["XDG_STATE_HOME"], "stmota", "stmotad.log")
assert sys.argv[1:] == ["--if-absent", "--log-file", str(log)], sys.argv
with started.open("a") as file:
    file.write(f"{os.getpid()}\\n")
if "FAIL" in os.environ:
    sys.exit("the store is \\x1b[31mbroken")
run.mkdir(parents=True, exist_ok=True, mode=0o700)
lock = (run / "lock").open("w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(0)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        greeting = dict(product="stmotad", version="0.1.0", api_version=[2, 0],
                        pid=os.getpid(), uid=os.geteuid(), started_at=0.0)
        body = json.dumps(greeting if self.path == "/v1/greeting" else []).encode()
        self.send_response(200)
        self.send_header("Stmota-Version", "0.1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self): return "unix"
    def log_message(self, *_): pass

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

server = Server(str(run / "stmotad.sock"), Handler)
with started.with_suffix(".won").open("a") as file:
    file.write(f"{os.getpid()} {os.getsid(0)} {os.getcwd()}\\n")
server.serve_forever()
'''
DISCOVER = [sys.executable, "-m", "stmota_client", "discover", "--timeout", "0", "--json"]


@pytest.fixture
def started(private_places: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the stand-in in the daemon's place; ends every one that was started."""
    package = private_places / "fake" / "stmota_daemon"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    started = private_places / "started"
    monkeypatch.setenv("STARTED", str(started))
    yield started
    won = started.with_suffix(".won")
    for line in won.read_text().splitlines() if won.exists() else []:
        os.kill(int(line.split()[0]), signal.SIGTERM)


def ended(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def start_client() -> "subprocess.Popen[str]":
    return subprocess.Popen(DISCOVER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_client_starts_a_daemon_in_a_session_of_its_own(started: Path) -> None:
    assert ended(start_client()) == Ended(0, "[]\n", "")

    [won] = started.with_suffix(".won").read_text().splitlines()
    pid, session, directory = won.split()
    assert (session, directory) == (pid, "/")


def test_the_next_client_finds_it(started: Path) -> None:
    assert [ended(start_client()).code for _ in range(2)] == [0, 0]
    assert len(started.read_text().splitlines()) == 1


def test_of_many_clients_at_once_all_talk_to_the_one_daemon_that_won(started: Path) -> None:
    clients = [start_client() for _ in range(4)]

    assert [ended(client) for client in clients] == [Ended(0, "[]\n", "")] * 4
    assert len(started.with_suffix(".won").read_text().splitlines()) == 1


def test_a_daemon_that_ends_at_once_is_told_with_its_last_words_and_its_log(
    started: Path, private_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "1")

    failed = ended(start_client())

    assert failed.code == 3
    assert failed.err == (
        "error: the daemon ended at once with exit code 1: the store is \\x1b[31mbroken\n"
        f"  remedy: its log file is {private_places}/state/stmota/stmotad.log\n"
    )


def test_a_thin_installation_says_what_to_install(monkeypatch: pytest.MonkeyPatch, stmota: Stmota) -> None:
    monkeypatch.setattr(autostart, "NEEDED", ("stmota_daemon", "no_such_module"))

    refused = stmota("discover")

    assert refused.code == 3
    assert refused.err == (
        "error: no stmota daemon runs, and none can be started: this installation has no no_such_module\n"
        "  remedy: pip install 'stmota[daemon]', or name a running one with --daemon\n"
    )
