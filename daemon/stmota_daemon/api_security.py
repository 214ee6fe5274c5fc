"""The routes of secure mode."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.api_routes import Route, json_answer, json_body
from stmota_daemon.bridge_link import BridgeAddress
from stmota_daemon.bridge_state import link_problem
from stmota_daemon.bridge_task import BridgeTask
from stmota_daemon.bridges import Bridges
from stmota_daemon.link import LinkError, NotSecure, SecuredElsewhere
from stmota_daemon.renewals import Renewals
from stmota_daemon.secure_talk import NotSecured
from stmota_daemon.security import Security
from stmota_protocol.api import BridgeKey, NetworkPlace, ProblemCode, SecureBridge


class SecurityRoutes:
    """Putting bridges into secure mode, under the daemon's name."""

    def __init__(self, bridges: Bridges, security: Security, renewals: Renewals, name: str) -> None:
        self._bridges = bridges
        self._security = security
        self._renewals = renewals
        self._name = name

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        path = "/v1/bridges/{ref}/security"
        wrong = (
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
        return [
            Route("GET", path, self._ask, "A bridge's key, asked for at it", BridgeKey, refusals=wrong),
            Route(
                "POST", path, self._secure, "Secure a bridge, or renew its certificate", BridgeKey,
                body=SecureBridge, refusals=wrong,
            ),
            Route(
                "DELETE", path, self._forget, "Forget that a bridge is secured", None,
                HTTPStatus.NO_CONTENT, refusals=wrong[:2],
            ),
        ]  # fmt: skip

    async def _ask(self, request: Request) -> Response:
        task = self._bridges.find(request.path_params["ref"])
        try:
            asked = await self._security.fingerprint(_address(task), self._name)
        except LinkError as error:
            raise self._refusal(task, error) from error
        return _key(asked.identity.unique_id.hex(), asked.fingerprint)

    async def _secure(self, request: Request) -> Response:
        task = self._bridges.find(request.path_params["ref"])
        asked = await json_body(request, SecureBridge)
        if task.jobs_ahead:
            raise refused(
                ProblemCode.BUSY, f"the bridge {task.known.name} has jobs", "wait for them, or cancel them"
            )
        address = _address(task)
        try:
            if asked.fingerprint is None:
                return await self._renew(task)
            async with task.attention:
                secured = await self._security.secure(address, self._name, asked.fingerprint)
        except LinkError as error:
            raise self._refusal(task, error) from error
        task.connector.urge()
        return _key(secured.identity.unique_id.hex(), secured.fingerprint)

    async def _renew(self, task: BridgeTask) -> Response:
        unique_id = self._secured_id(task)
        return _key(unique_id, await self._renewals.renew(task, unique_id))

    async def _forget(self, request: Request) -> Response:
        task = self._bridges.find(request.path_params["ref"])
        unique_id = self._secured_id(task)
        if task.connector.is_there:
            raise refused(
                ProblemCode.USAGE,
                f"the bridge {task.known.name} is in secure mode, and this daemon speaks to it",
                "let it forget that first, at its console: insecure",
                HTTPStatus.CONFLICT,
            )
        self._security.forget(unique_id)
        task.connector.urge()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _refusal(self, task: BridgeTask, error: LinkError) -> Refused:
        known = task.known
        if isinstance(error, NotSecured):
            message = f"the bridge {known.name} ({known.address}) is not secured: {error}"
            return refused(ProblemCode.NOT_ALLOWED, message)
        if isinstance(error, SecuredElsewhere) and self._security.wanted(known.place, known.id):
            message = f"the bridge {known.name} is secured by this daemon already"
            return refused(ProblemCode.USAGE, message, "without a fingerprint its certificate is renewed")
        return Refused(link_problem(known.name, known.address, error))

    def _secured_id(self, task: BridgeTask) -> str:
        """Raises `Refused`."""
        trouble = task.connector.trouble
        wanted = self._security.wanted(task.known.place, task.known.id)
        if wanted is None and isinstance(trouble, NotSecure):
            wanted = trouble.claimed
        if wanted is None:
            raise refused(ProblemCode.USAGE, f"the bridge {task.known.name} is not secured by this daemon")
        return wanted


def _address(task: BridgeTask) -> BridgeAddress:
    place = task.known.place
    if not isinstance(place, NetworkPlace):
        message = f"{task.known.name} is a serial port of the daemon's machine: there is nothing to secure"
        raise refused(ProblemCode.USAGE, message)
    return BridgeAddress(place.host, place.port)


def _key(unique_id: str, fingerprint: str) -> Response:
    return json_answer(BridgeKey(id=unique_id, fingerprint=fingerprint))
