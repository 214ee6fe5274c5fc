"""The routes of the daemon itself: who it is, its description, its end."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_routes import Route, json_answer
from stmota_protocol.api import DaemonGreeting


class DaemonRoutes:
    """What concerns the daemon as a whole."""

    def __init__(self, greeting: DaemonGreeting, shut_down: Callable[[], None]) -> None:
        self._greeting = greeting
        self._shut_down = shut_down
        self.description: dict[str, Any] = {}
        """The OpenAPI document; set once the table of routes is complete."""

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        return [
            Route("GET", "/v1/greeting", self._greet, "Who answers", DaemonGreeting),
            Route("GET", "/v1/openapi.json", self._describe, "This description", dict[str, Any]),
            Route(
                "POST", "/v1/shutdown", self._end, "End the daemon; the next one resumes its jobs",
                None, HTTPStatus.ACCEPTED,
            ),
        ]  # fmt: skip

    async def _greet(self, _request: Request) -> Response:
        return json_answer(self._greeting)

    async def _describe(self, _request: Request) -> Response:
        return json_answer(self.description)

    async def _end(self, _request: Request) -> Response:
        # After the answer has left: the end closes this connection, too.
        return Response(status_code=HTTPStatus.ACCEPTED, background=BackgroundTask(self._shut_down_soon))

    async def _shut_down_soon(self) -> None:
        self._shut_down()
