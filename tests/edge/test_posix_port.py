"""The POSIX port over a pty, in real time; no upper bounds on how long anything takes."""

import os
import pty
import tty
from collections.abc import Generator
from dataclasses import dataclass

import pytest
import trio

from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.executor import AsyncExecutor
from stmota_edge.open_port import PortAddress, open_executor
from stmota_edge.posix_port import PosixPort
from stmota_edge.wiring import Wiring
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Expect,
    LineErrors,
    Outcome,
    Parity,
    Receive,
    Rs485,
    Send,
    SetLines,
    UartSettings,
    Wait,
)

WITHIN_S = 30.0


@dataclass
class Pty:
    """The far end of a port: what the target would be."""

    fd: int
    path: str

    async def read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            await trio.lowlevel.wait_readable(self.fd)
            data += os.read(self.fd, length - len(data))
        return data

    def write(self, data: bytes) -> None:
        assert os.write(self.fd, data) == len(data)

    def unplug(self) -> None:
        os.close(self.fd)
        self.fd = -1


@pytest.fixture
def far() -> Generator[Pty, None, None]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    far = Pty(master, os.ttyname(slave))
    os.set_blocking(master, False)
    os.close(slave)
    yield far
    if far.fd >= 0:
        os.close(far.fd)


async def test_bytes_go_out_and_come_in(far: Pty) -> None:
    port = PosixPort(far.path)
    with trio.fail_after(WITHIN_S):
        await port.write(b"\x00\x7f\r\n\xff\x11\x13")
        assert await far.read(7) == b"\x00\x7f\r\n\xff\x11\x13"
        far.write(b"\x79\x00\r\n\xff\x03")
        at_us, data = await port.read(None)
        while len(data) < 6:
            data += (await port.read(None))[1]
        assert data == b"\x79\x00\r\n\xff\x03"
        assert 0 < at_us <= port.now_us()
    await port.aclose()


async def test_a_read_ends_at_its_time_and_one_in_the_past_polls(far: Pty) -> None:
    port = PosixPort(far.path)
    with trio.fail_after(WITHIN_S):
        until_us = port.now_us() + 20_000
        at_us, data = await port.read(until_us)
        assert (at_us >= until_us, data) == (True, b"")
        assert (await port.read(0))[1] == b""
        far.write(b"x")
        assert (await port.read(0))[1] == b"x"
    await port.aclose()


async def test_a_cancelled_read_loses_nothing(far: Pty) -> None:
    port = PosixPort(far.path)
    with trio.fail_after(WITHIN_S):
        with trio.move_on_after(0.01):
            await port.read(None)
        far.write(b"kept")
        assert (await port.read(None))[1] == b"kept"
    await port.aclose()


async def test_drain_returns_when_the_bytes_have_had_their_time_on_the_wire(far: Pty) -> None:
    port = PosixPort(far.path)
    await port.configure(UartSettings(baud=9600))
    with trio.fail_after(WITHIN_S):
        began_us = port.now_us()
        await port.write(bytes(48))
        ahead_us = port.sent_by_us()
        await port.drain()
        assert port.now_us() - began_us >= 50_000
        assert ahead_us is not None
        assert ahead_us - began_us >= 50_000
        assert port.sent_by_us() is not None
    await port.aclose()


async def test_a_batch_runs_over_it(far: Pty) -> None:
    executor = AsyncExecutor(PosixPort(far.path))

    async def target() -> None:
        assert await far.read(1) == b"\x7f"
        far.write(b"\x00\x79")
        assert await far.read(2) == b"\x00\xff"
        far.write(b"\x79\x0bABCDEFGHIJKL")

    rom = UartSettings(parity=Parity.EVEN)
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(target)
            steps = (Send(b"\x7f"), Expect(0x79, 20_000_000, skip=b"\0"), Send(b"\x00\xff"))
            batch = Batch((Configure(rom), *steps, Expect(0x79, 20_000_000), Receive(13, 20_000_000)))
            result = await executor.execute(batch)
            nursery.cancel_scope.cancel()
    assert result.outcome is Outcome.DONE
    assert result.output(5) == b"\x0bABCDEFGHIJKL"
    await executor.aclose()


async def test_an_abort_ends_a_wait_at_once(far: Pty) -> None:
    executor = AsyncExecutor(PosixPort(far.path))
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:

            async def abort() -> None:
                await trio.testing.wait_all_tasks_blocked()
                executor.abort()

            nursery.start_soon(abort)
            result = await executor.execute(Batch((Wait(3_600_000_000),)))
    assert (result.outcome, result.failed_step) == (Outcome.ABORTED, 0)
    await executor.aclose()


async def test_an_unplugged_adapter_is_a_failed_port(far: Pty) -> None:
    port = PosixPort(far.path)
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:

            async def unplug() -> None:
                await trio.testing.wait_all_tasks_blocked()
                far.unplug()

            nursery.start_soon(unplug)
            with pytest.raises(PortFailed, match="is it plugged in"):
                await port.read(None)
        result = await AsyncExecutor(port).execute(Batch((Send(b"x"),)))
        assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.PORT)
    await port.aclose()


async def test_a_pty_has_no_modem_lines(far: Pty) -> None:
    executor = AsyncExecutor(PosixPort(far.path, Wiring.parse("rts", "dtr")))
    result = await executor.execute(Batch((SetLines.of(nrst=False),)))
    assert (result.outcome, result.cause) == (Outcome.FAILED, Cause.UNSUPPORTED)
    await executor.aclose()


async def test_settings_that_a_serial_port_lacks_are_refused(far: Pty) -> None:
    port = PosixPort(far.path)
    with pytest.raises(PortUnsupported, match="9 data bits"):
        await port.configure(UartSettings(data_bits=9))
    with pytest.raises(PortUnsupported, match="has no RTS that could be the RS-485 direction line"):
        await port.configure(UartSettings(rs485=Rs485.DRIVE_HIGH))
    await port.aclose()


async def test_error_counts_are_none_where_nobody_counts(far: Pty) -> None:
    port = PosixPort(far.path)
    assert port.take_errors() == LineErrors()
    await port.aclose()
    await port.aclose()  # a second time changes nothing


async def test_a_port_in_use_is_refused_with_the_reason(far: Pty) -> None:
    port = PosixPort(far.path)
    with pytest.raises(PortFailed, match="in use by another program"):
        PosixPort(far.path)
    await port.aclose()


@pytest.mark.parametrize(
    ("url", "says", "kind"),
    [
        ("/dev/no-such-port", "no such port; is the adapter plugged in", PortFailed),
        ("/dev/null", "not a serial port", PortFailed),
        ("nonsense://x", "give a device, rfc2217", PortUnsupported),
        ("socket://no-port-number", "give a device, rfc2217", PortUnsupported),
    ],
)
async def test_a_port_that_cannot_be_opened_says_why_and_what_to_do(
    url: str, says: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=says) as caught:
        await open_executor(PortAddress(url))
    assert str(caught.value).startswith(url)
