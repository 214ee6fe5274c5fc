"""A connection to a daemon, and who is at its other end."""

import http.client
import socket
import ssl
from pathlib import Path

from stmota_client.peer import check_server
from stmota_protocol.places import DaemonAddress, UnixAddress

CONNECT_TIMEOUT_S = 5.0
"""To a socket on this machine or in this lab; a listener that takes longer is stuck."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CONNECT_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_TIMEOUT_S)
        self.sock.connect(str(self._path))
        check_server(self.sock, self._path)


def new_connection(address: DaemonAddress) -> http.client.HTTPConnection:
    """Return a connection that is not open yet. Its `connect` raises OSError; `ClientError` for a stranger.

    Proxies of the environment are not for daemons of a lab.
    """
    if isinstance(address, UnixAddress):
        return _UnixConnection(address.path)
    if address.secure:
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=CONNECT_TIMEOUT_S, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(address.host, address.port, timeout=CONNECT_TIMEOUT_S)
