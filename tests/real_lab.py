"""A laboratory of real processes: bridges, a daemon and clients, apart from all others on this machine.

Import as `from real_lab import RealLab`. Every process is started here, stopped by its own pid, and
looked after: one that is left, that had to be killed or that printed a traceback fails the test.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from command_line import Ended
from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import (
    AddBridge,
    Bridge,
    FlashFile,
    FlashOptions,
    Job,
    JobEvent,
    JobKind,
    JobRequest,
    NetworkPlace,
    Phase,
    ProgressEvent,
    StateEvent,
)

BIN = Path(sys.executable).parent
WITHIN_S = 120.0
"""A hang's end, for a machine under any load; nothing here takes more than seconds."""
STOP_WITHIN_S = 30.0
POLL_S = 0.02
PROCESSES = Path("/proc")
LISTENING = re.compile(r"^(\S+) listening on (\S+):([0-9]+)", re.MULTILINE)


class Process:
    """A command that runs; what it prints is kept in files, so that it never waits for a reader."""

    def __init__(
        self, command: tuple[str, ...], prints: Path, environment: Mapping[str, str], stdin: bytes = b""
    ) -> None:
        self.command = command
        self._out, self._err = prints.with_suffix(".out"), prints.with_suffix(".err")
        given = prints.with_suffix(".in")
        given.write_bytes(stdin)
        with given.open("rb") as source, self._out.open("wb") as out, self._err.open("wb") as err:
            self._popen = subprocess.Popen(
                command, env=environment, cwd=prints.parent, stdin=source, stdout=out, stderr=err
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self._popen.wait(WITHIN_S)
        return Ended(code, self.out, self.err)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until `is_so`; fails when the process ends before."""
        deadline = time.monotonic() + WITHIN_S
        while not is_so():
            if not self.is_running and not is_so():
                message = f"{self.command} ended with {self._popen.returncode} before {what}: {self.err}"
                raise AssertionError(message)
            assert time.monotonic() < deadline, f"{self.command}: not in time: {what}: {self.out}{self.err}"
            time.sleep(POLL_S)

    def wait_for_out(self, text: str) -> None:
        """Wait until it has printed `text`."""
        self.wait_until(lambda: text in self.out, f"printing {text!r}")

    def wait_for_err(self, text: str) -> None:
        """Wait until it has said `text`."""
        self.wait_until(lambda: text in self.err, f"saying {text!r}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, and wait for that."""
        self._popen.kill()
        self._popen.wait(STOP_WITHIN_S)

    def stop(self) -> str | None:
        """End it in order; return what was wrong with that."""
        if self.is_running:
            self._popen.terminate()
            try:
                self._popen.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()
                return f"{self.command} did not end when asked to: {self.err}"
        return f"{self.command}: {self.err}" if "Traceback" in self.err else None


class BridgeProcess(Process):
    """A command that is one or several bridges; each name's port, once `ready`."""

    ports: Mapping[str, int]

    def ready(self, count: int = 1) -> "BridgeProcess":
        """Wait until it listens."""
        self.wait_until(lambda: len(LISTENING.findall(self.out)) == count, "listening")
        self.ports = {name: int(port) for name, _, port in LISTENING.findall(self.out)}
        return self

    @property
    def port(self) -> int:
        """The only bridge's port."""
        (port,) = self.ports.values()
        return port


class RealLab:
    """Processes with directories of their own. Made by `real_lab`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("STMOTA_", "XDG_"))}
        for name in ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME"):
            place = directory / name.partition("_")[0].lower()
            place.mkdir(mode=0o700)
            self.environment[f"XDG_{name}"] = str(place)
        self.socket = directory / "runtime" / "stmota" / "stmotad.sock"
        self.configure("[discovery]\nmdns = false\n")
        self.api = Client(str(self.socket))
        self._processes: list[Process] = []

    def configure(self, text: str) -> None:
        """Write the daemon's configuration."""
        file = self.directory / "config" / "stmota" / "config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def file(self, name: str, content: bytes) -> str:
        """Write a file; return its path."""
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def start(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Process:
        """Start `stmota ARGUMENTS`."""
        return self._keep(Process(self._command(*arguments), self._prints(), self._with(environment), stdin))

    def stmota(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
        """Run `stmota ARGUMENTS` to its end."""
        return self.start(*arguments, stdin=stdin, **environment).wait()

    def sim_bridge(self, name: str, *options: str) -> BridgeProcess:
        """Start `stmota sim bridge`; `ready` waits for it."""
        return self._bridge("sim", "bridge", "--no-mdns", "--name", name, *options)

    def announced_bridge(self, name: str) -> BridgeProcess:
        """Start `stmota sim bridge` where all daemons of this machine hear of it."""
        return self._bridge("sim", "bridge", "--name", name)

    def pty_board(self, name: str) -> str:
        """Start `stmota sim board`; return its pty once it is there."""
        path = str(self.directory / name)
        self.start("sim", "board", "--pty", path).wait_for_out("in its bootloader")
        return path

    def served_bridge(self, name: str, port: str, *options: str) -> BridgeProcess:
        """Start `stmota bridge serve` on a free port."""
        serve = ("bridge", "serve", "--name", name, "--port", port, "--listen", "127.0.0.1:0")
        return self._bridge(*serve, *options)

    def daemon(self, *options: str) -> Process:
        """Start `stmotad`, and wait until it answers."""
        command = (str(BIN / "stmotad"), *options)
        daemon = self._keep(Process(command, self._prints(), self.environment))
        daemon.wait_until(lambda: answers(self.api), "answering")
        return daemon

    def add(self, name: str, port: int) -> Bridge:
        """Tell the daemon of a bridge."""
        return self.api.add_bridge(AddBridge(name=name, place=NetworkPlace(host="127.0.0.1", port=port)))

    def with_board(self, name: str, *options: str) -> BridgeProcess:
        """Start a virtual board behind a bridge, and tell the daemon of it."""
        bridge = self.sim_bridge(name, *options).ready()
        self.add(name, bridge.port)
        return bridge

    def begin_flash(self, bridge: str, image: bytes) -> Job:
        """Start a flash job as a client would that needs no answer."""
        options = FlashOptions(
            files=(FlashFile(firmware=self.api.upload_firmware(image), filename="fw.bin"),)
        )
        return self.api.start_job(JobRequest(kind=JobKind.FLASH, bridge=bridge, flash=options))

    def wait_for_phase(self, job: Job, phase: Phase, done: int = 0) -> None:
        """Wait until a job is in a phase with so many bytes done. Fails if it ends before."""
        for event in self.api.job_events(job.id):
            if _is_in(event, phase, done):
                return
        message = f"{self.api.job(job.id)} ended before {phase}"
        raise AssertionError(message)

    def ended(self, job: Job) -> Job:
        """Wait for a job's end."""
        for _ in self.api.job_events(job.id):
            pass
        return self.api.job(job.id)

    def log_lines(self, bridge: str) -> list[str]:
        """What the board has said."""
        return self.stmota("logs", "--bridge", bridge, "-n", "10000").out.splitlines()

    def close(self) -> list[str]:
        """Stop everything, the last first; return what was wrong."""
        self.api.close()
        wrong = [problem for process in reversed(self._processes) if (problem := process.stop()) is not None]
        for pid, command in self._left_running().items():
            os.kill(pid, signal.SIGKILL)
            wrong.append(f"left running: {command}")
        return wrong

    def processes(self) -> dict[int, str]:
        """All processes with this laboratory's directories in their environment, as far as /proc tells."""
        mark = f"XDG_RUNTIME_DIR={self.environment['XDG_RUNTIME_DIR']}\0".encode()
        found: dict[int, str] = {}
        for process in PROCESSES.glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
            except OSError:  # ended meanwhile, or another user's
                continue
        return found

    def wait_until_nothing_runs(self) -> None:
        """Wait until the last of those has ended; fails when one stays."""
        assert self._left_running() == {}

    def _left_running(self) -> dict[int, str]:
        """Those that are still there after as long as a process may take to end."""
        deadline = time.monotonic() + STOP_WITHIN_S
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return left

    def _bridge(self, *arguments: str) -> BridgeProcess:
        bridge = BridgeProcess(self._command(*arguments), self._prints(), self.environment)
        self._keep(bridge)
        return bridge

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (str(BIN / "stmota"), *arguments)

    def _prints(self) -> Path:
        return self.directory / f"process-{len(self._processes)}"

    def _with(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {**self.environment, **environment}

    def _keep(self, process: Process) -> Process:
        self._processes.append(process)
        return process


@contextmanager
def real_lab() -> Generator[RealLab]:
    """A laboratory in a directory with a short name: a Unix socket's path has 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="stmota-") as directory:
        lab = RealLab(Path(directory))
        try:
            yield lab
        finally:
            wrong = lab.close()
        assert not wrong, "\n".join(wrong)


def answers(api: Client) -> bool:
    """Whether a daemon is there."""
    try:
        api.greeting()
    except ClientError:
        return False
    return True


def _is_in(event: JobEvent, phase: Phase, done: int) -> bool:
    if isinstance(event, StateEvent):
        return False
    if isinstance(event, ProgressEvent):
        return event.phase is phase and event.done >= done
    return not done and getattr(event, "phase", None) is phase
