"""The routes of bridges."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_error import refused
from stmota_daemon.api_routes import Route, json_answer, json_body
from stmota_daemon.bridges import Bridges
from stmota_daemon.config import LINE_SOURCES, MAX_HOST, MAX_URL, BadConfig, BridgeConfig, bridge_name_problem
from stmota_daemon.config_edit import add_to_config, remove_from_config
from stmota_daemon.errors import DaemonError
from stmota_protocol.api import AddBridge, Bridge, NetworkPlace, ProblemCode, SerialPlace


class BridgeRoutes:
    """What is known of bridges, and editing those that are configured."""

    def __init__(self, bridges: Bridges, config_file: Path) -> None:
        self._bridges = bridges
        self._config_file = config_file

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        missing, conflict = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
        return [
            Route("GET", "/v1/bridges", self._list, "All bridges, by name", list[Bridge]),
            Route(
                "GET", "/v1/bridges/{ref}", self._get, "One bridge, by name or id", Bridge,
                refusals=(missing, conflict),
            ),
            Route(
                "POST", "/v1/bridges", self._add, "Add a bridge to the configuration", Bridge,
                HTTPStatus.CREATED, body=AddBridge, refusals=(conflict,),
            ),
            Route(
                "DELETE", "/v1/bridges/{ref}", self._remove, "Remove a configured bridge", None,
                HTTPStatus.NO_CONTENT, refusals=(missing, conflict),
            ),
        ]  # fmt: skip

    async def _list(self, _request: Request) -> Response:
        self._bridges.look()
        return json_answer(self._bridges.snapshots())

    async def _get(self, request: Request) -> Response:
        return json_answer(self._bridges.find(request.path_params["ref"]).snapshot())

    async def _add(self, request: Request) -> Response:
        asked = await json_body(request, AddBridge)
        problem = bridge_name_problem(asked.name) or _place_problem(asked.place)
        if problem:
            raise refused(ProblemCode.USAGE, f"the bridge {asked.name[:80]!r}: {problem}")
        if self._bridges.is_configured(asked.name):
            message = f"a bridge called {asked.name} is configured already"
            raise refused(
                ProblemCode.USAGE, message, "remove it first, or take another name", HTTPStatus.CONFLICT
            )
        self._edit(lambda: add_to_config(self._config_file, asked))
        task = self._bridges.add(BridgeConfig(asked.name, asked.place))
        return json_answer(task.snapshot(), HTTPStatus.CREATED)

    async def _remove(self, request: Request) -> Response:
        task = self._bridges.find(request.path_params["ref"])
        self._bridges.check_removable(task)
        self._edit(lambda: remove_from_config(self._config_file, task.known.name))
        self._bridges.remove(task)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _edit(self, edit: Callable[[], None]) -> None:
        try:
            edit()
        except BadConfig as error:
            message = (
                f"the configuration has mistakes, and is not touched: {'; '.join(str(error).splitlines())}"
            )
            raise refused(ProblemCode.FAILED, message, f"correct {self._config_file}") from error
        except (OSError, DaemonError) as error:
            message = f"the configuration {self._config_file} cannot be written: {error}"
            raise refused(ProblemCode.FAILED, message) from error


def _place_problem(place: NetworkPlace | SerialPlace) -> str | None:
    """Return why a bridge cannot be there; None if it may be."""
    if isinstance(place, NetworkPlace):
        if not 0 < len(place.host) <= MAX_HOST or not place.host.isprintable() or " " in place.host:
            return "its host is no host name or address"
        return None if 0 < place.port < 65536 else "its port must be from 1 to 65535"
    if not 0 < len(place.url) <= MAX_URL or not place.url.isprintable():
        return "its serial port is no device or URL"
    sources = [source for source in (place.reset, place.boot0) if source is not None]
    if not LINE_SOURCES.issuperset(sources):
        return "reset and boot0 are rts, dtr, !rts or !dtr"
    if len({source[-3:] for source in sources}) < len(sources):
        return "reset and boot0 need a line each"
    return None
