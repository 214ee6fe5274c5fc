"""Who listens on a Unix socket: a daemon of this user, or somebody else's trap."""

import os
import socket
import struct
from pathlib import Path

from stmota_client.errors import ClientError
from stmota_protocol.api import ProblemCode

_UCRED = struct.Struct("3i")
"""Linux `struct ucred` (unix(7)): pid, uid, gid."""
ROOT = 0


def check_server(connection: socket.socket, path: Path) -> None:
    """Raise `ClientError` (NOT_ALLOWED) unless the server on `connection` is run by this user or root.

    Linux tells who listens (SO_PEERCRED); elsewhere the owner of the socket's directory has to do.
    """
    owner = server_uid(connection, path)
    if owner not in {os.geteuid(), ROOT}:
        raise ClientError.of(
            ProblemCode.NOT_ALLOWED,
            f"the server on {path} is run by uid {owner}, not by you (uid {os.geteuid()}): not spoken to",
            "name your own daemon with --daemon, or start one with `stmota daemon start`",
        )


def server_uid(connection: socket.socket, path: Path) -> int:
    """Return the uid of who listens at the other end of a connected Unix socket."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        uid: int = _UCRED.unpack(credentials)[1]
        return uid
    return path.parent.stat().st_uid
