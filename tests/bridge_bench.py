"""A bridge that runs, and the target at its UART: what the conformance suite in tests/firmware needs.

The target is a file of this machine: the far end of a pty, or a serial adapter at a real bridge's UART.
"""

import contextlib
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from bridge_peer import Peer
from bridge_process import Running
from stmota_protocol.connection import NEED_DATA
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Console,
    ConsoleAck,
    EndRun,
    Greeting,
    Hello,
    Message,
    Welcome,
)
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Configure,
    Expect,
    Result,
    Send,
    Step,
    UartSettings,
    Unclaimed,
    Wait,
)

WITHIN_S = 60.0
ACK = 0x79
SECOND_US = 1_000_000
ASK = Batch((Send(b"?"), Expect(ACK, 30 * SECOND_US)))
LONG = Batch((Wait(600 * SECOND_US),))


def new_id() -> bytes:
    """An id that no bridge has seen: what was before is not this controller's."""
    return secrets.token_bytes(16)


@dataclass
class Bench:
    """One test's view of a bridge that may have served many."""

    far: int
    host: str
    port: int
    is_local: bool = True
    """Whether the bridge is a process of this machine."""
    controller_id: bytes = field(default_factory=new_id)
    other_id: bytes = field(default_factory=new_id)
    streams: list[trio.SocketStream] = field(default_factory=list[trio.SocketStream])

    async def peer(self) -> Peer:
        """A connection that has said nothing."""
        self.streams.append(await trio.open_tcp_stream(self.host, self.port))
        return Peer(self.streams[-1])

    async def hello(
        self,
        peer: Peer,
        controller_id: bytes | None = None,
        *,
        take_over: bool = False,
        console_from: int | None = None,
    ) -> Welcome | Busy:
        """Say Hello; console from where it stands, unless the test wants more."""
        greeting = peer.connection.greeting or await peer.greeting()
        position = greeting.console_next if console_from is None else console_from
        return await peer.hello(
            controller_id or self.controller_id, take_over=take_over, console_from=position
        )

    async def controller(self, controller_id: bytes | None = None) -> Peer:
        """A connection that was welcomed."""
        peer = await self.peer()
        assert isinstance(await self.hello(peer, controller_id), Welcome)
        return peer

    async def look(self) -> Greeting:
        """Only look (R56)."""
        peer = await self.peer()
        greeting = await peer.greeting()
        await trio.aclose_forcefully(peer.stream)
        return greeting

    async def reset(self) -> None:
        """Whatever the last test left: no batch in hand, the UART as it was, nothing on its way.

        A machine that is busy may carry a byte late, so no pause proves that there is none: a mark each
        way does, since bytes overtake none.
        """
        peer = await self._taken_over()
        mark = secrets.token_bytes(8)
        calm = Batch((Configure(UartSettings()), Send(mark)))
        await peer.send(BeginRun(1, Unclaimed.CONSOLE), BatchRequest(1, 0, calm), EndRun(1))
        while not isinstance(message := await heard(peer), BatchResult):
            pass
        assert message.result.is_done
        await self.tells(mark)  # before, it could still have gone to the last test's run
        said = b""
        while not said.endswith(mark):
            message = await heard(peer)
            assert isinstance(message, Console)
            said = said[-len(mark) :] + message.data
        await self.hears_until(mark)
        await trio.aclose_forcefully(peer.stream)
        greeting = await self.look()
        while greeting.holder:  # the bridge has not seen yet that its controller is gone
            greeting = await self.look()

    async def _taken_over(self) -> Peer:
        """A new controller's connection, once the bridge has seen that those of the last test are gone."""
        while True:
            peer = await self.peer()
            greeting = await peer.greeting()
            await peer.send(Hello(new_id(), "tester", take_over=True, console_from=greeting.console_next))
            answer = await peer.receive()
            if isinstance(answer, Welcome):
                return peer
            assert isinstance(answer, Closing)
            assert answer.reason is CloseReason.TOO_MANY
            await trio.aclose_forcefully(peer.stream)

    def says(self, data: bytes) -> None:
        """The target sends."""
        assert os.write(self.far, data) == len(data)

    async def tells(self, data: bytes) -> None:
        """The target sends more than its file may take at once."""
        while data:
            await trio.lowlevel.wait_writable(self.far)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self.far, data[:1000]) :]

    async def hears_until(self, mark: bytes) -> bytes:
        """All that the bridge sends, up to and with the mark, which is the last."""
        heard = b""
        while not heard.endswith(mark):
            heard += await self.hears(1)
        return heard

    async def hears(self, length: int) -> bytes:
        """What the bridge sends to the target."""
        heard = b""
        while len(heard) < length:
            await trio.lowlevel.wait_readable(self.far)
            with contextlib.suppress(BlockingIOError):  # it was woken for nothing
                heard += os.read(self.far, length - len(heard))
        return heard

    async def answers(self) -> None:
        """The target says ACK to every question, for ever."""
        while True:
            for _ in range((await self.hears(1)).count(b"?")):
                self.says(b"\x79")

    async def execute(self, *steps: Step, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Result:
        """One batch, as a controller of its own."""
        self.controller_id = new_id()
        peer = await self.controller()
        await peer.send(BeginRun(1, unclaimed), BatchRequest(1, 0, Batch(steps)))
        (result,) = await results(peer, 1)
        await trio.aclose_forcefully(peer.stream)
        while (await self.look()).holder:
            pass
        return result


async def heard(peer: Peer) -> Message | None:
    """The next message; console is acknowledged."""
    message = await peer.receive()
    if isinstance(message, Console):
        await peer.send(ConsoleAck(message.position + len(message.data)))
    return message


async def results(peer: Peer, count: int) -> list[Result]:
    """The next messages, all of which are results."""
    messages = [await peer.receive() for _ in range(count)]
    found = [message.result for message in messages if isinstance(message, BatchResult)]
    assert len(found) == count, messages
    return found


async def console(peer: Peer, length: int, *, acknowledged: bool = True) -> list[Console]:
    """Console of so many bytes, without holes."""
    found: list[Console] = []
    while sum(len(one.data) for one in found) < length:
        message = await (heard(peer) if acknowledged else peer.receive())
        assert isinstance(message, Console)
        assert not found or message.position == found[-1].position + len(found[-1].data)
        found.append(message)
    return found


@asynccontextmanager
async def bench_of(running: Running) -> AsyncGenerator[Bench, None]:
    """A bridge's bench, within `WITHIN_S`; what the test connected is closed at the end."""
    bench = Bench(running.far, running.host, running.port, running.is_local)
    try:
        with trio.fail_after(WITHIN_S):
            yield bench
    finally:
        with trio.CancelScope(shield=True):
            for stream in bench.streams:
                await trio.aclose_forcefully(stream)


async def event(peer: Peer) -> object:
    """The next event, keep-alives too."""
    while (found := peer.connection.next_event()) is NEED_DATA:
        peer.connection.receive_data(bytes(await peer.stream.receive_some(65536)))
    return found


async def works(peer: Peer, run: int = 1) -> bool:
    """Whether it executes a batch for this controller."""
    await peer.send(BeginRun(run, Unclaimed.RESIDUE), BatchRequest(run, 0, Batch(())))
    return (await results(peer, 1))[0].is_done


def timeless(result: Result) -> Result:
    """What a real clock does not change."""
    arrivals = tuple(Arrival(arrival.step, 0) for arrival in result.arrivals)
    return Result(
        result.outcome,
        result.failed_step,
        result.cause,
        result.got,
        outputs=result.outputs,
        arrivals=arrivals,
        residue=result.residue,
        residue_lost=result.residue_lost,
    )
