"""One connection at a soft bridge: from greeting to goodbye."""

from collections import deque

import trio

from stmota_edge.bridge_security import BridgeSecurity
from stmota_edge.controller_seat import ControllerSeat, Sitter
from stmota_edge.edge import Edge, Ticket
from stmota_edge.pump import Ending, Pump, Talker
from stmota_edge.soft_settings import SoftUpkeep
from stmota_edge.tls import TlsStream
from stmota_protocol.connection import Connection, Role, State
from stmota_protocol.limits import HELLO_WITHIN_S, MAX_CONSOLE_DATA
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Console,
    ConsoleAck,
    ConsoleGap,
    EndRun,
    Greeting,
    Hello,
    Message,
    Ping,
    Pong,
    Welcome,
)
from stmota_protocol.secure_messages import SecureInstall, SecureRequest
from stmota_protocol.upkeep import FromController

CONSOLE_WINDOW_BYTES = 16 * 1024
"""Console on its way and not acknowledged: a second at 115200 baud, more than a round trip of a bad link, and
so little that a result behind it in the socket is not held up."""


class BridgeConnection(Talker, Sitter):
    """One controller, or a stranger, and what is on its way to it."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        edge: Edge,
        seat: ControllerSeat,
        greeting: Greeting,
        upkeep: SoftUpkeep,
        security: BridgeSecurity,
    ) -> None:
        self.controller_id = b""
        self.name = ""
        self._edge = edge
        self._seat = seat
        self._upkeep = upkeep
        self._security = security
        self._is_tls = isinstance(stream, TlsStream)
        self._pump = Pump(stream, Connection(Role.BRIDGE), self)
        self._rights = greeting.identity.rights
        self._pump.say(greeting)
        self._results: deque[BatchResult] = deque()
        self._newest_run = -1
        self._console_next = 0
        self._console_settled = 0
        self._next_token = 0

    @property
    def is_seated(self) -> bool:
        """Whether this connection is the controller's."""
        return self._seat.sitter is self

    @property
    def is_stranger(self) -> bool:
        """Whether it has not got beyond its hello, and does not end."""
        return self._pump.connection.state is not State.READY and self._pump.ending is None

    async def serve(self, hello_within_s: float = HELLO_WITHIN_S) -> Ending:
        """Talk until the end; return how it ended. The stream is closed then."""
        self._pump.limit(hello_within_s, f"no hello within {HELLO_WITHIN_S:.0f} s")
        try:
            return await self._pump.run()
        finally:
            self._seat.leave(self)

    def displace(self, reason: CloseReason, text: str) -> None:
        """Say goodbye; what is on its way comes before it."""
        self._pump.close(reason, text)

    def give_result(self, result: BatchResult) -> None:
        """Send the result of a batch of this connection."""
        self._results.append(result)
        self._pump.wake()

    def console_grew(self) -> None:
        """There may be console to send."""
        self._pump.wake()

    def handle(self, message: Message) -> None:
        """What a controller says."""
        match message:
            case Hello():
                self._claim(message)
            case SecureRequest() | SecureInstall():
                self._security.answer(message, self._is_tls, self._pump.say)
            case BeginRun():
                self._newest_run = message.run
                self._edge.begin_run(message.unclaimed)
            case BatchRequest():
                self._edge.submit(Ticket(message.run, message.number, self), message.batch)
            case Abort(run=run) if run == self._newest_run:
                self._edge.abort()
            case EndRun(run=run) if run == self._newest_run:
                self._edge.end_run()
            case ConsoleAck():
                self._edge.ring.acknowledge(message.position)
                self._settle(message.position)
            case Ping():
                self._pump.say(Pong(message.token, self._edge.now_us()))
            case _ if isinstance(message, FromController):
                self._care(message)
            case _:
                pass

    def next_message(self) -> Message | None:
        """A result, or console as far as its window goes."""
        if self._results:
            return self._results.popleft()
        if not self.is_seated or self._pump.connection.state is not State.READY:
            return None
        window = min(CONSOLE_WINDOW_BYTES, self._edge.ring.size_bytes)
        room = window - (self._console_next - self._console_settled)
        if room <= 0:
            return None
        message = self._edge.ring.read(self._console_next, min(room, MAX_CONSOLE_DATA))
        match message:
            case Console():
                self._console_next += len(message.data)
            case ConsoleGap():
                self._console_next += message.length
                self._settle(self._console_next)
            case None:
                pass
        return message

    def ended(self) -> None:
        """Whoever comes next need not wait for the last words."""
        self._seat.leave(self)

    def keep_alive(self) -> Message | None:
        """A ping, once there is a controller."""
        if self._pump.connection.state is not State.READY:
            return None
        self._next_token += 1
        return Ping(self._next_token & 0xFFFF_FFFF)

    def _claim(self, hello: Hello) -> None:
        self.controller_id, self.name = hello.controller_id, hello.name
        answer = self._seat.claim(self, hello)
        if isinstance(answer, Welcome):
            self._console_next = self._console_settled = hello.console_from
            self._edge.ring.acknowledge(hello.console_from)
            self._pump.limit(float("inf"))
        self._pump.say(answer)

    def _care(self, message: FromController) -> None:
        self._pump.say(self._upkeep.answer(message, self._rights, self._pump.connection.under_way))

    def _settle(self, position: int) -> None:
        self._console_settled = max(self._console_settled, position)
        self._pump.wake()
