"""What a route is, and what its handler is given. Server and OpenAPI document are made from one table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stmota_daemon.api_error import refused
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.wire import Wire

MAX_BODY = 1024 * 1024
"""Bytes of a JSON body; the largest real one is below 2 KiB."""

T = TypeVar("T", bound=Wire)
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    schema: dict[str, Any]
    description: str


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any = None
    """Type of the answer's JSON, or of one event of a stream; `bytes`: a raw body; None: no body."""
    status: HTTPStatus = HTTPStatus.OK
    is_stream: bool = False
    body: Any = None
    """Type of the request's JSON; `bytes` is raw bytes."""
    refusals: tuple[HTTPStatus, ...] = ()
    """Statuses of problems, beyond those that every route may answer."""
    parameters: tuple[Parameter, ...] = ()
    media_type: str = "application/octet-stream"
    """Of a raw body in the answer."""


def json_answer(message: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return an answer with a message (or a list of them) as JSON."""
    return Response(msgspec.json.encode(message), status, media_type="application/json")


async def body_piece(request: Request) -> tuple[bytes, bool]:
    """Return the next piece of the request's body, and whether there is more. Raises `ClientDisconnect`."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


async def json_body(request: Request, message_type: type[T]) -> T:
    """Return the request's body as a message. Raises `Refused`: 413 or 400."""
    body = bytearray()
    more = True
    while more:
        piece, more = await body_piece(request)
        body += piece
        if len(body) > MAX_BODY:
            raise refused(
                ProblemCode.USAGE,
                f"the body exceeds {MAX_BODY} bytes",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
    try:
        return msgspec.json.decode(bytes(body), type=message_type)
    except msgspec.DecodeError as error:
        message = f"the body is no {message_type.__name__}: {error}"
        raise refused(ProblemCode.USAGE, message, "/v1/openapi.json describes it") from error


def number_parameter(request: Request, name: str, default: int, largest: int) -> int:
    """Return a query parameter that is a number from 0 to `largest`. Raises `Refused`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > largest:
        raise refused(ProblemCode.USAGE, f"{name}={text[:40]!r} is no number from 0 to {largest}")
    return int(text)


def resume_number(request: Request) -> int | None:
    """Return the number after `Last-Event-ID`; None without one. Raises `Refused`."""
    text = request.headers.get("last-event-id")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise refused(ProblemCode.USAGE, f"Last-Event-ID {text[:40]!r} is no number")
    return int(text) + 1
