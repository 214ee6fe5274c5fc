"""A controller without manners, for tests of a bridge: speaks the protocol message by message."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock, memory_stream_pair, open_stream_to_socket_listener

from scripted_port import ScriptedPort, acknowledges
from stmota_edge.identity import DEFAULT_CREDIT_BYTES
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.connection import CLOSED, NEED_DATA, Connection, Role
from stmota_protocol.messages import BatchResult, Busy, Closing, Greeting, Hello, Message, Ping, Pong, Welcome

CONTROLLER_ID = b"controller-id-16"
OTHER_ID = b"another-id-16-by"
WITHIN_S = 30.0
"""For anything over real TCP; machines are busy."""

Connect = Callable[[], Awaitable[trio.abc.Stream]]


class Peer:
    """One connection's controller end."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.connection = Connection(Role.CONTROLLER)

    async def send(self, *messages: Message) -> None:
        await self.stream.send_all(b"".join(map(self.connection.send, messages)))

    async def greeting(self) -> Greeting:
        await self.stream.send_all(self.connection.preamble())
        message = await self.receive()
        assert isinstance(message, Greeting)
        return message

    async def hello(
        self, controller_id: bytes = CONTROLLER_ID, *, take_over: bool = False, console_from: int = 0
    ) -> Welcome | Busy:
        if self.connection.greeting is None:
            await self.greeting()
        await self.send(Hello(controller_id, "tester", take_over, console_from))
        message = await self.receive()
        assert isinstance(message, Welcome | Busy)
        return message

    async def receive(self) -> Message | None:
        """The next message that is no keep-alive; None once the bridge has closed."""
        while True:
            event = self.connection.next_event()
            if event is NEED_DATA:
                try:
                    data = await self.stream.receive_some(65536)
                except trio.BrokenResourceError:
                    data = b""
                self.connection.receive_data(bytes(data))
            elif event is CLOSED:
                return None
            elif not isinstance(event, Ping | Pong):
                assert not isinstance(event, str)
                return event

    async def closing(self) -> Closing:
        """What the bridge says last; then it closes."""
        while not isinstance(message := await self.receive(), Closing):
            assert message is not None
        assert await self.stream.receive_some(1) == b""
        return message


@asynccontextmanager
async def serving(bridge: SoftBridge, clock: MockClock | None) -> AsyncGenerator[Connect, None]:
    """Run a bridge; yield what connects to it: in memory on a mock clock, else over TCP."""
    streams: list[trio.abc.Stream] = []
    try:
        async with trio.open_nursery() as nursery:

            async def connect_in_memory() -> trio.abc.Stream:
                ours, theirs = memory_stream_pair()
                nursery.start_soon(bridge.serve_stream, theirs)
                return ours

            async def connect_over_tcp() -> trio.abc.Stream:
                streams.append(await open_stream_to_socket_listener(listeners[0]))
                return streams[-1]

            if clock is not None:
                nursery.start_soon(bridge.run)
                yield connect_in_memory
            else:
                listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
                await nursery.start(bridge.serve, listeners)
                with trio.fail_after(WITHIN_S):
                    yield connect_over_tcp
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            for stream in streams:
                await trio.aclose_forcefully(stream)


def new_bridge(
    port: ScriptedPort | None = None, credit: int = DEFAULT_CREDIT_BYTES, max_batch: int = 16_384
) -> SoftBridge:
    port = port or ScriptedPort(acknowledges)
    return SoftBridge(
        port, name="lab", unique_id=b"12345678", firmware="soft-test", credit=credit, max_batch=max_batch
    )


async def new_peer(connect: Connect) -> Peer:
    return Peer(await connect())


async def controller(connect: Connect, controller_id: bytes = CONTROLLER_ID) -> Peer:
    peer = await new_peer(connect)
    assert isinstance(await peer.hello(controller_id), Welcome)
    return peer


async def results(peer: Peer, count: int) -> list[BatchResult]:
    messages = [await peer.receive() for _ in range(count)]
    return [message for message in messages if isinstance(message, BatchResult)]
