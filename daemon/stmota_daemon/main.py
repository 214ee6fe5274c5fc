"""`stmotad`: arguments, logging, signals, and what the user reads when it cannot run."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from stmota_daemon.config import BadConfig, Config, is_address, read_config
from stmota_daemon.errors import AlreadyRunning, DaemonError
from stmota_daemon.instance import Places, held
from stmota_protocol import places
from stmota_protocol.api import ExitCode
from stmota_protocol.places import BadPlace

logger = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FILE_BYTES = 1 << 20
LOG_FILES_KEPT = 3
"""Beside the one that is written. Our own choice: weeks of a lab's news, and never more than 4 MiB."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal or a request ends it; return the exit code."""
    given = parse(arguments)
    try:
        _log_to(given.log_file, given.log_level)
        config = _config(given)
        where = Places(
            socket=Path(given.socket).absolute() if given.socket else places.default_socket(),
            state_dir=Path(given.state_dir).absolute() if given.state_dir else places.state_dir(),
            config_file=Path(given.config).absolute() if given.config else places.config_file(),
        )
        _serve(where, config)
    except AlreadyRunning as running:
        if given.if_absent:
            return ExitCode.DONE
        return _say(running, ExitCode.FAILED)
    except BadConfig as error:
        return _say(error, ExitCode.USAGE)
    except (DaemonError, BadPlace, OSError) as error:
        return _say(error, ExitCode.FAILED)
    return ExitCode.DONE


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse stmotad's arguments; a wrong one ends the process with its usage and exit code 2."""
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stmotad",
        description="The stmota daemon: holds bridges, does flash jobs, keeps console logs.",
        epilog="example: stmotad --mdns-interface 127.0.0.1 --log-level debug",
    )
    parser.add_argument("--socket", help=f"Unix socket to serve on (default: {_default_socket()})")
    parser.add_argument("--state-dir", help=f"jobs, firmware and logs (default: {places.state_dir()})")
    parser.add_argument("--config", help=f"configuration (default: {places.config_file()})")
    parser.add_argument(
        "--mdns-interface", action="append", metavar="ADDR", type=_address,
        help="an address of this machine to look for bridges on; may be repeated (default: all)",
    )  # fmt: skip
    parser.add_argument("--no-mdns", action="store_true", help="do not look for bridges by mDNS")
    parser.add_argument("--if-absent", action="store_true", help="exit with 0 if a daemon runs already")
    parser.add_argument(
        "--log-file", metavar="FILE",
        help=f"write the log there, not to stderr; at {LOG_FILE_BYTES >> 20} MiB it becomes FILE.1, and so on"
        f" up to FILE.{LOG_FILES_KEPT}",
    )  # fmt: skip
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info", help="default: info")
    return parser


def _log_to(file: str | None, level: str) -> None:
    """Log to a file of bounded size, or to stderr. Raises OSError."""
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = RotatingFileHandler(
            file, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8"
        )
        sys.excepthook = _log_bug
    logging.basicConfig(level=level.upper(), format=LOG_FORMAT, handlers=[handler])


def _log_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends the daemon is told where its news are: a daemon in the background has no terminal."""
    logger.critical("ended by a bug", exc_info=(kind, error, trace))


def _default_socket() -> str:
    try:
        return str(places.default_socket())
    except BadPlace:
        return str(places.runtime_dir() / places.SOCKET_NAME)


def _address(text: str) -> str:
    if not is_address(text):
        message = f"{text!r} is no IP address"
        raise argparse.ArgumentTypeError(message)
    return text


def _config(given: argparse.Namespace) -> Config:
    config = read_config(Path(given.config) if given.config else places.config_file())
    if given.mdns_interface:
        config = replace(config, interfaces=tuple(given.mdns_interface))
    return replace(config, mdns=False) if given.no_mdns else config


def _serve(where: Places, config: Config) -> None:
    # An interrupt is an end like another, also before there is a loop.
    with contextlib.suppress(KeyboardInterrupt), held(where):
        from stmota_daemon.serving import serve  # noqa: PLC0415 - half a second, for the one that may run

        serve(where, config)


def _say(error: Exception, code: ExitCode) -> int:
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    sys.stderr.write("".join(f"stmotad: {line}\n" for line in text.splitlines()))
    return code


if __name__ == "__main__":
    sys.exit(main())
