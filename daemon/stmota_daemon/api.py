"""The daemon's HTTP API: one table of routes, and every failure a problem as JSON."""

import ipaddress
import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stmota_daemon.api_error import Refused
from stmota_daemon.api_routes import Route, json_answer
from stmota_daemon.errors import DaemonError
from stmota_protocol.api import Problem, ProblemCode

logger = logging.getLogger(__name__)


def make_app(routes: Sequence[Route], version: str) -> ASGIApp:
    """Return the ASGI application."""
    app = Starlette(
        routes=[
            StarletteRoute(route.path, route.handler, methods=[route.method], include_in_schema=False)
            for route in routes
        ],
        exception_handlers={
            Refused: _refused,
            HTTPException: _http_error,
            ClientDisconnect: _gone,
            DaemonError: _failed,
            OSError: _failed,
            Exception: _bug,
        },
    )
    return Gate(app, version)


class Gate:
    """In front of everything: no web page may use this API, and every answer says our version.

    A page in a browser on this machine could reach a loopback port; it cannot hide its `Origin`, and a
    name of its own that points here shows in `Host` (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, version: str) -> None:
        self._app = app
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check and pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Stmota-Version"] = self._version
            await send(message)

        problem = _gate_problem(Request(scope))
        app = self._app if problem is None else json_answer(problem, HTTPStatus.FORBIDDEN)
        await app(scope, receive, send_with_version)


def _gate_problem(request: Request) -> Problem | None:
    if "origin" in request.headers:
        message = "requests of web pages are refused: this API is for programs of this machine"
        return Problem(code=ProblemCode.NOT_ALLOWED, message=message)
    host = request.url.hostname or ""
    if is_tcp(request.scope) and not is_loopback(host):
        message = f"the Host {host[:80]!r} is not this machine's loopback address"
        return Problem(code=ProblemCode.NOT_ALLOWED, message=message, remedy="use http://127.0.0.1:PORT")
    return None


def is_tcp(scope: Scope) -> bool:
    """Whether a request came by TCP; a Unix socket's server has no port."""
    server = scope.get("server")
    return server is not None and server[1] is not None


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  # by the table of handlers
    return json_answer(error.problem, error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"{request.method} {request.url.path[:80]}: {HTTPStatus(status).phrase}"
    return json_answer(
        Problem(code=ProblemCode.USAGE, message=message, remedy="/v1/openapi.json lists the routes"),
        HTTPStatus(status),
    )


async def _failed(request: Request, error: Exception) -> Response:
    logger.error("%s %s: %s", request.method, request.url.path, error)
    problem = Problem(code=ProblemCode.FAILED, message=str(error))
    return json_answer(problem, HTTPStatus.INTERNAL_SERVER_ERROR)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _bug(request: Request, error: Exception) -> Response:
    logger.error("%s %s met a bug", request.method, request.url.path, exc_info=error)
    message = f"the daemon met a bug: {type(error).__name__}"
    problem = Problem(
        code=ProblemCode.FAILED, message=message, remedy="its log has the details: please report them"
    )
    return json_answer(problem, HTTPStatus.INTERNAL_SERVER_ERROR)
