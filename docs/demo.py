"""`make demo`: a virtual board behind a bridge, a daemon, and the client's commands as one would type them.

Everything happens in a temporary directory and on loopback. What is started is stopped, whatever happens.
Exits with 0 when every step worked and the board itself says that it holds what was sent; 1 otherwise.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Generator
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMAGE = Path("simulator/sample_firmware/sample_f103xb.bin")
FLASH_SIZE = 128 * 1024  # F103xB
BRIDGE = "lab-esp32"

READY_TIMEOUT_S = 20.0  # interpreters start slowly on a busy machine
COMMAND_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.1
FOLLOW_S = 3.0  # a few heartbeats of the sample, one a second
INTERRUPTED = 130


class DemoFailed(Exception):
    """A step did not do what it should have; the text says which."""


def say(text: str) -> None:
    """A line of the demo's own, apart from what the commands print."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"{bold}{text}{plain}", flush=True)


class Stage:
    """Where the demo plays: a directory for all state, and the processes that run in the background."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._background: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = isolated_environment(directory)

    def start(self, *command: str) -> None:
        """Start a command in the background; its output goes to a file that `output_of` reads."""
        say(f"$ {shlex.join(command)} &")
        with self._output(command[0], len(self._background)).open("wb") as output:
            self._background[shlex.join(command)] = subprocess.Popen(
                command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo, which stops them in order
            )

    def run(self, *command: str) -> None:
        """Run a command in sight of the user. Raises `DemoFailed` unless it exits with 0."""
        say(f"$ {shlex.join(command)}")
        with self._foreground(command) as process:
            self._finish(command, process, COMMAND_TIMEOUT_S)

    def read(self, *command: str) -> str:
        """Run a command out of sight; returns its standard output. Raises `DemoFailed` as `run` does."""
        with self._foreground(command, stdout=subprocess.PIPE) as process:
            return self._finish(command, process, COMMAND_TIMEOUT_S)

    def follow(self, *command: str) -> None:
        """Run a command that would go on for ever, and press Ctrl-C after `FOLLOW_S`."""
        say(f"$ {shlex.join(command)}   # Ctrl-C after {FOLLOW_S:.0f} s")
        with self._foreground(command) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(FOLLOW_S)
                message = f"{shlex.join(command)} ended by itself with exit code {process.returncode}"
                raise DemoFailed(message)
            process.send_signal(signal.SIGINT)
            self._finish(command, process, STOP_TIMEOUT_S, wanted=INTERRUPTED)

    def wait_until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Poll until `is_so`. Raises `DemoFailed` when it takes too long or a background process ended."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not is_so():
            self._check_background()
            if time.monotonic() > deadline:
                message = f"{what}: not within {READY_TIMEOUT_S:.0f} s"
                raise DemoFailed(message)
            time.sleep(POLL_S)

    def succeeds(self, *command: str) -> bool:
        """Whether a command run out of sight exits with 0."""
        finished = subprocess.run(
            command,
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        return finished.returncode == 0

    def stop_all(self) -> None:
        """Stop what was started, the last first. Never raises."""
        for process in reversed(self._background.values()):
            stop(process)

    def outputs(self) -> str:
        """What the background processes printed, for a failure's report."""
        return "".join(
            f"--- {path.name}\n{path.read_text(errors='backslashreplace')}"
            for path in sorted(self._directory.glob("*.log"))
        )

    def _output(self, program: str, number: int) -> Path:
        return self._directory / f"{number}-{program}.log"

    def _check_background(self) -> None:
        for command, process in self._background.items():
            if process.poll() is not None:
                message = f"{command}: ended too early, with exit code {process.returncode}"
                raise DemoFailed(message)

    @contextlib.contextmanager
    def _foreground(
        self, command: tuple[str, ...], stdout: int | None = None
    ) -> Generator[subprocess.Popen[bytes]]:
        with subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=stdout) as process:
            try:
                yield process
            finally:
                stop(process)

    @staticmethod
    def _finish(
        command: tuple[str, ...], process: subprocess.Popen[bytes], timeout_s: float, wanted: int = 0
    ) -> str:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            message = f"{shlex.join(command)}: still running after {timeout_s:.0f} s"
            raise DemoFailed(message) from error
        if process.returncode != wanted:
            message = f"{shlex.join(command)}: exit code {process.returncode}, expected {wanted}"
            raise DemoFailed(message)
        return (output or b"").decode()


def isolated_environment(directory: Path) -> dict[str, str]:
    """Return the environment in which stmota keeps everything in `directory`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STMOTA_")}
    for name in ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME"):
        place = directory / name.partition("_")[0].lower()
        place.mkdir(mode=0o700)
        environment[f"XDG_{name}"] = str(place)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and end it if it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def show(stage: Stage) -> None:
    """The demo itself."""
    stage.start("stmota", "sim", "bridge", "--name", BRIDGE, "--chip", "F103xB", "--listen", "127.0.0.1:0")
    stage.start("stmotad")
    stage.wait_until(
        "the daemon answers", lambda: stage.succeeds("stmota", "--no-autostart", "daemon", "status")
    )
    stage.wait_until(
        "the daemon finds the bridge", lambda: stage.succeeds("stmota", "discover", "--timeout", "1")
    )
    stage.run("stmota", "discover", "--timeout", "1")
    stage.run("stmota", "flash", "--bridge", BRIDGE, str(IMAGE))
    stage.run("stmota", "info", "--bridge", BRIDGE)
    stage.run("stmota", "logs", "--bridge", BRIDGE, "-n", "5")
    stage.follow("stmota", "logs", "--bridge", BRIDGE, "-f")
    check_log(stage)


def check_log(stage: Stage) -> None:
    """Raises `DemoFailed` unless the board printed the CRC of a flash with the image and nothing else."""
    lines = stage.read("stmota", "logs", "--bridge", BRIDGE, "-n", "100", "--json").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    crc = zlib.crc32((ROOT / IMAGE).read_bytes().ljust(FLASH_SIZE, b"\xff"))
    wanted = f"flash crc32 0x{crc:08x}"
    if wanted not in texts:
        message = f"the board did not print {wanted!r}"
        raise DemoFailed(message)
    say(f"The board holds what was sent: it computed CRC-32 0x{crc:08x} over its flash, and so do we.")


def main() -> int:
    """Play the demo; returns the exit code."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="stmota-demo-") as directory:
        stage = Stage(Path(directory))
        try:
            show(stage)
        except DemoFailed as failure:
            print(f"{stage.outputs()}demo failed: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("demo interrupted", file=sys.stderr)
            return INTERRUPTED
        finally:
            stage.stop_all()
    say(f"Done in {time.monotonic() - began:.0f} s; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
