"""BRIDGE_PROTOCOL.md, section 1, over the wire: preambles, frames, one controller, keep-alive."""

from contextlib import AbstractContextManager
from typing import Protocol

import pytest
import trio

from bridge_bench import ASK, LONG, Bench, bench_of, event, results, works
from bridge_process import Running
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Greeting,
    LastBatch,
    Ping,
    Pong,
    Welcome,
)
from stmota_protocol.steps import Outcome, Unclaimed
from stmota_protocol.wire import KNOWN_STEPS, encode_message

PREAMBLE = b"STMOTA\x01\x01"
MOST_WAITING = 4


class StartBridge(Protocol):
    def __call__(self, kind: str) -> AbstractContextManager[Running]: ...


@pytest.mark.rule("R1", "R2", "R12")
async def test_it_greets_whoever_connects_at_once_and_names_who_holds_it(bench: Bench) -> None:
    silent = await bench.peer()
    assert bytes(await silent.stream.receive_some(8)) == PREAMBLE
    identity = (await bench.look()).identity
    assert identity.supported_steps == KNOWN_STEPS
    assert identity.credit >= identity.max_batch >= 4096
    await bench.controller()
    again = await bench.look()
    assert (again.holder, again.identity) == ("tester", identity)


@pytest.mark.rule("R12")
async def test_a_holder_without_a_name_is_told_as_a_question_mark(bench: Bench) -> None:
    peer = await bench.peer()
    greeting = await peer.greeting()
    hello = bytes([0x1A, 0, 2, 0]) + bench.controller_id + b"\0" + greeting.console_next.to_bytes(8, "little")
    await peer.stream.send_all(hello + b"\0")
    while (found := await bench.look()).holder == "":
        pass
    assert found.holder == "?"


@pytest.mark.rule("R11", "R23")
async def test_an_end_in_the_middle_of_a_message_frees_the_bridge(bench: Bench) -> None:
    peer = await bench.controller()
    await peer.stream.send_all(encode_message(Ping(1))[:5])
    await peer.stream.aclose()
    while (await bench.look()).holder:
        pass
    await bench.controller(bench.other_id)


@pytest.mark.rule("R13")
async def test_a_fifth_stranger_is_sent_away(bench: Bench) -> None:
    holder = await bench.controller()
    strangers = [await bench.peer() for _ in range(MOST_WAITING)]
    for stranger in strangers:
        await stranger.greeting()
    assert (await (await bench.peer()).closing()).reason is CloseReason.TOO_MANY
    assert isinstance(await bench.hello(strangers[0], bench.other_id), Busy)
    assert await works(holder)


@pytest.mark.rule("R14", "R15", "R16", "R17")
async def test_one_controller_replacement_busy_and_take_over(answering: Bench) -> None:
    old = await answering.controller()
    new = await answering.controller()
    assert (await old.closing()).reason is CloseReason.REPLACED
    other = await answering.peer()
    busy = await answering.hello(other, answering.other_id)
    assert isinstance(busy, Busy)
    assert (busy.holder_name, busy.holder_id) == ("tester", answering.controller_id)
    assert isinstance(await answering.hello(other, answering.other_id, take_over=True), Welcome)
    assert await new.closing() == Closing(CloseReason.TAKEN_OVER, "tester")
    await other.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
    assert (await results(other, 1))[0].is_done


@pytest.mark.rule("R18", "R19", "R25")
async def test_a_result_that_was_lost_comes_again_for_its_own_controller_only(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(3, Unclaimed.RESIDUE), BatchRequest(3, 0, ASK), BatchRequest(3, 1, LONG))
    lost = await peer.receive()
    assert isinstance(lost, BatchResult)
    await trio.aclose_forcefully(peer.stream)
    peer = await answering.peer()
    assert (await peer.greeting()).last_batch == LastBatch(3, 0, Outcome.DONE)
    assert await answering.hello(peer) == Welcome(lost)
    other = await answering.peer()
    assert await answering.hello(other, answering.other_id, take_over=True) == Welcome(None)


@pytest.mark.rule("R25")
async def test_a_run_is_above_that_of_the_welcomed_last_result(bench: Bench) -> None:
    assert await works(await bench.controller(), 5)
    peer = await bench.controller()
    await peer.stream.send_all(encode_message(BeginRun(5, Unclaimed.RESIDUE)))
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R21")
async def test_a_ping_is_answered_with_the_bridges_clock(bench: Bench) -> None:
    peer = await bench.controller()
    greeting = peer.connection.greeting
    assert greeting is not None
    await peer.send(Ping(42))
    pong = await event(peer)
    assert isinstance(pong, Pong)
    assert pong.token == 42
    assert pong.now_us > greeting.now_us


@pytest.mark.rule("R31")
async def test_an_abort_of_a_run_that_is_over_does_nothing(bench: Bench) -> None:
    peer = await bench.controller()
    assert await works(peer, 1)
    assert await works(peer, 2)
    await peer.send(Abort(1), Abort(2), Ping(7))
    assert isinstance(await event(peer), Pong)
    assert await works(peer, 3)


@pytest.mark.rule("R56")
async def test_a_look_is_not_noticed_by_whoever_holds_it(bench: Bench) -> None:
    holder = await bench.controller()
    for _ in range(10):
        assert (await bench.look()).holder == "tester"
    await holder.send(Ping(1))
    assert isinstance(await event(holder), Pong)


@pytest.mark.rule("R52")
@pytest.mark.parametrize("kind", ["c", "python"])
async def test_a_boot_id_is_new_at_each_start_and_the_unique_id_stays(
    kind: str, start_bridge: StartBridge, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--bridge"):
        pytest.skip("a real bridge is not restarted by this suite")
    greetings: list[Greeting] = []
    for _ in range(2):
        with start_bridge(kind) as running:
            async with bench_of(running) as bench:
                greetings.append(await bench.look())
    first, second = (greeting.identity for greeting in greetings)
    assert first.boot_id != second.boot_id
    assert (greetings[0].console_next, greetings[0].last_batch) == (0, None)
