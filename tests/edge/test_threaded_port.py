"""URL ports against servers in this process, in real time; no upper bounds on how long anything takes."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import serial
import serial.rfc2217
import trio

from stmota_edge.effects import Received
from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.open_port import PortAddress, open_executor
from stmota_edge.thread_executor import ThreadExecutor
from stmota_edge.threaded_port import ThreadedPort
from stmota_edge.wiring import Wiring
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Expect,
    Outcome,
    Parity,
    Receive,
    Rs485,
    Send,
    Sense,
    SetLines,
    UartSettings,
    Wait,
)

# pyserial 3.5 starts its threads with methods that Python deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:setDaemon:DeprecationWarning", "ignore:setName:DeprecationWarning"
)

WITHIN_S = 60.0
ACK = 0x79
ROM = UartSettings(parity=Parity.EVEN)
SYNC = Batch((Send(b"\x7f"), Expect(ACK, 30_000_000)))
Target = Callable[[bytes], bytes]


def acknowledges(data: bytes) -> bytes:
    return b"\x79" if data == b"\x7f" else b""


class Far:
    """The far end of a port: a server, and what it saw."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.received = b""
        self.url = ""
        self.uart: Any = None
        self._streams: list[trio.abc.Stream] = []

    async def serve_plain(self, stream: trio.abc.Stream) -> None:
        self._streams.append(stream)
        async for data in stream:
            self.received += data
            await stream.send_all(self.target(bytes(data)))

    async def serve_rfc2217(self, stream: trio.abc.Stream) -> None:
        """As an RFC 2217 server, with pyserial's own telnet."""
        self._streams.append(stream)
        answers = bytearray()

        class Wire:
            def write(self, data: bytes) -> None:
                answers.extend(data)

        self.uart = serial.serial_for_url("loop://")
        wire: Any = Wire()  # types-pyserial wants a whole Serial where only write is called
        manager: Any = serial.rfc2217.PortManager(self.uart, wire)
        async for data in stream:
            sent = b"".join(manager.filter(data))
            self.received += sent
            if sent:
                answers.extend(b"".join(manager.escape(self.target(sent))))
            if answers:
                await stream.send_all(bytes(answers))
                answers.clear()
        self.uart.close()

    async def say(self, data: bytes) -> None:
        await self._streams[-1].send_all(data)

    async def hang_up(self) -> None:
        await self._streams[-1].aclose()


@asynccontextmanager
async def far_end(scheme: str, target: Target = acknowledges) -> AsyncGenerator[Far, None]:
    far = Far(target)
    handler = far.serve_plain if scheme == "socket" else far.serve_rfc2217
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, quietly(handler), 0)
            far.url = f"{scheme}://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            yield far
            nursery.cancel_scope.cancel()


