"""HTTP to the daemon. httpx is imported when the first request is made, not before."""

import socket
import ssl
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.peer import check_server
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.places import DaemonAddress, TcpAddress, UnixAddress

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 5.0
"""To a socket on this machine or in this lab; a listener that takes longer is stuck."""
ANSWER_TIMEOUT_S = 30.0
"""For a whole answer: the slowest are adding a bridge and storing a firmware."""
SILENCE_TIMEOUT_S = 30.0
"""In a stream: the daemon sends a keep-alive every 10 s, so three are missing."""
SHOWN_BODY = 200
"""Characters of a foreign error page that a message quotes."""

Parameters = Mapping[str, str | int]

# httpx has a command line of its own, which it would load where click is installed: 0.07 s of each of ours.
sys.modules.setdefault("httpx._main", ModuleType("httpx._main"))


class LooseProblem(msgspec.Struct):
    """A problem whose code this client does not know: from a newer daemon."""

    message: str
    remedy: str | None = None


class _Connection(Protocol):
    """What httpx's `trace` extension gives once connected: httpcore's NetworkStream."""

    def get_extra_info(self, info: str) -> socket.socket: ...
    def close(self) -> None: ...


class Transport:
    """Requests to one daemon; thread-safe. Errors are `ClientError`, NO_DAEMON where nobody answered."""

    def __init__(self, address: DaemonAddress, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self.address = address
        self._answer_timeout_s = answer_timeout_s
        self._http: httpx.Client | None = None

    def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def request(
        self, method: str, path: str, *, content: bytes | None = None, missing_is_fine: bool = False
    ) -> "httpx.Response":
        """Return the answer, read whole. With `missing_is_fine` a 404 is one like others."""
        with self._translated():
            response = self._client().request(method, path, content=content, extensions=self._extensions())
        if response.is_success or (missing_is_fine and response.status_code == 404):
            self._check_product(response)
            return response
        raise self._refusal(response)

    @contextmanager
    def stream(
        self, path: str, parameters: Parameters, last_event_id: int | None
    ) -> Generator[Iterator[bytes]]:
        """Open a stream of events; yields its bytes as they come. A broken one is NO_DAEMON."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        with (
            self._translated(),
            self._client().stream(
                "GET",
                path,
                params=dict(parameters),
                headers=headers,
                timeout=_timeout(SILENCE_TIMEOUT_S),
                extensions=self._extensions(),
            ) as response,
        ):
            if not response.is_success:
                response.read()
                raise self._refusal(response)
            yield response.iter_bytes()

    def _client(self) -> "httpx.Client":
        if self._http is None:
            self._http = _new_client(self.address, self._answer_timeout_s)
        return self._http

    def _extensions(self) -> dict[str, Callable[[str, dict[str, object]], None]]:
        return {"trace": self._on_trace} if isinstance(self.address, UnixAddress) else {}

    def _on_trace(self, name: str, info: dict[str, object]) -> None:
        """See that a Unix socket has a listener, and the right one before the first byte is sent."""
        if not isinstance(self.address, UnixAddress):
            return
        if name == "connection.connect_unix_socket.started":
            self._probe(self.address.path)
        elif name == "connection.connect_unix_socket.complete":
            connection = cast("_Connection", info["return_value"])
            try:
                check_server(connection.get_extra_info("socket"), self.address.path)
            except BaseException:
                connection.close()
                raise

    def _probe(self, path: Path) -> None:
        """Raise NO_DAEMON if nobody listens: httpcore would leave its socket to the garbage collector."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_TIMEOUT_S)
            try:
                probe.connect(str(path))
            except OSError as error:
                raise no_daemon(self.address, _reason(error)) from error

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Turn what httpx raises into `ClientError`."""
        import httpx  # noqa: PLC0415 - costs 0.15 s, and only a request needs it

        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise no_daemon(self.address, _reason(error)) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise went_away(self.address, _reason(error)) from error

    def _check_product(self, response: "httpx.Response") -> None:
        """Every answer of a daemon has this header; a web server that says 200 to everything has not."""
        if "Stmota-Version" not in response.headers:
            raise no_daemon(self.address, "something else answers there")

    def _refusal(self, response: "httpx.Response") -> ClientError:
        """Return the error for an answer that is none of 2xx."""
        try:
            return ClientError(msgspec.json.decode(response.content, type=Problem))
        except msgspec.MsgspecError:
            pass
        try:
            loose = msgspec.json.decode(response.content, type=LooseProblem)
        except msgspec.MsgspecError:
            shown = escape(response.text[:SHOWN_BODY])
            what = f"{response.request.method} {response.request.url.path}"
            return ClientError.of(
                ProblemCode.FAILED,
                f"{what}: {self.address} answered {response.status_code}: {shown}",
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


def _reason(error: Exception) -> str:
    """Return the innermost cause: httpx hides `Connection refused` two causes deep."""
    cause: BaseException = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return escape(text or type(error).__name__)


def _timeout(read_s: float) -> "httpx.Timeout":
    import httpx  # noqa: PLC0415 - as above

    return httpx.Timeout(connect=CONNECT_TIMEOUT_S, read=read_s, write=ANSWER_TIMEOUT_S, pool=None)


def _new_client(address: DaemonAddress, answer_timeout_s: float) -> "httpx.Client":
    """Return an HTTP client for one address; proxies of the environment are not for daemons of a lab."""
    import httpx  # noqa: PLC0415 - as above

    if isinstance(address, UnixAddress):
        base_url, transport = (
            "http://localhost",
            httpx.HTTPTransport(uds=str(address.path), verify=_no_trust(), trust_env=False),
        )
    else:
        trust = ssl.create_default_context() if address.secure else _no_trust()
        base_url, transport = str(address), httpx.HTTPTransport(verify=trust, trust_env=False)
    return httpx.Client(
        base_url=base_url, transport=transport, trust_env=False, timeout=_timeout(answer_timeout_s)
    )


def _no_trust() -> ssl.SSLContext:
    """Return a context that trusts nobody: never used on a plain address, and no certificates to load."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
