"""Asks before what cannot be taken back."""

import sys

from stmota_client import screen
from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode

AGREED = frozenset({"y", "yes"})


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal; with `yes` do not.

    Raises `ClientError`: CANCELLED for any answer but yes, USAGE where there is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        message = f"{question} There is no terminal to ask on: nothing was done"
        raise ClientError.of(ProblemCode.USAGE, message, "--yes does it without asking")
    screen.ask(f"{question} [y/N] ")
    if sys.stdin.readline().strip().lower() not in AGREED:
        raise ClientError.of(ProblemCode.CANCELLED, "not confirmed: nothing was done")
