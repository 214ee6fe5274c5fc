"""Settings, restart and update of the bridge at a link's other end: questions and their answers."""

from collections.abc import Callable

from stmota_daemon.bell import Bell
from stmota_daemon.link import LinkError, LinkLost
from stmota_protocol.connection import Connection
from stmota_protocol.limits import MAX_UPDATE_DATA
from stmota_protocol.messages import Message
from stmota_protocol.upkeep import (
    UPKEEP_MINOR,
    FromBridge,
    GetSettings,
    Restart,
    SetSettings,
    Settings,
    SettingsAnswer,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateState,
    UpdateStatus,
)

Progress = Callable[[int], None]
"""Told how many bytes of an image were sent."""


class BridgeTooOld(LinkError):
    """The bridge speaks a version of the protocol that knows nothing of this."""


class BridgeCare:
    """One link's questions about the bridge itself. One task asks; `heard` and `lose` are the link's."""

    def __init__(self, connection: Connection, say: Callable[[Message], None]) -> None:
        self._connection = connection
        self._say = say
        self._bell = Bell()
        self._lost: LinkError | None = None
        self._answer: Settings | SettingsAnswer | None = None
        self._owes_answer = False
        self._status: UpdateStatus | None = None
        self._is_cancelling = False

    def heard(self, message: FromBridge) -> None:
        """The bridge said something of this."""
        if isinstance(message, UpdateStatus):
            self._status = message
            self._is_cancelling = self._is_cancelling and message.state is not UpdateState.NONE
        else:
            self._answer, self._owes_answer = message, False
        self._bell.ring()

    def lose(self, error: LinkError) -> None:
        """The link has ended."""
        self._lost = error
        self._bell.ring()

    async def ask(self, question: GetSettings | SetSettings | Restart) -> Settings | SettingsAnswer:
        """Ask about settings, or for a restart. Raises `LinkError`.

        A cancellation leaves the question asked.
        """
        self._check_version()
        while self._owes_answer:  # to one who did not wait
            await self._news()
        self._answer, self._owes_answer = None, True
        self._say(question)
        while self._answer is None:
            await self._news()
        return self._answer

    async def send_image(
        self, image: bytes, sha256: bytes, signature: bytes, progress: Progress
    ) -> UpdateStatus:
        """Send an image as it is granted, and have it checked; return where that ended: WRITTEN or REFUSED.

        Raises `LinkError`. A cancellation tells the bridge to forget it.
        """
        self._check_version()
        while self._is_cancelling:
            await self._news()
        is_done = False
        try:
            status = await self._told_after(UpdateBegin(len(image), sha256, signature))
            status = await self._send_pieces(image, status, progress)
            if status.state is UpdateState.RECEIVING:
                status = await self._checked()
            is_done = True
        finally:
            if not is_done and self._lost is None:
                self._cancel()
        return status

    async def _send_pieces(self, image: bytes, status: UpdateStatus, progress: Progress) -> UpdateStatus:
        at = 0
        while at < len(image) and status.state is UpdateState.RECEIVING:
            room = min(self._connection.update_room, MAX_UPDATE_DATA)
            if not room:
                await self._news()
            else:
                piece = image[at : at + room]
                self._say(UpdateData(at, piece))
                at += len(piece)
                progress(at)
            status = self._status or status
        return status

    async def _checked(self) -> UpdateStatus:
        self._say(UpdateFinish())
        while (status := self._status) is None or status.state is UpdateState.RECEIVING:
            await self._news()
        return status

    async def _told_after(self, question: UpdateBegin) -> UpdateStatus:
        self._status = None
        self._say(question)
        while (status := self._status) is None:
            await self._news()
        return status

    def _cancel(self) -> None:
        try:
            self._say(UpdateCancel())
        except LinkError:
            return  # and the bridge forgets it by itself (R67)
        self._is_cancelling = True

    def _check_version(self) -> None:
        if self._lost is not None:
            raise self._lost.with_traceback(None)
        minor = self._connection.peer_minor
        if minor is None:
            message = "the bridge has not said its version yet"
            raise LinkLost(message)
        if minor < UPKEEP_MINOR:
            message = (
                f"it speaks version 1.{minor} of the bridge protocol, which knows nothing of settings and"
                f" updates over the network; they came with 1.{UPKEEP_MINOR}"
            )
            raise BridgeTooOld(message)

    async def _news(self) -> None:
        if self._lost is not None:
            raise self._lost.with_traceback(None)
        await self._bell.wait()
