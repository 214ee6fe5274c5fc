"""Starts a daemon for this user where none answers on the default socket, as adb does.

Several clients may do so at once: each starts one, the daemon's own lock (`--if-absent`) lets one win,
the others exit with 0, and every client waits for the winner.
"""

import importlib.util
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_protocol.api import DaemonGreeting, ProblemCode
from stmota_protocol.places import log_file

COMMAND = ("-m", "stmota_daemon", "--if-absent")
START_WITHIN_S = 20.0
"""Imports and opening the store take about a second; a loaded machine takes many times that."""
POLL_EVERY_S = 0.05
NEEDED = (
    "stmota_daemon",
    "trio",
    "serial",
    "zeroconf",
    "hypercorn",
    "starlette",
    "sqlalchemy",
    "tomlkit",
    "elftools",
    "cryptography",
)
"""Modules of `stmota[daemon]`: what a thin installation lacks."""
SHOWN_LOG_LINE = 200


def start_daemon(client: Client) -> DaemonGreeting:
    """Start a daemon in the background; return its greeting once it answers. Raises `ClientError`."""
    _check_installed()
    log = log_file()
    daemon, log_start = _launch(log)
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            greeting = client.greeting()
        except ClientError as error:
            if error.problem.code is not ProblemCode.NO_DAEMON:
                raise
        else:
            _see_off(daemon, greeting, deadline)
            return greeting
        if daemon.poll():
            raise _failed(log, log_start, f"the daemon ended at once with exit code {daemon.returncode}")
        if time.monotonic() > deadline:
            raise _failed(log, log_start, f"the daemon did not answer within {START_WITHIN_S:.0f} s")
        time.sleep(POLL_EVERY_S)


def _see_off(daemon: subprocess.Popen[bytes], greeting: DaemonGreeting, deadline: float) -> None:
    """Wait until our own daemon has seen that another won: it must not wake up after that one was stopped."""
    if daemon.pid != greeting.pid:
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(max(deadline - time.monotonic(), 0))


def _check_installed() -> None:
    missing = next((name for name in NEEDED if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise ClientError.of(
            ProblemCode.NO_DAEMON,
            f"no stmota daemon runs, and none can be started: this installation has no {missing}",
            "pip install 'stmota[daemon]', or name a running one with --daemon",
        )


def _launch(log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the daemon detached; return it, and the size its log had before."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("ab") as output:
            log_start = output.tell()
            daemon = subprocess.Popen(  # noqa: S603 - our own interpreter with our own module
                [sys.executable, *COMMAND, "--log-file", str(log)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )
    except OSError as error:
        raise ClientError.of(
            ProblemCode.NO_DAEMON,
            f"the daemon could not be started: {error}",
            f"is {log.parent} yours and writable?",
        ) from error
    return daemon, log_start


def _failed(log: Path, log_start: int, what: str) -> ClientError:
    last_line = _last_line(log, log_start)
    said = f": {last_line}" if last_line else ""
    return ClientError.of(ProblemCode.NO_DAEMON, f"{what}{said}", f"its log file is {log}")


def _last_line(log: Path, log_start: int) -> str:
    """Return the last line written to the log since `log_start`, shortened and safe to show."""
    try:
        with log.open("rb") as file:
            file.seek(log_start)
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return escape(next((line for line in reversed(lines) if line.strip()), "").strip()[:SHOWN_LOG_LINE])
