"""`stmotad` and `stmota daemon …` as real processes, each test in directories of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stmota_daemon.daemon_client import DaemonClient, NotRunning
from stmota_daemon.instance import is_locked, lock_path

WITHIN_S = 60.0
"""A hang's end; nothing here waits on purpose."""
DAEMON = (sys.executable, "-m", "stmota_daemon", "--no-mdns")


class Place:
    """One user's directories."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.socket = root / "run" / "stmota" / "stmotad.sock"
        self.config = root / "config" / "stmota" / "config.toml"
        self.log = root / "state" / "stmota" / "stmotad.log"
        self.environment = os.environ | {
            "XDG_RUNTIME_DIR": str(root / "run"),
            "XDG_STATE_HOME": str(root / "state"),
            "XDG_CONFIG_HOME": str(root / "config"),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-c", "from stmota_daemon.cli import app; app()", *arguments)

    def popen(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)

    def wait_until_it_answers(self) -> int:
        """Return the pid of the daemon."""
        while True:
            try:
                return DaemonClient(self.socket).greeting().pid
            except NotRunning:
                time.sleep(0.01)  # another process: nothing tells of its progress but asking

    def stop(self) -> None:
        if is_locked(lock_path(self.socket)):
            DaemonClient(self.socket).shut_down()
        while is_locked(lock_path(self.socket)):
            time.sleep(0.01)

    def write_config(self, text: str) -> None:
        self.config.parent.mkdir(parents=True)
        self.config.write_text(text)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.stop()


def test_start_returns_when_the_daemon_answers_and_stop_when_it_is_gone(place: Place) -> None:
    started = place.cli("start", "--no-mdns")
    assert started.returncode == 0
    pid = DaemonClient(place.socket).greeting().pid
    assert started.stderr == f"the daemon 0.1.0 runs (pid {pid})\n"
    again = place.cli("start", "--no-mdns")
    assert (again.returncode, again.stderr) == (0, started.stderr)
    status = json.loads(place.cli("status", "--json").stdout)
    assert (status["running"], status["daemon"]["pid"], status["bridges"]) == (True, pid, 0)
    assert f"(pid {pid}), knows 0 bridges" in place.cli("status").stdout
    assert place.cli("stop").returncode == 0
    assert not is_locked(lock_path(place.socket))
    assert not place.socket.exists()


def test_without_a_daemon_status_exits_with_3_and_stop_with_0(place: Place) -> None:
    status = place.cli("status", "--json")
    assert status.returncode == 3
    assert json.loads(status.stdout)["running"] is False
    assert place.cli("status").stdout == f"no daemon runs on {place.socket}\n"
    assert place.cli("stop").returncode == 0


def test_of_daemons_that_start_at_once_one_runs_and_the_others_end_with_0_if_absent(place: Place) -> None:
    racers = [place.popen(*DAEMON, "--if-absent") for _ in range(3)]
    try:
        winner = place.wait_until_it_answers()
        losers = [racer for racer in racers if racer.pid != winner]
        assert len(losers) == 2
        for loser in losers:
            assert loser.wait(WITHIN_S) == 0
        late = place.run(*DAEMON)
        assert late.returncode == 1
        assert late.stderr == f"stmotad: a daemon (pid {winner}) has the socket {place.socket} already\n"
        other = place.run(*DAEMON, "--socket", str(place.socket.with_name("other.sock")))
        assert other.returncode == 1
        assert f"has the state directory {place.log.parent} already" in other.stderr
    finally:
        place.stop()
        for racer in racers:
            racer.communicate(timeout=WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_daemon_in_order(place: Place, number: signal.Signals) -> None:
    with place.popen(*DAEMON) as daemon:
        assert daemon.stderr is not None
        assert "listening on" in daemon.stderr.readline()
        assert place.wait_until_it_answers() == daemon.pid
        daemon.send_signal(number)
        assert daemon.wait(WITHIN_S) == 0
        said = daemon.stderr.read()
    assert f"ending: {number.name}" in said
    assert "Traceback" not in said
    assert not place.socket.exists()


def test_a_killed_daemon_is_replaced_by_the_next(place: Place) -> None:
    assert place.cli("start", "--no-mdns").returncode == 0
    os.kill(DaemonClient(place.socket).greeting().pid, signal.SIGKILL)
    assert place.cli("start", "--no-mdns").returncode == 0
    place.wait_until_it_answers()


def test_a_bad_configuration_is_told_whole_with_exit_code_2(place: Place) -> None:
    place.write_config('[daemon]\nname = 3\n[bridges.a]\nport = "x"\n')
    ended = place.run(*DAEMON)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"stmotad: {place.config}:2: daemon.name: must be a text of 1 to 63 printable characters",
        f"stmotad: {place.config}:4: bridges.a.port: must be a number from 1 to 65535",
        f"stmotad: {place.config}:4: bridges.a.port: needs a host",
    ]
    started = place.cli("start")
    assert started.returncode == 2
    assert ended.stderr.strip() in started.stderr


def test_a_damaged_state_directory_is_one_line(place: Place) -> None:
    place.log.parent.mkdir(parents=True)
    place.log.parent.chmod(0o700)
    (place.log.parent / "stmotad.sqlite3").write_bytes(b"garbage" * 100)
    ended = place.run(*DAEMON)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"stmotad: the database {place.log.parent / 'stmotad.sqlite3'} cannot be used:"
        " file is not a database\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--mdns-interface", "wlan0"), 2, "'wlan0' is no IP address"),
        (("--bogus",), 2, "unrecognized arguments: --bogus"),
        (("--socket", "/" + "x" * 101), 1, "may have 100"),
        (("--help",), 0, ""),
    ],
)
def test_arguments_are_checked(place: Place, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = place.run(*DAEMON, *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_log_file_is_rotated_and_old_ones_go(place: Place) -> None:
    small = (
        "import sys, stmota_daemon.main as main; main.LOG_FILE_BYTES = 60; sys.exit(main.main(sys.argv[1:]))"
    )
    place.root.joinpath("d.log.3").write_text("old\n")
    with place.popen(
        sys.executable, "-c", small, "--no-mdns", "--log-file", str(place.root / "d.log")
    ) as daemon:
        place.wait_until_it_answers()
        daemon.terminate()
        assert daemon.communicate(timeout=WITHIN_S)[1] == ""
    said = [place.root.joinpath(f"d.log{end}").read_text() for end in ("", ".1", ".2")]
    for text, end in zip(
        said, ("ended\n", "ending: SIGTERM\n", f"listening on {place.socket}\n"), strict=True
    ):
        assert text.endswith(end)
        assert text.count("\n") == 1
    assert not place.root.joinpath("d.log.4").exists()


def test_a_bug_that_ends_a_daemon_is_in_its_log_file(place: Place) -> None:
    broken = "import sys, stmota_daemon.main as main; main._serve = None; main.main(sys.argv[1:])"
    ended = place.run(sys.executable, "-c", broken, "--log-file", str(place.root / "d.log"))
    assert (ended.returncode, ended.stderr) == (1, "")
    said = place.root.joinpath("d.log").read_text()
    assert "CRITICAL stmota_daemon.main: ended by a bug\nTraceback" in said
    assert said.endswith("TypeError: 'NoneType' object is not callable\n")


def test_a_log_file_that_cannot_be_written_is_one_line(place: Place) -> None:
    ended = place.run(*DAEMON, "--log-file", str(place.root / "no" / "d.log"))
    assert (ended.returncode, ended.stderr) == (
        1,
        f"stmotad: {place.root}/no/d.log: No such file or directory\n",
    )
