"""The soft bridge: a port of this machine, or a simulated one, as a bridge on the network."""

import logging
from dataclasses import replace

import trio

from stmota_edge.bridge_connection import BridgeConnection
from stmota_edge.bridge_security import BridgeSecurity, KeepsKeys
from stmota_edge.controller_seat import ControllerSeat
from stmota_edge.edge import Edge, EdgeOwner, Ticket
from stmota_edge.errors import EdgeError
from stmota_edge.executor import AsyncExecutor, Executor
from stmota_edge.identity import DEFAULT_CREDIT_BYTES, DEFAULT_MAX_BATCH_BYTES, edge_identity
from stmota_edge.port import AsyncPort
from stmota_edge.pump import LAST_WORDS_S
from stmota_edge.soft_settings import SoftSettings, SoftUpkeep
from stmota_edge.tls import TlsStream
from stmota_protocol.limits import HELLO_WITHIN_S, MAX_WAITING_CONNECTIONS, SAFE_LINES_AFTER_S
from stmota_protocol.messages import BatchResult, CloseReason, Greeting
from stmota_protocol.steps import Result, UartSettings

logger = logging.getLogger(__name__)


class SoftBridge(EdgeOwner):
    """A bridge over one port. `run` makes it work, `serve_stream` and `serve` let controllers in."""

    def __init__(  # noqa: PLR0913 - each but the first a keyword with its own default
        self,
        port: AsyncPort | Executor,
        *,
        name: str,
        unique_id: bytes,
        firmware: str | None = None,
        credit: int = DEFAULT_CREDIT_BYTES,
        max_batch: int = DEFAULT_MAX_BATCH_BYTES,
        console: UartSettings | None = None,
        upkeep: SoftUpkeep | None = None,
        secure_mode: KeepsKeys | None = None,
    ) -> None:
        executor = AsyncExecutor(port) if isinstance(port, AsyncPort) else port
        self._edge = Edge(executor, self, console=console)
        self.upkeep = upkeep or SoftUpkeep(SoftSettings(name, console or UartSettings()))
        self._seat = ControllerSeat(self._edge.now_us, self._edge.leave)
        self._connections: set[BridgeConnection] = set()
        self._somebody_left = trio.Event()
        self.security = BridgeSecurity(secure_mode, self._security_changed)
        self.security_changed = trio.Event()
        """Certificates were installed or forgotten."""
        self.identity = edge_identity(
            name=name,
            unique_id=unique_id,
            lines=executor.lines,
            console_ring=self._edge.ring.size_bytes,
            firmware=firmware,
            credit=credit,
            max_batch=max_batch,
        )

    async def serve(
        self,
        listeners: list[trio.SocketListener],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run, and serve whoever connects, until cancelled or told to restart.

        Raises `PortFailed` when the port is gone.

        trio's socket streams come with TCP_NODELAY.
        """
        async with trio.open_nursery() as connections:
            await connections.start(trio.serve_listeners, self.serve_stream, listeners)
            task_status.started()
            error = await self._run()
            connections.cancel_scope.cancel()
        if error is not None:
            raise error

    async def run(self) -> None:
        """Execute batches and collect console until cancelled or told to restart.

        Raises `PortFailed` when the port is gone.
        """
        error = await self._run()
        if error is not None:
            raise error

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end, while `run` or `serve` runs. Closes the stream; never raises.

        A stranger's garbage or silence ends this connection and disturbs nothing else.
        """
        began_s = trio.current_time()
        is_one_too_many = self._waiting() >= MAX_WAITING_CONNECTIONS
        if is_one_too_many and self.security.is_secured:
            await trio.aclose_forcefully(stream)
            return
        admitted = await self.security.admit(stream)
        if admitted is None:
            return
        connection = BridgeConnection(
            admitted, self._edge, self._seat, self._greeting(admitted), self.upkeep, self.security
        )
        if is_one_too_many:
            connection.displace(CloseReason.TOO_MANY, "too many connections wait for a hello")
        self._connections.add(connection)
        try:
            ending = await connection.serve(began_s + HELLO_WITHIN_S - trio.current_time())
        finally:
            self._connections.discard(connection)
            self._somebody_left.set()
        # Daemons look at bridges all the time, without a hello: that is no news.
        level = logging.INFO if connection.controller_id else logging.DEBUG
        logger.log(level, "connection of %r ended: %s", connection.name, ending.text)

    def _waiting(self) -> int:
        """Connections that count for R13."""
        return self.security.handshakes + sum(one.is_stranger for one in self._connections)

    def _security_changed(self, reason: CloseReason, text: str) -> None:
        """Whoever is here came by other certificates, or by none."""
        for connection in self._connections:
            connection.displace(reason, text)
        self.security_changed.set()

    def _greeting(self, stream: trio.abc.Stream) -> Greeting:
        ring, seat = self._edge.ring, self._seat
        rights = self.upkeep.rights(is_tls=isinstance(stream, TlsStream))
        return Greeting(
            replace(self.identity, rights=rights),
            ring.oldest,
            ring.next,
            self._edge.now_us(),
            seat.last_batch,
            seat.holder,
        )

    def batch_ended(self, ticket: Ticket, result: Result) -> None:
        """Tell the batch's controller, if its connection still is the controller's."""
        message = BatchResult(ticket.run, ticket.number, result)
        origin = ticket.origin
        if isinstance(origin, BridgeConnection):
            self._seat.note_result(origin.controller_id, message)
            if origin.is_seated:
                origin.give_result(message)

    def console_grew(self) -> None:
        """Tell the controller."""
        sitter = self._seat.sitter
        if isinstance(sitter, BridgeConnection):
            sitter.console_grew()

    async def _run(self) -> EdgeError | None:
        """Run until cancelled, or return why the port failed, everybody told."""
        failure: EdgeError | None = None
        self._edge.make_safe()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_lines_safe)
            nursery.start_soon(self._end_at_restart, nursery.cancel_scope)
            try:
                await self._edge.run()
            except EdgeError as error:
                failure = error
                await self._say_goodbye(f"the bridge's serial port failed: {error}")
            nursery.cancel_scope.cancel()
        return failure

    async def _end_at_restart(self, scope: trio.CancelScope) -> None:
        await self.upkeep.restart_wanted.wait()
        await self._say_goodbye("the bridge starts anew")
        scope.cancel()

    async def _say_goodbye(self, text: str) -> None:
        for connection in self._connections:
            connection.displace(CloseReason.SHUTDOWN, text)
        with trio.move_on_after(LAST_WORDS_S):
            while self._connections:
                self._somebody_left = trio.Event()
                await self._somebody_left.wait()

    async def _keep_lines_safe(self) -> None:
        """Drive the lines to their safe levels when a controller is gone and none comes back."""
        while True:
            if self._seat.sitter is None:
                with trio.move_on_after(SAFE_LINES_AFTER_S) as waited:
                    await self._seat.wait_changed()
                if not waited.cancelled_caught:
                    continue
                self._edge.make_safe(lambda: self._seat.sitter is None)
            await self._seat.wait_changed()