def quietly(handler: Any) -> Any:
    async def handle(stream: trio.SocketStream) -> None:
        try:
            await handler(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    return handle


@asynccontextmanager
async def opened(
    url: str, reset: str | None = None, boot0: str | None = None
) -> AsyncGenerator[ThreadExecutor, None]:
    executor = await open_executor(PortAddress(url, reset, boot0))
    assert isinstance(executor, ThreadExecutor)
    try:
        yield executor
    finally:
        with trio.CancelScope(shield=True):
            await executor.aclose()


@pytest.fixture(params=["socket", "rfc2217"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_batch_runs_in_its_thread(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        result = await executor.execute(SYNC)
        assert result.outcome is Outcome.DONE
        assert far.received == b"\x7f"
        assert result.started_us <= result.ended_us <= executor.now_us()


async def test_every_byte_value_comes_through(scheme: str) -> None:
    everything = bytes(range(256))
    async with far_end(scheme, lambda _: everything) as far, opened(far.url) as executor:
        result = await executor.execute(Batch((Send(everything), Receive(256, 30_000_000))))
        assert result.output(1) == everything
        assert far.received == everything


async def test_silence_and_a_wrong_byte_fail(scheme: str) -> None:
    async with far_end(scheme, lambda _: b"\x1f") as far, opened(far.url) as executor:
        result = await executor.execute(SYNC)
        assert (result.cause, result.got) == (Cause.WRONG_BYTE, 0x1F)
        result = await executor.execute(Batch((Expect(ACK, 1000),)))
        assert (result.cause, result.failed_step) == (Cause.SILENCE, 0)


async def test_between_batches_what_comes_is_received_at_once(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        await executor.execute(SYNC)
        await far.say(b"hello\r\n")
        data = b""
        while data != b"hello\r\n":
            received = await executor.receive(None)
            assert received.data
            data += received.data
        assert await executor.receive(0) == Received(0, b"")


async def test_a_receive_ends_at_its_time_and_a_cancelled_one_loses_nothing(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        until_us = executor.now_us() + 10_000
        assert (await executor.receive(until_us)).data == b""
        assert executor.now_us() >= until_us
        with trio.move_on_after(0.01):
            await executor.receive(None)
        await executor.execute(SYNC)
        await far.say(b"x")
        assert (await executor.receive(None)).data == b"x"


async def test_an_abort_wakes_a_batch_that_waits(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        for step in (Wait(3_600_000_000), Expect(ACK, 3_600_000_000), Send(bytes(40_000_000 // 87))):
            async with trio.open_nursery() as nursery:

                async def abort() -> None:
                    await trio.sleep(0.05)
                    executor.abort()

                nursery.start_soon(abort)
                result = await executor.execute(Batch((step, Wait(1))))
            assert result.outcome is Outcome.ABORTED


async def test_a_cancelled_batch_ends_and_the_next_one_runs(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        with trio.move_on_after(0.05) as scope:
            await executor.execute(Batch((Wait(3_600_000_000),)))
        assert scope.cancelled_caught
        assert (await executor.execute(SYNC)).is_done


async def test_a_connection_that_ends_is_a_failed_port(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        await executor.execute(SYNC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.hang_up)
            result = await executor.execute(Batch((Expect(ACK, 3_600_000_000),)))
        assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.PORT)
        with pytest.raises(PortFailed, match=f"^{far.url}: "):
            await executor.receive(None)


async def test_an_rfc2217_server_is_set_as_the_batch_says() -> None:
    async with far_end("rfc2217") as far, opened(far.url, "rts", "!dtr") as executor:
        fast = UartSettings(baud=57600, parity=Parity.EVEN)
        assert (await executor.execute(Batch((Configure(fast),)))).is_done
        assert (far.uart.baudrate, far.uart.bytesize, far.uart.parity, far.uart.stopbits) == (
            57600,
            8,
            "E",
            1,
        )
        boot = SetLines.of(nrst=False, boot0=True)
        assert (await executor.execute(Batch((boot,)))).is_done
        assert (far.uart.rts, far.uart.dtr) == (True, False)


async def test_lines_are_safe_after_opening_and_after_closing() -> None:
    async with far_end("rfc2217") as far:
        async with opened(far.url, "rts", "!dtr") as executor:
            assert (far.uart.rts, far.uart.dtr) == (False, True)
            await executor.execute(Batch((SetLines.of(nrst=False, boot0=True),)))
        assert (far.uart.rts, far.uart.dtr) == (False, True)


async def test_a_plain_socket_cannot_be_set_otherwise_than_it_is() -> None:
    async with far_end("socket") as far, opened(far.url) as executor:
        assert (await executor.execute(Batch((Configure(ROM),)))).is_done
        echoing = UartSettings(parity=Parity.EVEN, echo=True)
        assert (await executor.execute(Batch((Configure(echoing),)))).is_done  # echo is our own affair
        result = await executor.execute(Batch((Configure(UartSettings()),)))
        assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.UNSUPPORTED)


async def test_a_plain_socket_has_no_lines() -> None:
    async with far_end("socket") as far:
        with pytest.raises(PortUnsupported, match="no modem lines"):
            await open_executor(PortAddress(far.url, reset="rts"))
        async with opened(far.url) as executor:
            result = await executor.execute(Batch((SetLines.of(nrst=False),)))
            assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.UNSUPPORTED)
            assert (await executor.execute(Batch((Sense(),)))).output(0) == b"\0\0"


async def test_rs485_is_refused(scheme: str) -> None:
    async with far_end(scheme) as far, opened(far.url) as executor:
        result = await executor.execute(Batch((Configure(UartSettings(rs485=Rs485.DRIVE_LOW)),)))
        assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.UNSUPPORTED)


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
async def test_nobody_there_is_said(scheme: str) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(PortFailed, match="refused; does anything listen there"):
        await trio.to_thread.run_sync(ThreadedPort, f"{scheme}://127.0.0.1:{port}", Wiring())
