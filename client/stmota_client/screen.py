"""What is shown: data on stdout, everything else on stderr, all of it safe for a terminal."""

import os
import sys
from typing import TextIO

import msgspec

from stmota_client.escape import escape, escape_json
from stmota_client.quantity import address
from stmota_protocol.api import Problem

RED = "\x1b[1;31m"
YELLOW = "\x1b[33m"
PLAIN = "\x1b[0m"


def data(line: str) -> None:
    """Write one line of data to stdout; `line` is safe already."""
    sys.stdout.write(line + "\n")


def document(value: object) -> None:
    """Write one JSON document to stdout, indented."""
    data(escape_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def object_line(value: object) -> None:
    """Write one JSON object on a line of its own to stdout, at once: a stream's reader waits for it."""
    data(escape_json(msgspec.json.encode(value).decode()))
    sys.stdout.flush()


def say(text: str) -> None:
    """Write one line for people to stderr, escaped."""
    _to_stderr(escape(text))


def ask(text: str) -> None:
    """Write a question to stderr, escaped; the answer follows on its line."""
    sys.stderr.write(escape(text))
    sys.stderr.flush()


def warn(text: str) -> None:
    """Write a warning to stderr, escaped."""
    _to_stderr(f"{coloured('warning:', YELLOW, sys.stderr)} {escape(text)}")


def problem(what: Problem) -> None:
    """Write what failed, where, and what to do to stderr."""
    _to_stderr(f"{coloured('error:', RED, sys.stderr)} {escape(what.message)}")
    for line in problem_details(what):
        _to_stderr(f"  {line}")


def problem_details(what: Problem) -> list[str]:
    """Return the lines below a problem's message, escaped."""
    place = [what.step] if what.step else []
    if what.address is not None:
        place.append(f"at {address(what.address)}")
    if what.expected is not None:
        place.append(f"expected {what.expected}")
    if what.got is not None:
        place.append(f"got {what.got}")
    lines = [f"where: {', '.join(place)}"] if place else []
    if what.remedy:
        lines.append(f"remedy: {what.remedy}")
    if what.overridable and "--force" not in (what.remedy or ""):
        lines.append("--force overrides this")
    return [escape(line) for line in lines]


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return `text` in a colour if `stream` is a terminal that wants colours (https://no-color.org)."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"{colour}{text}{PLAIN}" if wanted else text


def silence_stdout() -> None:
    """Send what is left in stdout's buffer nowhere: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
