"""HTTP to the daemon with the standard library, a connection for each request.

A richer HTTP package takes a third of a second to import, and there are no two requests to pool for.
"""

import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.places import DaemonAddress, TcpAddress

if TYPE_CHECKING:
    import http.client

ANSWER_TIMEOUT_S = 30.0
"""For a whole answer: the slowest are adding a bridge and storing a firmware."""
SILENCE_TIMEOUT_S = 30.0
"""In a stream: the daemon sends a keep-alive every 10 s, so three are missing."""
SHOWN_BODY = 200
"""Characters of a foreign error page that a message quotes."""
READ_BYTES = 1 << 16

Parameters = Mapping[str, str | int]


class LooseProblem(msgspec.Struct):
    """A problem whose code this client does not know: from a newer daemon."""

    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole."""

    status: int
    content: bytes


class Transport:
    """Requests to one daemon; thread-safe. Errors are `ClientError`, NO_DAEMON where nobody answered."""

    def __init__(self, address: DaemonAddress, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self.address = address
        self._answer_timeout_s = answer_timeout_s
        self._open: set[socket.socket] = set()

    def close(self) -> None:
        """Break the requests and streams that are open in other threads. A later one opens its own."""
        for connected in self._open.copy():
            with suppress(OSError):  # ended by the daemon meanwhile
                connected.shutdown(socket.SHUT_RDWR)

    def request(
        self, method: str, path: str, *, content: bytes | None = None, missing_is_fine: bool = False
    ) -> Answer:
        """Return the answer. With `missing_is_fine` a 404 is one like others."""
        with (
            self._connected(self._answer_timeout_s) as connection,
            _asked(connection, method, path, content, {}) as response,
        ):
            answer = Answer(response.status, response.read())
        if _is_success(response) or (missing_is_fine and answer.status == 404):
            if "Stmota-Version" not in response.headers:  # a web server that says 200 to everything
                raise no_daemon(self.address, "something else answers there")
            return answer
        raise self._refusal(method, path, answer)

    @contextmanager
    def stream(
        self, path: str, parameters: Parameters, last_event_id: int | None
    ) -> Generator[Iterator[bytes]]:
        """Open a stream of events; yields its bytes as they come. A broken one is NO_DAEMON."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        method, target = "GET", f"{path}?{urlencode(parameters)}" if parameters else path
        with (
            self._connected(SILENCE_TIMEOUT_S) as connection,
            _asked(connection, method, target, None, headers) as response,
        ):
            if not _is_success(response):
                refused = Answer(response.status, response.read())
                raise self._refusal(method, path, refused)
            yield iter(lambda: response.read1(READ_BYTES), b"")

    @contextmanager
    def _connected(self, silence_s: float) -> Generator["http.client.HTTPConnection"]:
        """Open a connection that may be silent for so long; turn what goes wrong into `ClientError`."""
        import http.client  # noqa: PLC0415 - costs 0.04 s, and only a request needs it

        from stmota_client.connection import new_connection  # noqa: PLC0415 - likewise

        with closing(new_connection(self.address)) as connection:
            try:
                connection.connect()
            except OSError as error:
                raise no_daemon(self.address, _reason(error)) from error
            connected: socket.socket = connection.sock
            connected.settimeout(silence_s)
            self._open.add(connected)
            try:
                yield connection
            except (OSError, http.client.HTTPException) as error:
                raise went_away(self.address, _reason(error)) from error
            finally:
                self._open.discard(connected)

    def _refusal(self, method: str, path: str, answer: Answer) -> ClientError:
        """Return the error for an answer that is none of 2xx."""
        try:
            return ClientError(msgspec.json.decode(answer.content, type=Problem))
        except msgspec.MsgspecError:
            pass
        try:
            loose = msgspec.json.decode(answer.content, type=LooseProblem)
        except msgspec.MsgspecError:
            shown = escape(answer.content[: 4 * SHOWN_BODY].decode(errors="replace")[:SHOWN_BODY])
            return ClientError.of(
                ProblemCode.FAILED,
                f"{method} {path}: {self.address} answered {answer.status}: {shown}",
                "is that address a stmota daemon's?",
            )
        return ClientError.of(ProblemCode.FAILED, loose.message, loose.remedy)


def no_daemon(address: DaemonAddress, reason: str) -> ClientError:
    """Return the error for an address where no daemon answers."""
    remedy = "start it with `stmota daemon start`"
    if isinstance(address, TcpAddress):
        remedy = "is it running there? is the address right?"
    return ClientError.of(ProblemCode.NO_DAEMON, f"no stmota daemon answers at {address}: {reason}", remedy)


def went_away(address: DaemonAddress, reason: str) -> ClientError:
    """Return the error for a daemon that stopped answering in the middle."""
    return ClientError.of(
        ProblemCode.NO_DAEMON,
        f"the stmota daemon at {address} stopped answering: {reason}",
        "look at its log file and start it again with `stmota daemon start`; it takes up unfinished jobs",
    )


def _asked(
    connection: "http.client.HTTPConnection",
    method: str,
    target: str,
    content: bytes | None,
    headers: Mapping[str, str],
) -> "http.client.HTTPResponse":
    """Send a request; return the head of its answer, which may come before all was sent: a refusal."""
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, target, content, headers)
    return connection.getresponse()


def _is_success(response: "http.client.HTTPResponse") -> bool:
    return 200 <= response.status < 300


def _reason(error: Exception) -> str:
    import http.client  # noqa: PLC0415 - as above

    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended in the middle of an answer"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return escape(text or type(error).__name__)
