"""The routes of the daemon's CAs: what there is, backup, restoring, rotation.

What makes or moves keys is done over the Unix socket only, which is its user's own: a loopback TCP port is
open to every user of the machine.
"""

from http import HTTPStatus

import trio
from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api import is_tcp
from stmota_daemon.api_error import Refused, refused
from stmota_daemon.api_routes import Route, json_answer, json_body
from stmota_daemon.authority import BadAuthority
from stmota_daemon.authority_backup import BadBackup, backup, restored
from stmota_daemon.renewals import Renewals
from stmota_daemon.security import Security
from stmota_protocol.api import (
    CertificateAuthority,
    ExportAuthorities,
    ImportAuthorities,
    Problem,
    ProblemCode,
    SecuredBridge,
)

FIRST_PASS_S = 10.0
"""How long an answer waits for the first renewals; the rest go on without it."""


class AuthorityRoutes:
    """Looking at the CAs, and changing them."""

    def __init__(self, security: Security, renewals: Renewals) -> None:
        self._security = security
        self._renewals = renewals

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        answer, forbidden, conflict = (
            list[CertificateAuthority],
            (HTTPStatus.FORBIDDEN,),
            (HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT),
        )
        return [
            Route("GET", "/v1/ca", self._list, "The daemon's CAs, and whom they secured", answer),
            Route("POST", "/v1/ca/rotate", self._rotate, "Make a new CA", answer, refusals=forbidden),
            Route(
                "POST", "/v1/ca/export", self._export, "A backup of the CAs", bytes,
                body=ExportAuthorities, refusals=conflict, media_type="application/x-pem-file",
            ),
            Route(
                "POST", "/v1/ca/import", self._import, "Bring back a backup", answer,
                body=ImportAuthorities, refusals=conflict,
            ),
        ]  # fmt: skip

    async def _list(self, _request: Request) -> Response:
        return json_answer(self._all())

    async def _rotate(self, request: Request) -> Response:
        _check_caller(request)
        self._security.rotate()
        return await self._changed()

    async def _export(self, request: Request) -> Response:
        _check_caller(request)
        asked = await json_body(request, ExportAuthorities)
        if asked.passphrase == "":
            raise refused(ProblemCode.USAGE, "an empty passphrase protects nothing")
        authorities = self._security.authorities.all()
        if not authorities:
            message = "this daemon has no CA yet: the first is made when a bridge is secured"
            raise refused(ProblemCode.USAGE, message, status=HTTPStatus.CONFLICT)
        pem = backup(authorities, self._security.secured, asked.passphrase)
        return Response(pem, media_type="application/x-pem-file")

    async def _import(self, request: Request) -> Response:
        _check_caller(request)
        asked = await json_body(request, ImportAuthorities)
        try:
            saved = restored(asked.pem.encode(), asked.passphrase)
            left = self._security.left_by(saved)
            if left and not asked.force:
                raise _would_move(len(left))
            self._security.restore(saved)
        except (BadBackup, BadAuthority) as error:
            raise refused(ProblemCode.USAGE, f"nothing was imported: {error}") from error
        return await self._changed()

    async def _changed(self) -> Response:
        with trio.move_on_after(FIRST_PASS_S):
            await self._renewals.renew_all()
        self._renewals.wake()
        return json_answer(self._all())

    def _all(self) -> list[CertificateAuthority]:
        names = {unique_id: task.known.name for unique_id, task in self._renewals.tasks().items()}
        reasons = self._renewals.reasons()
        current = self._security.authorities.signs
        return [
            CertificateAuthority(
                fingerprint=one.fingerprint,
                made_at=one.made_at,
                signs=one.fingerprint == current,
                bridges=tuple(
                    SecuredBridge(id=bridge, name=names.get(bridge), waits_for=reasons.get(bridge))
                    for bridge, by in sorted(self._security.secured.items())
                    if by == one.fingerprint
                ),
            )
            for one in self._security.authorities.all()
        ]


def _check_caller(request: Request) -> None:
    if is_tcp(request.scope):
        raise refused(
            ProblemCode.NOT_ALLOWED,
            "the CA's keys are for the daemon's own user, and this request came by TCP",
            "ask on the daemon's machine, over its Unix socket (ssh forwards one, too: ssh -L)",
        )


def _would_move(count: int) -> Refused:
    which = f"{count} bridges were" if count > 1 else "1 bridge was"
    message = f"nothing was imported: {which} secured by a CA that is not in this backup"
    problem = Problem(
        code=ProblemCode.USAGE,
        message=message,
        remedy="--force imports it all the same: they get certificates of the imported CA",
        overridable=True,
    )
    return Refused(problem, HTTPStatus.CONFLICT)
