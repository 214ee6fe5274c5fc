"""Runs, where unclaimed bytes go, and what becomes of batches nobody executes; on the virtual clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from scripted_port import Reply, ScriptedPort, silent
from stmota_edge.edge import Edge, EdgeOwner, Ticket
from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.executor import AsyncExecutor
from stmota_protocol.messages import Console
from stmota_protocol.steps import (
    MAX_RESIDUE,
    Batch,
    Cause,
    Expect,
    Line,
    Outcome,
    Result,
    Send,
    SetLines,
    UartSettings,
    Unclaimed,
    Wait,
)

ACK = 0x79
WAIT_1_S = Batch((Wait(1_000_000),))
FAILING = Batch((Expect(ACK, 1000),))
BYTE_US = 87
"""At 115200 baud 8N1, rounded up."""


class Notes(EdgeOwner):
    def __init__(self) -> None:
        self.ended: list[tuple[Ticket, Result]] = []
        self.growths = 0
        self._news = trio.Event()

    def batch_ended(self, ticket: Ticket, result: Result) -> None:
        self.ended.append((ticket, result))
        self._news.set()

    def console_grew(self) -> None:
        self.growths += 1

    async def results(self, count: int) -> list[Result]:
        while len(self.ended) < count:
            self._news = trio.Event()
            await self._news.wait()
        return [result for _, result in self.ended]

    async def outcomes(self, count: int) -> list[Outcome]:
        return [result.outcome for result in await self.results(count)]


@asynccontextmanager
async def running(port: ScriptedPort) -> AsyncGenerator[tuple[Edge, Notes], None]:
    notes = Notes()
    edge = Edge(AsyncExecutor(port), notes)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edge.run)
        await trio.testing.wait_all_tasks_blocked()
        yield edge, notes
        nursery.cancel_scope.cancel()


def submit(edge: Edge, *batches: Batch, run: int = 1) -> None:
    for number, batch in enumerate(batches):
        edge.submit(Ticket(run, number), batch)


async def test_the_console_is_set_at_the_start(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with running(port):
        assert port.log == [(0, UartSettings())]


async def test_a_port_that_cannot_be_set_for_the_console_is_refused(autojump_clock: MockClock) -> None:
    edge = Edge(AsyncExecutor(ScriptedPort(unsupported_baud=115200)), Notes())
    with pytest.raises(PortUnsupported, match="115200 8N1"):
        await edge.run()


async def test_results_come_in_the_order_of_the_batches(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, WAIT_1_S, WAIT_1_S)
        results = await notes.results(3)
    assert [result.ended_us for result in results] == [1_000_000, 2_000_000, 3_000_000]
    assert [ticket.number for ticket, _ in notes.ended] == [0, 1, 2]


async def test_a_failed_batch_stops_its_run_until_a_new_one(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, FAILING, WAIT_1_S)
        assert await notes.outcomes(3) == [Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED]
        submit(edge, WAIT_1_S)  # still the run that failed
        assert (await notes.outcomes(4))[3:] == [Outcome.SKIPPED]
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, run=2)
        assert (await notes.outcomes(5))[4:] == [Outcome.DONE]


async def test_a_batch_before_any_run_is_skipped(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        submit(edge, WAIT_1_S)
        assert await notes.outcomes(1) == [Outcome.SKIPPED]


async def test_an_abort_ends_the_batch_in_hand_and_skips_the_rest(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, WAIT_1_S)
        await trio.sleep(0.5)
        edge.abort()
        results = await notes.results(2)
        assert results == [Result(Outcome.ABORTED, 0, ended_us=500_000), Result(Outcome.SKIPPED)]


async def test_an_abort_before_the_batch_is_begun_skips_it(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S)
        edge.abort()
        assert await notes.outcomes(1) == [Outcome.SKIPPED]


async def test_a_new_run_aborts_the_batch_in_hand_and_skips_the_older_run(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, WAIT_1_S)
        await trio.sleep(0.5)
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, run=2)
        results = await notes.results(3)
    assert [result.outcome for result in results] == [Outcome.ABORTED, Outcome.SKIPPED, Outcome.DONE]
    assert [ticket.run for ticket, _ in notes.ended] == [1, 1, 2]
    assert results[2].ended_us == 1_500_000


async def test_when_its_owner_is_gone_the_batch_in_hand_ends_by_itself(autojump_clock: MockClock) -> None:
    async with running(ScriptedPort()) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S, WAIT_1_S)
        await trio.sleep(0.5)
        edge.leave()
        results = await notes.results(2)
    assert results == [Result(Outcome.DONE, ended_us=1_000_000), Result(Outcome.SKIPPED)]


async def test_outside_runs_everything_is_console(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with running(port) as (edge, notes):
        port.arrives(1000, b"hello ")
        port.arrives(500_000, b"world")
        await trio.sleep(1)
        assert edge.ring.read(0) == Console(0, 1000, b"hello ")
        assert edge.ring.read(6) == Console(6, 500_000, b"world")
        assert notes.growths == 2


async def test_what_came_before_a_run_began_is_console(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with running(port) as (edge, notes):
        port.arrives(0, b"log")
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S)
        assert (await notes.results(1))[0].residue == b""
        assert edge.ring.read(0) == Console(0, 0, b"log")


async def test_what_no_step_consumed_comes_back_with_the_next_result(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lambda _: [(10, b"\x79+late")])
    async with running(port) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, Batch((Send(b"a"), Expect(ACK, 1000))))
        await notes.results(1)
        port.arrives(10, b"between")
        await trio.sleep(1)
        submit(edge, WAIT_1_S)
        results = await notes.results(2)
        assert [result.residue for result in results] == [b"+late", b"between"]
        assert edge.ring.next == 0


async def test_a_console_run_gives_unclaimed_bytes_to_the_console(autojump_clock: MockClock) -> None:
    port = ScriptedPort(lambda _: [(10, b"\x79booting")])
    async with running(port) as (edge, notes):
        edge.begin_run(Unclaimed.CONSOLE)
        submit(edge, Batch((Send(b"a"), Expect(ACK, 1000))))
        results = await notes.results(1)
        assert results[0].residue == b""
        assert edge.ring.read(0) == Console(0, 10 + 2 * BYTE_US, b"booting")


async def test_after_the_end_of_a_run_everything_is_console_again(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with running(port) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, WAIT_1_S)
        edge.end_run()
        await notes.results(1)
        port.arrives(10, b"log")
        await trio.sleep(1)
        assert edge.ring.read(0) == Console(0, 1_000_010, b"log")


async def test_residue_is_capped_and_the_surplus_counted(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with running(port) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        await trio.sleep(0.1)
        port.arrives(10, bytes(range(100)))
        await trio.sleep(0.1)
        submit(edge, WAIT_1_S)
        (result,) = await notes.results(1)
    assert result.residue == bytes(range(MAX_RESIDUE))
    assert result.residue_lost == 100 - MAX_RESIDUE


@pytest.mark.parametrize(
    ("lines", "driven"),
    [
        (Line.NRST | Line.BOOT0, [(Line.NRST | Line.BOOT0, Line.NRST)]),
        (Line.BOOT0, [(Line.BOOT0, Line(0))]),
    ],
)
async def test_lines_are_made_safe_as_far_as_they_are_there(
    lines: Line, driven: list[tuple[Line, Line]], autojump_clock: MockClock
) -> None:
    port = ScriptedPort(lines=lines)
    async with running(port) as (edge, notes):
        edge.begin_run(Unclaimed.RESIDUE)
        submit(edge, Batch((SetLines.of(boot0=True), Wait(1_000_000))))
        edge.make_safe()
        await trio.sleep(2)
        assert [entry for at_us, entry in port.log if at_us == 1_000_000] == driven
        assert len(notes.ended) == 1


async def test_a_port_that_fails_while_idle_ends_the_edge(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    edge = Edge(AsyncExecutor(port), Notes())
    async with trio.open_nursery() as nursery:

        async def unplug() -> None:
            await trio.sleep(1)
            port.fail()

        nursery.start_soon(unplug)
        with pytest.raises(PortFailed, match="unplugged"):
            await edge.run()


async def test_a_port_that_fails_leaves_no_batch_without_a_result(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    notes = Notes()
    edge = Edge(AsyncExecutor(port), notes)
    edge.begin_run(Unclaimed.RESIDUE)
    submit(edge, WAIT_1_S, FAILING, WAIT_1_S)
    edge.end_run()
    edge.begin_run(Unclaimed.RESIDUE)
    submit(edge, WAIT_1_S, FAILING, WAIT_1_S, run=2)
    port.fail()
    with pytest.raises(PortFailed):
        await edge.run()
    assert len(notes.ended) == 6
    assert {result.outcome for _, result in notes.ended} == {Outcome.SKIPPED}


async def test_the_batch_in_which_the_port_fails_says_so(autojump_clock: MockClock) -> None:
    port = ScriptedPort(silent)
    notes = Notes()
    edge = Edge(AsyncExecutor(port), notes)

    def unplugs(_: bytes) -> Reply:
        port.fail()
        return []

    port.target = unplugs
    edge.begin_run(Unclaimed.RESIDUE)
    submit(edge, Batch((Send(b"x"), Expect(ACK, 1000))), WAIT_1_S)
    with pytest.raises(PortFailed):
        await edge.run()
    assert [(result.outcome, result.cause) for _, result in notes.ended] == [
        (Outcome.FAILED, Cause.PORT),
        (Outcome.SKIPPED, None),
    ]
