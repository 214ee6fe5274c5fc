"""Directories that only this user may write to."""

import os
import stat
from pathlib import Path

from stmota_daemon.errors import NotPrivate


def make_private_dir(path: Path) -> None:
    """Make `path` (and what is above it) with mode 0700, or check that it is this user's alone to write.

    Raises `NotPrivate` for a directory of somebody else's or one that others may write to: whoever can
    write there could put a socket of their own in our place.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        message = f"cannot use the directory {path}: {error.strerror}"
        raise NotPrivate(message) from error
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
        message = (
            f"the directory {path} belongs to user {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o}:"
            " it must be your own and not writable for others (chmod 700)"
        )
        raise NotPrivate(message)
