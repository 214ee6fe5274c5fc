"""BRIDGE_PROTOCOL.md, section 2, over the wire: what becomes of runs at their end and with connections."""

import pytest
import trio

from bridge_bench import ACK, ASK, LONG, SECOND_US, Bench, console, event, heard, results, works
from bridge_peer import Peer
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Console,
    EndRun,
    LastBatch,
    Ping,
    Pong,
    Welcome,
)
from stmota_protocol.steps import Batch, Cause, Expect, Outcome, Receive, Result, Send, Unclaimed, Wait


async def now_us(peer: Peer) -> int:
    """The bridge's clock, by a Ping."""
    await peer.send(Ping(1))
    pong = await event(peer)
    assert isinstance(pong, Pong)
    return pong.now_us


@pytest.mark.rule("R16")
async def test_busy_says_for_how_long_it_is_held_by_the_bridges_clock(bench: Bench) -> None:
    before_us = (await bench.look()).now_us
    holder = await bench.controller()
    await holder.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Wait(50_000),))))
    (result,) = await results(holder, 1)
    busy = await bench.hello(await bench.peer(), bench.other_id)
    assert isinstance(busy, Busy)
    assert result.ended_us - result.started_us <= busy.held_for_us <= await now_us(holder) - before_us


@pytest.mark.rule("R18", "R19")
async def test_a_skipped_batch_is_not_the_newest_and_a_result_that_came_is_told_again(
    bench: Bench,
) -> None:
    peer = await bench.controller()
    silence = Batch((Expect(ACK, 0),))
    await peer.send(BeginRun(4, Unclaimed.RESIDUE), BatchRequest(4, 0, silence), BatchRequest(4, 1, ASK))
    failed, skipped = await results(peer, 2)
    assert (failed.cause, skipped) == (Cause.SILENCE, Result(Outcome.SKIPPED))
    assert (await bench.look()).last_batch == LastBatch(4, 0, Outcome.FAILED)
    assert await bench.hello(await bench.peer()) == Welcome(BatchResult(4, 0, failed))


@pytest.mark.rule("R19")
async def test_greeting_tells_the_newest_batch_whoever_sent_it(bench: Bench) -> None:
    assert await works(await bench.controller(), 7)
    other = await bench.peer()
    assert isinstance(await bench.hello(other, bench.other_id, take_over=True), Welcome)
    assert await works(other, 3)
    assert (await bench.look()).last_batch == LastBatch(3, 0, Outcome.DONE)


@pytest.mark.rule("R23", "R30")
async def test_a_run_aborts_what_a_controller_that_is_gone_left_and_its_results_stay_away(
    bench: Bench,
) -> None:
    """Neither the aborted batch nor the skipped ones are told to anybody but by R18."""
    gone = await bench.controller()
    long = Batch((Send(b"1"), *LONG.steps))
    await gone.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, long), BatchRequest(1, 1, ASK))
    assert await bench.hears(1) == b"1"
    await trio.aclose_forcefully(gone.stream)
    peer = await bench.peer()
    await bench.hello(peer, bench.other_id, take_over=True)
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Send(b"2"),))))
    messages = [await peer.receive()]
    assert [type(message) for message in messages] == [BatchResult]
    assert await bench.hears(1) == b"2"
    await peer.send(BatchRequest(1, 1, Batch(())))
    message = await peer.receive()
    assert isinstance(message, BatchResult)
    assert (message.number, message.result.outcome) == (1, Outcome.DONE)


@pytest.mark.rule("R31", "R26")
async def test_end_run_is_said_ahead_and_again_without_harm(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK), EndRun(1), EndRun(1), Abort(1))
    assert (await results(peer, 1))[0].outcome in (Outcome.DONE, Outcome.ABORTED, Outcome.SKIPPED)
    await peer.send(EndRun(1), BeginRun(2, Unclaimed.RESIDUE), EndRun(1), Abort(1), BatchRequest(2, 0, ASK))
    while isinstance(message := await heard(peer), Console):
        assert message.data == b"y"  # what the target answered to a question that was aborted meanwhile
    assert isinstance(message, BatchResult)
    assert message.result.is_done


@pytest.mark.rule("R32")
async def test_bytes_between_two_batches_of_a_run_come_with_the_next_result_that_is_not_skipped(
    bench: Bench,
) -> None:
    peer = await bench.controller()
    ask = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ask))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79late")  # read in one go with the ACK, or after the batch: this run's in both cases
    (first,) = await results(peer, 1)
    residue = first.residue
    number = 1
    while residue != b"late":
        await peer.send(BatchRequest(1, number, Batch((Wait(1000),))))
        residue += (await results(peer, 1))[0].residue
        number += 1


@pytest.mark.rule("R34", "R46")
async def test_after_the_end_of_a_run_it_is_console_again(bench: Bench) -> None:
    """What came before its end was known at the UART is dropped (R32); what comes later is not."""
    peer = await bench.controller()
    base = (await bench.look()).console_next
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Send(b"1"),))), EndRun(1))
    assert (await results(peer, 1))[0].is_done
    while (await bench.look()).console_next == base:
        bench.says(b".")
    assert (await console(peer, 1))[0].data.strip(b".") == b""


@pytest.mark.rule("R33", "R34")
async def test_what_a_console_run_received_before_a_batch_is_seen_by_no_step_of_it(bench: Bench) -> None:
    peer = await bench.controller()
    first = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Wait(20_000)))
    await peer.send(BeginRun(1, Unclaimed.CONSOLE), BatchRequest(1, 0, first))
    await peer.send(BatchRequest(1, 1, Batch((Receive(1, 1000),))))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79log")
    messages = [await heard(peer)]
    while sum(isinstance(message, BatchResult) for message in messages) < 2:
        messages.append(await heard(peer))
    one, two = (message.result for message in messages if isinstance(message, BatchResult))
    assert (one.is_done, two.cause) == (True, Cause.SILENCE)
    said = b"".join(message.data for message in messages if isinstance(message, Console))
    while said != b"log":
        said += (await console(peer, 1))[0].data


@pytest.mark.rule("R15", "R23")
async def test_of_two_connections_of_one_controller_the_newer_counts_and_the_batch_in_hand_ends(
    bench: Bench,
) -> None:
    """A link that broke: its end is not known to the bridge when the controller is back."""
    old = await bench.controller()
    batch = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Send(b"2")))
    await old.send(BeginRun(6, Unclaimed.RESIDUE), BatchRequest(6, 0, batch), BatchRequest(6, 1, ASK))
    assert await bench.hears(1) == b"1"
    new = await bench.peer()
    assert await bench.hello(new) == Welcome(None)
    assert (await old.closing()).reason is CloseReason.REPLACED
    bench.says(b"\x79")
    assert await bench.hears(1) == b"2"
    while (last := (await bench.look()).last_batch) != LastBatch(6, 0, Outcome.DONE):
        assert last is None or last.run != 6
    newest = await bench.peer()
    welcome = await bench.hello(newest)
    assert isinstance(welcome, Welcome)
    assert welcome.last_result is not None
    assert (welcome.last_result.run, welcome.last_result.result.is_done) == (6, True)
    assert await works(newest, 7)
