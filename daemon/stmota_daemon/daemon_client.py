"""Three questions to a daemon over its Unix socket, with the standard library: for `stmota daemon …` only."""

import http.client
import socket
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import msgspec

from stmota_daemon.errors import DaemonError
from stmota_protocol.api import Bridge, DaemonGreeting

ANSWER_WITHIN_S = 10.0
"""The daemon answers these in milliseconds; a machine under load takes seconds."""


T = TypeVar("T")


class NotRunning(DaemonError):
    """Nobody listens on the socket."""


class NoAnswer(DaemonError):
    """Somebody listens, but gives no answer that makes sense."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_WITHIN_S)
        self.sock.connect(str(self._path))


class DaemonClient:
    """Asks the daemon at a socket. Raises `NotRunning` and `NoAnswer`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def greeting(self) -> DaemonGreeting:
        """Who answers."""
        return self._decoded(self._request("GET", "/v1/greeting"), DaemonGreeting)

    def bridges(self) -> list[Bridge]:
        """All bridges."""
        return self._decoded(self._request("GET", "/v1/bridges"), list[Bridge])

    def shut_down(self) -> None:
        """Ask for its end."""
        self._request("POST", "/v1/shutdown")

    def _request(self, method: str, path: str) -> bytes:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except (FileNotFoundError, ConnectionRefusedError) as error:
            message = f"no daemon listens on {self._path}"
            raise NotRunning(message) from error
        except (OSError, http.client.HTTPException) as error:
            message = f"the daemon on {self._path} gives no answer: {error or type(error).__name__}"
            raise NoAnswer(message) from error
        finally:
            connection.close()
        if answer.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            message = f"the daemon on {self._path} answers {method} {path} with {answer.status}"
            raise NoAnswer(message)
        return body

    def _decoded(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            message = f"what listens on {self._path} is no stmota daemon: {error}"
            raise NoAnswer(message) from error
