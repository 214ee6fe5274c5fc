"""The link to an edge in this process: the same to its user as one to a bridge; on the virtual clock."""

import os
import pty
import tty

import pytest
import trio
from trio.testing import MockClock

from next_console import next_console
from scripted_port import ACK, ASK, FAILING, LONG, Reply, ScriptedPort, acknowledges
from stmota_daemon.link import LinkLost
from stmota_daemon.serial_link import MOST_BATCHES_AHEAD, open_serial_link
from stmota_edge.open_port import PortAddress, unique_id_of
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    EdgeIdentity,
    Expect,
    Line,
    Outcome,
    Send,
    UartSettings,
    Unclaimed,
    Wait,
)

CONSOLE = UartSettings(baud=9600)


async def test_a_link_says_what_it_is(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lines=Line.NRST)
    async with open_serial_link(port, name="desk", console=CONSOLE, unix_s=lambda: 7.0) as link:
        assert (link.identity.name, link.identity.lines) == ("desk", Line.NRST)
        assert link.identity.unique_id == unique_id_of("desk")
        assert link.clock.unix_s(0) == 7.0
        await trio.sleep(0.1)
    assert port.log == [(0, CONSOLE)]


async def test_every_opening_is_a_new_boot(autojump_clock: MockClock) -> None:
    boots: list[bytes] = []

    def note(identity: EdgeIdentity) -> int:
        boots.append(identity.boot_id)
        return 0

    for _ in range(2):
        async with open_serial_link(ScriptedPort(), name="desk", console_from=note):
            pass
    assert boots[0] != boots[1]


async def test_batches_run_ahead_in_order(autojump_clock: MockClock) -> None:
    async with open_serial_link(ScriptedPort(acknowledges), name="desk") as link:
        run = link.begin_run()
        while run.has_room_for(ASK):
            run.submit(ASK)
        assert run.under_way == MOST_BATCHES_AHEAD
        results = [await run.result() for _ in range(MOST_BATCHES_AHEAD)]
        assert all(result.is_done for result in results)
        assert [result.started_us for result in results] == sorted(result.started_us for result in results)


async def test_a_failed_batch_skips_the_rest_until_a_new_run(autojump_clock: MockClock) -> None:
    async with open_serial_link(ScriptedPort(acknowledges), name="desk") as link:
        run = link.begin_run()
        run.submit(FAILING)
        run.submit(ASK)
        assert [(await run.result()).outcome for _ in range(2)] == [Outcome.FAILED, Outcome.SKIPPED]
        assert (await link.begin_run().execute(ASK)).is_done


async def test_an_abort_and_a_new_run_end_what_is_under_way(autojump_clock: MockClock) -> None:
    async with open_serial_link(ScriptedPort(acknowledges), name="desk") as link:
        first = link.begin_run()
        first.submit(LONG)
        await trio.sleep(1)
        first.abort()
        assert (await first.result()).outcome is Outcome.ABORTED
        second = link.begin_run()
        second.submit(LONG)
        await trio.sleep(1)
        third = link.begin_run()
        second.abort()  # too late: it does not touch the third
        second.end()
        assert (await third.execute(ASK)).is_done
        assert (await second.result()).outcome is Outcome.ABORTED
        with pytest.raises(ValueError, match="over"):
            second.submit(ASK)


async def test_residue_comes_back_and_console_goes_on_after_the_end(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lambda _: [(10, b"\x79!")])
    async with open_serial_link(port, name="desk") as link:
        run = link.begin_run(Unclaimed.RESIDUE)
        assert (await run.execute(ASK)).residue == b"!"
        run.end()
        await trio.sleep(1)
        port.arrives(0, b"log")
        message = await next_console(link)
        assert isinstance(message, Console)
        assert (message.position, message.data) == (0, b"log")
        link.acknowledge_console(3)


async def test_console_that_did_not_fit_is_a_gap(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with open_serial_link(port, name="desk") as link:
        port.arrives(0, bytes(70_000))
        await trio.sleep(1)
        assert await next_console(link) == ConsoleGap(0, 70_000 - 65_536)
        message = await next_console(link)
        assert isinstance(message, Console)
        assert message.position == 70_000 - 65_536


async def test_a_port_that_fails_is_a_lost_link_for_all(autojump_clock: MockClock) -> None:
    port = ScriptedPort()

    def unplugs(_: bytes) -> Reply:
        port.fail()
        return []

    async with open_serial_link(port, name="desk") as link:
        port.target = unplugs
        run = link.begin_run()
        run.submit(Batch((Send(b"x"), Wait(1))))
        run.submit(LONG)
        first, second = await run.result(), await run.result()
        assert (first.cause, second.outcome) == (Cause.PORT, Outcome.SKIPPED)
        with pytest.raises(LinkLost, match="unplugged"):
            await next_console(link)
        with pytest.raises(LinkLost, match="unplugged"):
            link.begin_run()
        with pytest.raises(LinkLost, match="unplugged"):
            run.submit(ASK)
        with pytest.raises(LinkLost, match="unplugged"):
            await run.result()


async def test_a_port_that_cannot_be_opened_is_a_lost_link() -> None:
    with pytest.raises(LinkLost, match="no such port; is the adapter plugged in"):
        async with open_serial_link(PortAddress("/dev/no-such-port"), name="desk"):
            pass


async def test_what_the_body_raises_arrives_bare(autojump_clock: MockClock) -> None:
    class Mine(Exception):
        pass

    with pytest.raises(Mine):
        async with open_serial_link(ScriptedPort(), name="desk"):
            raise Mine


async def test_a_cancellation_ends_the_batch_in_hand(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    with trio.move_on_after(1) as scope:
        async with open_serial_link(port, name="desk") as link:
            await link.begin_run().execute(Batch((Wait(5_000_000), Send(b"never"))))
    assert scope.cancelled_caught
    await trio.sleep(10)
    assert port.log == [(0, UartSettings())]


async def test_a_real_port_is_opened_and_closed() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = os.ttyname(slave)
    os.close(slave)
    with trio.fail_after(60):
        for _ in range(2):  # the second finds it free again
            async with open_serial_link(PortAddress(path), name="desk") as link:
                run = link.begin_run()
                run.submit(Batch((Configure(CONSOLE), Send(b"?"), Expect(ACK, 50_000_000))))
                await trio.lowlevel.wait_readable(master)
                assert os.read(master, 10) == b"?"
                os.write(master, b"\x79")
                assert (await run.result()).is_done
    os.close(master)
