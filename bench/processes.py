"""Processes that the bench starts, watches and stops, each by its own id."""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stmota_client.client import Client

ROOT = Path(__file__).parent.parent
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
POLL_S = 0.02
MOST_SAID = 2000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SCOPES = ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME")


class BenchFailed(Exception):
    """A process did not do what it should have; the text has what it said."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ran to its end."""

    seconds: float
    out: str


class Running:
    """A process in the background."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self._log = log

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="backslashreplace")

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU it has used, user and system (proc(5), stat, fields 14 and 15)."""
        fields = Path(f"/proc/{self._popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    @property
    def resident_bytes(self) -> int:
        """Resident memory now (proc(5), status, VmRSS)."""
        status = Path(f"/proc/{self._popen.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Poll until `is_so`. Raises `BenchFailed` when it takes too long or the process has ended."""
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not is_so():
            if self._popen.poll() is not None or time.monotonic() > deadline_s:
                command = shlex.join(map(str, self._popen.args)) if isinstance(self._popen.args, list) else ""
                message = f"{command}: no {what} within {READY_WITHIN_S:.0f} s, or it ended\n{self.output}"
                raise BenchFailed(message)
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask it to end; end it if it does not."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()


class Stage:
    """A directory of the bench's own, the processes in it, and stmota's files kept away from the user's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = self._isolated_environment()
        self._started = 0

    @property
    def socket(self) -> str:
        """Where its daemon listens."""
        return str(Path(self.environment["XDG_RUNTIME_DIR"], "stmota", "stmotad.sock"))

    @contextlib.contextmanager
    def running(self, *command: str) -> Generator[Running]:
        """Run a command in the background while the body runs."""
        self._started += 1
        log = self.directory / f"{self._started}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                list(command),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process = Running(popen, log)
        try:
            yield process
        finally:
            process.stop()

    def run(self, *command: str) -> Ended:
        """Run a command to its end. Raises `BenchFailed` unless it exits with 0."""
        began_s = time.monotonic()
        ended = subprocess.run(
            command,
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        seconds = time.monotonic() - began_s
        if ended.returncode:
            said = (ended.stdout + ended.stderr).decode(errors="backslashreplace")[-MOST_SAID:]
            message = f"{shlex.join(command)}: exit code {ended.returncode}\n{said}"
            raise BenchFailed(message)
        return Ended(seconds, ended.stdout.decode(errors="backslashreplace"))

    @contextlib.contextmanager
    def daemon(self, config: str = "") -> Generator[tuple[Running, Client]]:
        """Run a daemon on a configuration while the body runs, without mDNS; and a client of it."""
        config_file = Path(self.environment["XDG_CONFIG_HOME"], "stmota", "config.toml")
        config_file.parent.mkdir(exist_ok=True)
        config_file.write_text(config)
        socket = Path(self.socket)
        with self.running("stmotad", "--no-mdns", "--log-level", "warning") as process:
            process.wait_until(socket.exists, "socket")
            with Client(f"unix://{socket}") as client:
                yield process, client

    def _isolated_environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STMOTA_")}
        for scope in SCOPES:
            place = self.directory / scope.lower()
            place.mkdir(mode=0o700, exist_ok=True)
            environment[f"XDG_{scope}"] = str(place)
        environment["PATH"] = (
            f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        )
        return environment


def listening_ports(process: Running, count: int = 1) -> list[int]:
    """The ports a process prints as `… listening on HOST:PORT…`, once all are there."""

    def printed() -> Sequence[str]:
        return [line for line in process.output.splitlines() if " listening on " in line]

    process.wait_until(lambda: len(printed()) >= count, f"{count} ports")
    return [int(line.split(" listening on ")[1].split()[0].rpartition(":")[2]) for line in printed()]
