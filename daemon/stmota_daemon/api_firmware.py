"""The routes of the firmware store."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.api_routes import Route, body_piece
from stmota_daemon.firmware_store import MAX_FIRMWARE, FirmwareStore, FirmwareTooLarge, WrongHash
from stmota_protocol.api import ProblemCode

MEDIA_TYPE = "application/octet-stream"


class FirmwareRoutes:
    """Firmware by content hash."""

    def __init__(self, firmware: FirmwareStore) -> None:
        self._firmware = firmware

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        path = "/v1/firmware/{sha256}"
        return [
            Route(
                "HEAD", path, self._has, "Whether a firmware is in the store",
                refusals=(HTTPStatus.NOT_FOUND,),
            ),
            Route(
                "GET", path, self._get, "A firmware that a client sent or a job read", bytes,
                refusals=(HTTPStatus.NOT_FOUND,),
            ),
            Route(
                "PUT", path, self._put, "Put a firmware into the store; its hash is checked", None,
                HTTPStatus.CREATED, body=bytes,
                refusals=(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
            ),
        ]  # fmt: skip

    async def _has(self, request: Request) -> Response:
        there = self._firmware.has(request.path_params["sha256"])
        return Response(status_code=HTTPStatus.OK if there else HTTPStatus.NOT_FOUND)

    async def _get(self, request: Request) -> Response:
        sha256 = str(request.path_params["sha256"])
        data = self._firmware.read(sha256)
        if data is None:
            message = f"the firmware {sha256[:64]!r} is not in the store"
            raise refused(ProblemCode.UNKNOWN_FIRMWARE, message, "it may have made room for newer ones")
        return Response(data, media_type=MEDIA_TYPE)

    async def _put(self, request: Request) -> Response:
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > MAX_FIRMWARE:
            raise _too_large()
        try:
            with self._firmware.begin(request.path_params["sha256"]) as upload:
                more = True
                while more:
                    piece, more = await body_piece(request)
                    upload.write(piece)
                upload.finish()
        except FirmwareTooLarge as error:
            raise _too_large() from error
        except WrongHash as error:
            raise refused(
                ProblemCode.USAGE, str(error), "send the file again", HTTPStatus.UNPROCESSABLE_ENTITY
            ) from error
        except ValueError as error:
            raise refused(ProblemCode.USAGE, str(error)) from error
        except OSError as error:
            message = f"the firmware cannot be stored: {error.strerror}"
            raise refused(ProblemCode.FAILED, message, "is the disk full?") from error
        return Response(status_code=HTTPStatus.CREATED)


def _too_large() -> Refused:
    return refused(
        ProblemCode.USAGE,
        f"a firmware may have {MAX_FIRMWARE // 2**20} MiB",
        "is this the right file?",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
