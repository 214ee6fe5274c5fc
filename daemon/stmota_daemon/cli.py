"""`stmota daemon …`: run, start, stop and ask for the daemon of this user.

The daemon's own modules are imported where they are used: `stop` and `status` need none of them.
"""

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from stmota_daemon.daemon_client import DaemonClient, NoAnswer, NotRunning
from stmota_daemon.errors import DaemonError
from stmota_daemon.instance import is_locked, lock_path
from stmota_protocol.api import DaemonGreeting, ExitCode
from stmota_protocol.api.wire import Wire
from stmota_protocol.places import BadPlace, checked_socket_path, default_socket, log_file

START_WITHIN_S = 30.0
"""Imports and opening the store take about a second; a loaded machine takes many times that."""
STOP_WITHIN_S = 30.0
"""Running jobs leave their chip reset first: a few seconds at most."""
POLL_EVERY_S = 0.05
SHOWN_LOG_LINES = 20

app = typer.Typer(
    help="Run, start, stop and inspect the daemon.", no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False,
)  # fmt: skip
FORWARD: dict[str, object] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
SocketOption = Annotated[Path | None, typer.Option("--socket", help="Its socket; default: this user's.")]


class StartFailed(DaemonError):
    """The daemon that was started does not answer."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class Status(Wire, frozen=True):
    """What `stmota daemon status --json` prints."""

    running: bool
    socket: str
    daemon: DaemonGreeting | None = None
    bridges: int | None = None


@app.command(context_settings=FORWARD)
def run(context: typer.Context) -> None:
    """Run the daemon in the foreground, as `stmotad` does. Example: stmota daemon run --no-mdns."""
    from stmota_daemon.main import main  # noqa: PLC0415 - the whole daemon, needed here only

    raise typer.Exit(main(context.args))


@app.command(context_settings=FORWARD)
def start(context: typer.Context) -> None:
    """Start the daemon in the background, with stmotad's options. Example: stmota daemon start."""
    from stmota_daemon.main import parse  # noqa: PLC0415 - as above

    try:
        given = parse(context.args)
        socket_path = _socket(Path(given.socket) if given.socket else None)
        greeting = _start(socket_path, context.args)
    except StartFailed as error:
        _fail(str(error), error.exit_code)
    except (DaemonError, OSError) as error:
        _fail(str(error), ExitCode.FAILED)
    typer.echo(f"the daemon {greeting.version} runs (pid {greeting.pid})", err=True)


@app.command()
def stop(socket_path: SocketOption = None) -> None:
    """Stop the daemon; jobs that run are taken up again by the next one. Example: stmota daemon stop."""
    path = _socket(socket_path)
    try:
        DaemonClient(path).shut_down()
    except NotRunning as error:
        typer.echo(str(error), err=True)
        return
    except NoAnswer as error:
        _fail(f"{error}; end its process by its pid, which {lock_path(path)} names", ExitCode.FAILED)
    deadline = time.monotonic() + STOP_WITHIN_S
    while is_locked(lock_path(path)):
        if time.monotonic() > deadline:
            _fail(f"the daemon has not ended within {STOP_WITHIN_S:.0f} s", ExitCode.FAILED)
        time.sleep(POLL_EVERY_S)


@app.command()
def status(
    socket_path: SocketOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say whether the daemon runs; exit code 3 if not. Example: stmota daemon status --json."""
    path = _socket(socket_path)
    client = DaemonClient(path)
    try:
        found = Status(
            running=True, socket=str(path), daemon=client.greeting(), bridges=len(client.bridges())
        )
    except NotRunning:
        found = Status(running=False, socket=str(path))
    except NoAnswer as error:
        _fail(str(error), ExitCode.FAILED)
    typer.echo(msgspec.json.encode(found).decode() if as_json else _status_text(found))
    raise typer.Exit(ExitCode.DONE if found.running else ExitCode.NO_DAEMON)


def _status_text(found: Status) -> str:
    if found.daemon is None:
        return f"no daemon runs on {found.socket}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.daemon.started_at))
    return (
        f"stmotad {found.daemon.version} runs since {since} (pid {found.daemon.pid}),"
        f" knows {found.bridges} bridges, listens on {found.socket}"
    )


def _socket(given: Path | None) -> Path:
    try:
        return default_socket() if given is None else checked_socket_path(given.absolute())
    except BadPlace as error:
        _fail(str(error), ExitCode.USAGE)


def _start(socket_path: Path, arguments: list[str]) -> DaemonGreeting:
    """Start a daemon unless one answers; return its greeting. Raises `DaemonError`, OSError."""
    client = DaemonClient(socket_path)
    # Asked first: one started in vain would live on if the one that answers ended meanwhile.
    with contextlib.suppress(NotRunning):
        return client.greeting()
    log = log_file()
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own module
            [sys.executable, "-m", "stmota_daemon", "--if-absent", "--log-file", str(log), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            return client.greeting()
        except NotRunning:
            if process.poll():
                break
        time.sleep(POLL_EVERY_S)
    ended_with = process.poll()
    reason = f"ended with exit code {ended_with}" if ended_with else "does not answer"
    said = _log_end(log, log_start)
    message = f"the daemon {reason}; its log {log} says:\n{said}"
    raise StartFailed(message, ended_with or ExitCode.FAILED)


def _log_end(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="backslashreplace").splitlines()
    return "\n".join(lines[-SHOWN_LOG_LINES:])


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
