"""`make demo`: a virtual board behind a bridge, a daemon, and the client's commands as one would type them.

Everything happens in a temporary directory and on loopback. What is started is stopped, whatever happens.
Exits with 0 when every step worked and the board itself says that it holds what was sent; 1 otherwise.
An argument gives the bridge another name. `--through PROGRAM` makes the bridge that one, the C core with its
virtual board: `make bridge`, then `python docs/demo.py --through bridge_firmware/host/build/stmota-bridge`.
"""

import argparse
import contextlib
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).parent.parent
IMAGE = Path("simulator/sample_firmware/sample_f103xb.bin")
FLASH_SIZE = 128 * 1024  # F103xB
BRIDGE = "lab-esp32"

READY_TIMEOUT_S = 30.0  # interpreters start slowly on a busy machine
COMMAND_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.1
FOLLOW_S = 3.0  # a few heartbeats of the sample, one a second
INTERRUPTED = 130
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


class DemoFailed(Exception):
    """A step did not do what it should have; the text says which."""


def say(text: str) -> None:
    """Print a line of the demo's own, apart from what the commands print."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"{bold}{text}{plain}", flush=True)


class Stage:
    """Where the demo plays: a directory for all state, and the processes that run in the background."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._environment = isolated_environment(directory)
        self._started: list[subprocess.Popen[bytes]] = []
        self._background: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> None:
        """Start a command in the background; what it prints is shown if the demo fails."""
        say(f"$ {shlex.join(command)} &")
        with (self._directory / f"{len(self._background)}-{Path(command[0]).name}.log").open("wb") as output:
            # In a session of its own, so that Ctrl-C reaches only the demo, which stops it in order.
            process = self._spawn(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self._background.append(process)

    def run(self, *command: str) -> None:
        """Run a command in sight of the user. Raises `DemoFailed` unless it exits with 0."""
        say(f"$ {shlex.join(command)}")
        wait_for(self._spawn(command), COMMAND_TIMEOUT_S, wanted=0)

    def write(self, name: str, content: str) -> str:
        """Write a file; returns its path."""
        path = self._directory / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    def follow(self, *command: str) -> None:
        """Run a command that would go on for ever, and press Ctrl-C `FOLLOW_S` after its first line."""
        say(f"$ {shlex.join(command)}   # Ctrl-C after {FOLLOW_S:.0f} s")
        process = self._spawn(command, stdout=subprocess.PIPE)
        output = cast("IO[bytes]", process.stdout)
        pass_on(output, COMMAND_TIMEOUT_S, first_only=True)
        pass_on(output, FOLLOW_S)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        pass_on(output, STOP_TIMEOUT_S)
        wait_for(process, STOP_TIMEOUT_S, wanted=INTERRUPTED)

    def read(self, *command: str) -> str:
        """Run a command out of sight; returns its standard output. Raises `DemoFailed` as `run` does."""
        process = self._spawn(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(str(error)) from error
        wait_for(process, STOP_TIMEOUT_S, wanted=0)
        return output.decode()

    def wait_until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Poll until `is_so`. Raises `DemoFailed` when it takes too long or a background process ended."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not is_so():
            for process in self._background:
                if process.poll() is not None:
                    message = f"{text_of(process)} ended too early, with exit code {process.returncode}"
                    raise DemoFailed(message)
            if time.monotonic() > deadline:
                message = f"not within {READY_TIMEOUT_S:.0f} s: {what}"
                raise DemoFailed(message)
            time.sleep(POLL_S)

    def stop_all(self) -> None:
        """Stop what still runs, the last first. Takes no more interruptions."""
        for number in INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._started):
            stop(process)

    def background_output(self) -> str:
        """Return what the background processes printed."""
        return "".join(
            f"--- {path.name}\n{path.read_text(errors='backslashreplace')}"
            for path in sorted(self._directory.glob("*.log"))
        )

    def _spawn(
        self,
        command: tuple[str, ...],
        stdout: IO[bytes] | int | None = None,
        stderr: int | None = None,
        *,
        start_new_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        with interruptions_deferred():
            process = subprocess.Popen(
                command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=start_new_session,
            )
            self._started.append(process)
        return process


@contextlib.contextmanager
def interruptions_deferred() -> Generator[None]:
    """Keep interruptions for the end of the body: no process may start without being known."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTIONS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def isolated_environment(directory: Path) -> dict[str, str]:
    """Return the environment in which stmota keeps everything in `directory`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STMOTA_")}
    for name in ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME"):
        place = directory / name.partition("_")[0].lower()
        place.mkdir(mode=0o700)
        environment[f"XDG_{name}"] = str(place)
    commands = Path(sys.executable).parent
    environment["PATH"] = f"{commands}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


def wait_for(process: subprocess.Popen[bytes], timeout_s: float, *, wanted: int) -> None:
    """Raises `DemoFailed` unless the process ends in time and with the exit code `wanted`."""
    try:
        found = process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        message = f"{text_of(process)}: still running after {timeout_s:.0f} s"
        raise DemoFailed(message) from error
    if found != wanted:
        message = f"{text_of(process)}: exit code {found}, expected {wanted}"
        raise DemoFailed(message)


def pass_on(output: IO[bytes], within_s: float, *, first_only: bool = False) -> None:
    """Print what comes until that time is over, or the first of it, or the output ends."""
    until = time.monotonic() + within_s
    while (left_s := until - time.monotonic()) > 0:
        ready, _, _ = select.select([output], [], [], left_s)
        said = os.read(output.fileno(), 65536) if ready else b""
        print(said.decode(errors="replace"), end="", flush=True)
        if first_only or not said:
            break


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


def text_of(process: subprocess.Popen[bytes]) -> str:
    """Return the command line that a process was started with."""
    return shlex.join(map(str, process.args)) if isinstance(process.args, tuple) else str(process.args)


def start_bridge(stage: Stage, bridge: str) -> None:
    """Start a virtual board and its bridge, the daemon, and leave it to mDNS that they find each other."""
    stage.start("stmota", "sim", "bridge", "--name", bridge, "--chip", "F103xB", "--listen", "127.0.0.1:0")
    stage.start("stmotad", "--mdns-interface", "127.0.0.1")  # sees no real bridge of the local network


def start_program(stage: Stage, bridge: str, program: str) -> None:
    """The same with the C core's program, which announces nothing: the daemon is told where it is."""
    board = stage.write(
        "board.txt", stage.read(sys.executable, "-m", "stmota_simulator.board_file", "F103xB")
    )
    stage.start(program, "--name", bridge, "--board", board, "--listen", "127.0.0.1:0")
    stage.start("stmotad", "--mdns-interface", "127.0.0.1")
    stage.wait_until("the bridge listens", lambda: listening_on(stage) is not None)
    stage.wait_until("the daemon answers", lambda: discovered(stage) is not None)
    stage.run("stmota", "bridge", "add", bridge, listening_on(stage) or "")


def show(stage: Stage, bridge: str, program: str | None) -> None:
    """The demo itself. Raises `DemoFailed`."""
    if program is None:
        start_bridge(stage, bridge)
    else:
        start_program(stage, bridge, program)
    stage.wait_until(f"the daemon finds {bridge}", lambda: finds(stage, bridge))
    stage.run("stmota", "discover", "--timeout", "1")
    stage.run("stmota", "flash", "--bridge", bridge, str(IMAGE))
    stage.run("stmota", "info", "--bridge", bridge)
    stage.run("stmota", "logs", "--bridge", bridge, "-n", "5")
    stage.follow("stmota", "logs", "--bridge", bridge, "-f", "-n", "0", "--timestamps")
    check_log(stage, bridge)


def finds(stage: Stage, bridge: str) -> bool:
    """Whether the daemon runs and has a working connection to the bridge that the demo started.

    Raises `DemoFailed` when it is somebody else's: another's board is not to be flashed.
    """
    listening = listening_on(stage)
    ours = [one for one in discovered(stage) or [] if one["name"] == bridge]
    if listening is None or not ours:
        return False
    if any(one["address"] != listening for one in ours):
        message = f"another bridge on this machine is called {bridge}: stop it, or `python docs/demo.py NAME`"
        raise DemoFailed(message)
    if ours[0]["state"] == "held":
        message = f"another daemon on this machine ({ours[0]['holder']}) holds {bridge}: `stmota daemon stop`"
        raise DemoFailed(message)
    return bool(ours[0]["state"] == "idle")


def listening_on(stage: Stage) -> str | None:
    """Where the bridge listens, once it said so."""
    said = re.search(r"listening on (\S+)", stage.background_output())
    return said[1] if said else None


def discovered(stage: Stage) -> list[dict[str, Any]] | None:
    """The bridges that the daemon knows; None while it does not answer."""
    try:
        found = stage.read("stmota", "discover", "--no-autostart", "--json", "--timeout", "0")
    except DemoFailed:
        return None
    return list(json.loads(found))


def check_log(stage: Stage, bridge: str) -> None:
    """Raises `DemoFailed` unless the board printed the CRC of a flash with the image and nothing else."""
    lines = stage.read("stmota", "logs", "--bridge", bridge, "--json").splitlines()
    crc = zlib.crc32((ROOT / IMAGE).read_bytes().ljust(FLASH_SIZE, b"\xff"))
    wanted = f"flash crc32 0x{crc:08x}"
    if wanted not in [json.loads(line)["text"] for line in lines]:
        message = f"the board did not print {wanted!r}"
        raise DemoFailed(message)
    say(f"The board holds what was sent: CRC-32 0x{crc:08x} over its flash, by its own count and by ours.")


def main(arguments: Sequence[str]) -> int:
    """Play the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("bridge", nargs="?", default=BRIDGE, help="what to call it")
    parser.add_argument("--through", metavar="PROGRAM", help="a built stmota-bridge to flash through")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    for number in INTERRUPTIONS:
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="stmota-demo-") as directory:
        stage = Stage(Path(directory))
        try:
            show(stage, options.bridge, options.through)
        except DemoFailed as failure:
            print(f"{stage.background_output()}demo failed: {failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("demo interrupted", file=sys.stderr)
            return INTERRUPTED
        finally:
            stage.stop_all()
    say(f"Done in {time.monotonic() - began:.0f} s; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
