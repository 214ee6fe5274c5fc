"""The console of `stmota bridge serve`: words, one a line, where its input is a terminal or a pipe."""

import os
import stat
from collections.abc import Callable

import trio

READ_BYTES = 1024
LONGEST_WORD = 100
"""Bytes of a line that is kept; a longer one is no word."""
BACKGROUND_S = 1.0
"""Between two looks whether a shell has put us into the foreground: who reads before is stopped."""


async def hear_words(obey: Callable[[str], None], source: int = 0) -> None:
    """Give each line of the input, stripped, to `obey`, until its end; an empty one is none."""
    if not _is_console(source):
        return
    line = b""
    while data := await _read(source):
        *whole, line = (line + data).replace(b"\r", b"\n").split(b"\n")
        line = line[:LONGEST_WORD]
        for one in whole:
            if word := one.decode(errors="replace").strip():
                obey(word)


async def _read(source: int) -> bytes:
    """Return what came; empty at the end. The input stays a blocking one: a terminal's is stdout's, too."""
    while True:
        await trio.lowlevel.wait_readable(source)
        if _is_ours(source):
            break
        await trio.sleep(BACKGROUND_S)
    try:
        return os.read(source, READ_BYTES)
    except OSError:  # the terminal is gone
        return b""


def _is_console(source: int) -> bool:
    try:
        kind = os.fstat(source).st_mode
    except OSError:  # there is no input
        return False
    return os.isatty(source) or stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)


def _is_ours(source: int) -> bool:
    try:
        return not os.isatty(source) or os.tcgetpgrp(source) == os.getpgrp()
    except OSError:  # a terminal that is not our session's stops nobody
        return True
