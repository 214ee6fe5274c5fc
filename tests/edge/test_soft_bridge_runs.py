"""Runs at the soft bridge: batches in order, aborts, failures."""

from trio.testing import MockClock

from bridge_peer import controller, new_bridge, results, serving
from scripted_port import ACK, ASK, LONG, ScriptedPort
from stmota_protocol.messages import Abort, BatchRequest, BatchResult, BeginRun, EndRun
from stmota_protocol.steps import Batch, Cause, Expect, Outcome, Receive, Result, Send, Unclaimed


async def test_batches_are_answered_in_order(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        requests = [BatchRequest(7, number, ASK) for number in range(5)]
        await peer.send(BeginRun(7, Unclaimed.RESIDUE), *requests, EndRun(7))
        for number in range(5):
            message = await peer.receive()
            assert isinstance(message, BatchResult)
            assert (message.run, message.number, message.result.outcome) == (7, number, Outcome.DONE)


async def test_an_abort_ends_the_batch_in_hand_and_skips_the_rest(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK), BatchRequest(1, 1, LONG))
        await peer.send(BatchRequest(1, 2, ASK))
        assert isinstance(await peer.receive(), BatchResult)
        await peer.send(Abort(1))
        outcomes = [message.result.outcome for message in await results(peer, 2)]
        assert outcomes == [Outcome.ABORTED, Outcome.SKIPPED]


async def test_an_abort_of_a_run_that_is_over_does_nothing(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BeginRun(2, Unclaimed.RESIDUE))
        await peer.send(Abort(1), BatchRequest(2, 0, ASK))
        assert [message.result.outcome for message in await results(peer, 1)] == [Outcome.DONE]


async def test_a_failed_batch_skips_what_is_behind_it(clock: MockClock | None) -> None:
    async with serving(new_bridge(), clock) as connect:
        peer = await controller(connect)
        failing = Batch((Expect(ACK, 1000),))
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, failing), BatchRequest(1, 1, ASK))
        first, second = await results(peer, 2)
        assert (first.result.cause, first.result.failed_step) == (Cause.SILENCE, 0)
        assert second.result == Result(Outcome.SKIPPED)


async def test_a_large_result_comes_whole(clock: MockClock | None) -> None:
    data = bytes(range(256)) * 8
    port = ScriptedPort(lambda _: [(10, data)])
    async with serving(new_bridge(port), clock) as connect:
        peer = await controller(connect)
        await peer.send(BeginRun(1, Unclaimed.RESIDUE))
        await peer.send(BatchRequest(1, 0, Batch((Send(b"?"), Receive(len(data), 1_000_000)))))
        (result,) = await results(peer, 1)
        assert result.result.output(1) == data
