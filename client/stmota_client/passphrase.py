"""A passphrase, from the environment or asked for without an echo; never shown."""

import getpass
import os
import sys

from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode

VARIABLE = "STMOTA_CA_PASSPHRASE"


def passphrase(*, is_new: bool) -> str:
    """Return it; a new one is asked for twice. Raises `ClientError`: USAGE, CANCELLED at the input's end."""
    given = os.environ.get(VARIABLE)
    if given is None:
        given = _asked(is_new=is_new)
    if not given:
        raise ClientError.of(ProblemCode.USAGE, "an empty passphrase protects nothing: nothing was done")
    return given


def _asked(*, is_new: bool) -> str:
    if not sys.stdin.isatty():
        message = "there is no terminal to ask for the passphrase on: nothing was done"
        raise ClientError.of(ProblemCode.USAGE, message, f"give it in {VARIABLE}")
    try:
        first = getpass.getpass("passphrase of the backup: ")
        if is_new and getpass.getpass("once more: ") != first:
            raise ClientError.of(ProblemCode.USAGE, "they are not the same: nothing was done", "try again")
    except EOFError as error:
        raise ClientError.of(ProblemCode.CANCELLED, "no passphrase: nothing was done") from error
    return first
