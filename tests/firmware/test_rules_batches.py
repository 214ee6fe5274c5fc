"""BRIDGE_PROTOCOL.md, section 2, over the wire: runs, batches, credit."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import trio

from bridge_bench import ACK, ASK, LONG, SECOND_US, Bench, results, timeless
from stmota_protocol.messages import Abort, BatchRequest, BatchResult, BeginRun, CloseReason, Console, EndRun
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Expect,
    Outcome,
    Receive,
    Result,
    Send,
    Unclaimed,
    Wait,
)

ROUNDS = 200
"""Questions of one batch: enough for a median of turnarounds."""


@pytest.mark.rule("R26", "R27", "R28", "R31")
async def test_batches_are_answered_in_order_and_a_failed_one_skips_the_rest(answering: Bench) -> None:
    peer = await answering.controller()
    wrong = Batch((Send(b"?"), Expect(0x1F, 30 * SECOND_US)))
    batches = [ASK, ASK, wrong, ASK, ASK]
    await peer.send(BeginRun(7, Unclaimed.RESIDUE))
    await peer.send(*(BatchRequest(7, number, batch) for number, batch in enumerate(batches)), EndRun(7))
    done = Result(Outcome.DONE, arrivals=(Arrival(1, 0),))
    failed = Result(Outcome.FAILED, 1, Cause.WRONG_BYTE, ACK)
    skipped = Result(Outcome.SKIPPED)
    assert [timeless(one) for one in await results(peer, 5)] == [done, done, failed, skipped, skipped]
    await peer.send(BeginRun(8, Unclaimed.RESIDUE), BatchRequest(8, 0, ASK))
    assert (await results(peer, 1))[0].is_done


@pytest.mark.rule("R28")
async def test_a_batch_that_comes_after_the_failure_is_skipped_too(bench: Bench) -> None:
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Expect(ACK, 0),))))
    assert (await results(peer, 1))[0].outcome is Outcome.FAILED
    await peer.send(BatchRequest(1, 1, ASK))
    assert await results(peer, 1) == [Result(Outcome.SKIPPED)]


@pytest.mark.rule("R29", "R31")
async def test_an_abort_ends_the_batch_in_hand_and_skips_the_rest(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK), BatchRequest(1, 1, LONG))
    await peer.send(BatchRequest(1, 2, ASK))
    assert (await results(peer, 1))[0].is_done
    await peer.send(Abort(1), BatchRequest(1, 3, ASK))
    aborted, *skipped = await results(peer, 3)
    assert aborted.outcome in (Outcome.ABORTED, Outcome.SKIPPED)  # skipped: it had not begun yet
    assert aborted.failed_step == (0 if aborted.outcome is Outcome.ABORTED else None)
    assert skipped == [Result(Outcome.SKIPPED)] * 2
    await peer.send(BeginRun(2, Unclaimed.RESIDUE), Abort(1), BatchRequest(2, 0, ASK))
    assert (await results(peer, 1))[0].is_done


@pytest.mark.rule("R29")
async def test_an_abort_ends_a_silence_at_once(bench: Bench) -> None:
    peer = await bench.controller()
    silence = Batch((Send(b"1"), Expect(ACK, 600 * SECOND_US)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, silence))
    assert await bench.hears(1) == b"1"
    await peer.send(Abort(1))
    (aborted,) = await results(peer, 1)
    assert (aborted.outcome, aborted.failed_step, aborted.cause) == (Outcome.ABORTED, 1, None)


@pytest.mark.rule("R30")
async def test_a_new_run_aborts_the_one_before(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, LONG), BatchRequest(1, 1, ASK))
    await peer.send(BeginRun(2, Unclaimed.RESIDUE), BatchRequest(2, 0, ASK))
    outcomes = [one.outcome for one in await results(peer, 3)]
    assert outcomes in (
        [Outcome.ABORTED, Outcome.SKIPPED, Outcome.DONE],
        [Outcome.SKIPPED, Outcome.SKIPPED, Outcome.DONE],  # the first had not begun yet
    )


@pytest.mark.rule("R32", "R33", "R46")
async def test_what_no_step_consumed_is_residue_or_console_as_the_run_says(bench: Bench) -> None:
    peer = await bench.controller()
    wait = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Wait(20_000)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, wait))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79" + bytes(range(100)))
    (result,) = await results(peer, 1)
    assert (result.residue, result.residue_lost) == (bytes(range(64)), 36)
    await peer.send(BeginRun(2, Unclaimed.CONSOLE), BatchRequest(2, 0, wait))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79log")
    messages = [await peer.receive()]
    while not isinstance(messages[-1], BatchResult):
        messages.append(await peer.receive())
    assert messages[-1].result.residue == b""
    said = b"".join(one.data for one in messages if isinstance(one, Console))
    while said != b"log":
        message = await peer.receive()
        assert isinstance(message, Console)
        said += message.data


@pytest.mark.rule("R34")
async def test_what_came_before_the_run_is_console_and_no_step_sees_it(bench: Bench) -> None:
    peer = await bench.controller()
    bench.says(b"\x79")
    message = await peer.receive()
    assert isinstance(message, Console)
    assert message.data == b"\x79"
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Expect(ACK, 1000),))))
    assert (await results(peer, 1))[0].cause is Cause.SILENCE


@pytest.mark.rule("R34", "R32")
async def test_what_came_during_one_batch_is_for_no_step_of_the_next(bench: Bench) -> None:
    peer = await bench.controller()
    first = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Wait(20_000)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, first))
    await peer.send(BatchRequest(1, 1, Batch((Expect(ACK, 1000),))))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79\x79")
    one, two = await results(peer, 2)
    assert (one.residue, two.cause) == (b"\x79", Cause.SILENCE)


@pytest.mark.rule("R41", "R42")
async def test_credit_is_kept_to_and_breaking_it_ends_the_connection(bench: Bench) -> None:
    peer = await bench.controller()
    assert peer.connection.identity is not None
    credit = peer.connection.identity.credit
    length = min(credit, 65537) - 115 - 4
    frame = bytes.fromhex("1300 1100 01000000 00000000 0100 03 0600") + length.to_bytes(2, "little")
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    await peer.stream.send_all(frame + b"\xff" * 4)
    count = credit // (length + 119)
    for number in range(1, count + 1):
        await peer.stream.send_all(frame[:8] + bytes([number]) + frame[9:] + b"\xff" * 4)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R42")
async def test_a_largest_result_beyond_65537_ends_the_connection(bench: Bench) -> None:
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    receive = bytes.fromhex("03 0600 ffff ffffffff")
    await peer.stream.send_all(bytes.fromhex("1300 1100 01000000 00000000 0100") + receive)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R42", "R43", "R45")
async def test_the_largest_results_and_requests_pass_whole(bench: Bench, nursery: trio.Nursery) -> None:
    data = bytes(range(256)) * 12
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    count = 6

    async def mirror() -> None:
        for _ in range(count):
            await bench.tells(await bench.hears(len(data)))

    nursery.start_soon(mirror)
    for number in range(count):
        echo = Batch((Send(data), Receive(len(data), 30 * SECOND_US)))
        await peer.send(BatchRequest(1, number, echo))
        (result,) = await results(peer, 1)
        assert result.output(1) == data


@pytest.mark.rule("R44")
async def test_a_controller_that_reads_nothing_holds_up_no_batch(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    await peer.send(*(BatchRequest(1, number, ASK) for number in range(20)))
    while (last := (await answering.look()).last_batch) is None or last.number != 19 or last.run != 1:
        pass
    assert all(one.is_done for one in await results(peer, 20))


@pytest.mark.rule("R38")
async def test_arrivals_go_up_and_the_turnaround_is_reported(
    answering: Bench, record_property: Callable[[str, object], None]
) -> None:
    """How long a question and its answer take is no matter of right or wrong."""
    result = await answering.execute(*(Send(b"?"), Expect(ACK, 30 * SECOND_US)) * ROUNDS)
    times = [arrival.after_us for arrival in result.arrivals]
    assert [arrival.step for arrival in result.arrivals] == list(range(1, 2 * ROUNDS, 2))
    assert times == sorted(times)
    assert times[-1] <= result.ended_us - result.started_us
    rounds = sorted(later - earlier for earlier, later in pairwise(times))
    record_property("turnaround", f"a byte and its answer in {rounds[ROUNDS // 2]} us (median of {ROUNDS})")
