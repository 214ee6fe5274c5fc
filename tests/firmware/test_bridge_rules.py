"""The rules of BRIDGE_PROTOCOL.md over the wire: one suite for the C program and the Python bridge.

The target is the far end of a pty: it answers every `?` with an ACK, and says what a test tells it to.
"""

import os
import pty
import subprocess
import sys
import tty
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from bridge_peer import CONTROLLER_ID, OTHER_ID, Peer
from stmota_protocol.connection import NEED_DATA
from stmota_protocol.limits import DEAD_PEER_S, HELLO_WITHIN_S, KEEP_ALIVE_S
from stmota_protocol.messages import (
    Abort,
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Closing,
    Console,
    ConsoleAck,
    ConsoleGap,
    EndRun,
    LastBatch,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    Expect,
    Line,
    OnSilence,
    Outcome,
    Output,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Unclaimed,
    UnknownStep,
    Wait,
)
from stmota_protocol.wire import KNOWN_STEPS

FIRMWARE = Path(__file__).parents[2] / "bridge_firmware"
PYTHON_BRIDGE = "import typer; from stmota_edge.cli import serve; typer.run(serve)"
WITHIN_S = 60.0
ACK = 0x79
SECOND_US = 1_000_000
LONG_US = 600 * SECOND_US
ASK = Batch((Send(b"?"), Expect(ACK, 30 * SECOND_US)))
LONG = Batch((Wait(LONG_US),))


@dataclass
class Bench:
    """A bridge that runs, and the target at its UART."""

    far: int
    host: str
    port: int
    streams: list[trio.SocketStream] = field(default_factory=list[trio.SocketStream])

    async def peer(self) -> Peer:
        self.streams.append(await trio.open_tcp_stream(self.host, self.port))
        return Peer(self.streams[-1])

    async def controller(self, controller_id: bytes = CONTROLLER_ID) -> Peer:
        peer = await self.peer()
        assert isinstance(await peer.hello(controller_id), Welcome)
        return peer

    def says(self, data: bytes) -> None:
        """The target sends."""
        assert os.write(self.far, data) == len(data)

    async def hears(self, length: int) -> bytes:
        heard = b""
        while len(heard) < length:
            await trio.lowlevel.wait_readable(self.far)
            heard += os.read(self.far, length - len(heard))
        return heard

    async def answers(self) -> None:
        """Say ACK to every question, for ever."""
        while True:
            for _ in range((await self.hears(1)).count(b"?")):
                self.says(b"\x79")


@pytest.fixture
def far_end() -> Generator[tuple[int, str], None, None]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


@pytest.fixture(params=["c", "python"])
def command(request: pytest.FixtureRequest, build: Callable[..., Path]) -> list[str]:
    if request.param == "c":
        return [str(build("stmota-bridge", *sorted((FIRMWARE / "host").glob("*.c"))))]
    return [sys.executable, "-c", PYTHON_BRIDGE, "--no-mdns"]


only_c = pytest.mark.parametrize("command", ["c"], indirect=True)
"""Where tests/edge shows the same of the Python bridge on a virtual clock: its start takes half a second."""


@asynccontextmanager
async def running(command: list[str], far_end: tuple[int, str]) -> AsyncGenerator[Bench, None]:
    """Run a bridge; at the end it has to stop in order, and to have said nothing."""
    far, path = far_end
    options = ["--name", "lab", "--port", path, "--listen", "127.0.0.1:0", "--reset", "rts"]
    with trio.fail_after(WITHIN_S):
        process = await trio.lowlevel.open_process(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr:
            try:
                line = b""
                while not line.endswith(b"\n"):
                    line += await process.stdout.receive_some(1)
                host, _, port = line.decode().split()[3].rpartition(":")
                bench = Bench(far, host, int(port))
                yield bench
                for stream in bench.streams:
                    await trio.aclose_forcefully(stream)
                process.terminate()
                said = b"".join([bytes(chunk) async for chunk in process.stderr])
                assert (await process.wait(), said.decode()) == (0, "")
            finally:
                if process.returncode is None:
                    process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


@pytest.fixture
async def bench(command: list[str], far_end: tuple[int, str]) -> AsyncGenerator[Bench, None]:
    async with running(command, far_end) as found:
        yield found


@pytest.fixture
async def answering(bench: Bench, nursery: trio.Nursery) -> Bench:
    nursery.start_soon(bench.answers)
    return bench


async def results(peer: Peer, count: int) -> list[Result]:
    messages = [await peer.receive() for _ in range(count)]
    return [message.result for message in messages if isinstance(message, BatchResult)]


async def execute(bench: Bench, *steps: Step, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Result:
    peer = await bench.controller()
    await peer.send(BeginRun(1, unclaimed), BatchRequest(1, 0, Batch(steps)))
    (result,) = await results(peer, 1)
    await peer.stream.aclose()
    return result


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


async def test_it_greets_whoever_connects_and_names_who_holds_it(bench: Bench) -> None:
    greeting = await (await bench.peer()).greeting()
    identity = greeting.identity
    assert (identity.name, identity.lines, identity.supported_steps) == ("lab", Line.NRST, KNOWN_STEPS)
    assert (greeting.console_oldest, greeting.console_next, greeting.last_batch) == (0, 0, None)
    assert greeting.holder == ""
    await bench.controller()
    again = await (await bench.peer()).greeting()
    assert (again.holder, again.identity) == ("tester", identity)


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


async def test_an_abort_ends_the_batch_in_hand_and_skips_the_rest(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK), BatchRequest(1, 1, LONG))
    await peer.send(BatchRequest(1, 2, ASK))
    assert (await results(peer, 1))[0].is_done
    await peer.send(Abort(1), BatchRequest(1, 3, ASK))
    aborted, *skipped = await results(peer, 3)
    assert (aborted.outcome, aborted.failed_step) == (Outcome.ABORTED, 0)
    assert skipped == [Result(Outcome.SKIPPED)] * 2
    await peer.send(BeginRun(2, Unclaimed.RESIDUE), Abort(1), BatchRequest(2, 0, ASK))
    assert (await results(peer, 1))[0].is_done


async def test_a_new_run_aborts_the_one_before(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, LONG), BatchRequest(1, 1, ASK))
    await peer.send(BeginRun(2, Unclaimed.RESIDUE), BatchRequest(2, 0, ASK))
    outcomes = [one.outcome for one in await results(peer, 3)]
    assert outcomes in (
        [Outcome.ABORTED, Outcome.SKIPPED, Outcome.DONE],
        [Outcome.SKIPPED, Outcome.SKIPPED, Outcome.DONE],  # the first had not begun yet
    )


async def test_one_controller_replacement_busy_and_take_over(answering: Bench) -> None:
    old = await answering.controller()
    new = await answering.controller()
    assert (await old.closing()).reason is CloseReason.REPLACED
    other = await answering.peer()
    busy = await other.hello(OTHER_ID)
    assert isinstance(busy, Busy)
    assert (busy.holder_name, busy.holder_id) == ("tester", CONTROLLER_ID)
    assert isinstance(await other.hello(OTHER_ID, take_over=True), Welcome)
    assert await new.closing() == Closing(CloseReason.TAKEN_OVER, "tester")
    await other.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
    assert (await results(other, 1))[0].is_done


async def test_a_result_that_was_lost_comes_again_for_its_own_controller_only(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(BeginRun(3, Unclaimed.RESIDUE), BatchRequest(3, 0, ASK), BatchRequest(3, 1, LONG))
    lost = await peer.receive()
    assert isinstance(lost, BatchResult)
    await trio.aclose_forcefully(peer.stream)
    peer = await answering.peer()
    assert (await peer.greeting()).last_batch == LastBatch(3, 0, Outcome.DONE)
    assert await peer.hello() == Welcome(lost)
    assert await (await answering.peer()).hello(OTHER_ID, take_over=True) == Welcome(None)


async def test_the_batch_of_a_controller_that_is_gone_runs_to_its_end(bench: Bench) -> None:
    peer = await bench.controller()
    batch = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Send(b"2")))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, batch))
    await peer.send(BatchRequest(1, 1, Batch((Send(b"3"),))))
    assert await bench.hears(1) == b"1"
    await trio.aclose_forcefully(peer.stream)
    watcher = await bench.controller(OTHER_ID)
    bench.says(b"\x79")
    assert await bench.hears(1) == b"2"
    await watcher.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Send(b"4"),))))
    assert (await results(watcher, 1))[0].is_done
    assert await bench.hears(1) == b"4"


async def test_console_comes_once_in_order_and_from_where_it_is_wanted(bench: Bench) -> None:
    peer = await bench.controller()
    bench.says(b"first")
    data = b""
    while len(data) < 5:
        message = await peer.receive()
        assert isinstance(message, Console)
        assert message.position == len(data)
        data += message.data
    assert data == b"first"
    await peer.send(ConsoleAck(3))
    await trio.aclose_forcefully(peer.stream)
    peer = await bench.peer()
    assert (await peer.greeting()).console_next == 5
    assert isinstance(await peer.hello(console_from=3), Welcome)
    message = await peer.receive()
    assert isinstance(message, Console)
    assert (message.position, message.data) == (3, b"st")


async def test_console_that_did_not_fit_is_a_gap_and_the_window_waits_for_an_ack(bench: Bench) -> None:
    onlooker = await bench.peer()
    ring = (await onlooker.greeting()).identity.console_ring
    total = ring + 3000
    sent = 0
    while sent < total:
        await trio.lowlevel.wait_writable(bench.far)
        sent += os.write(bench.far, bytes(min(1000, total - sent)))
    next_position = 0
    while next_position < total:
        onlooker = await bench.peer()
        next_position = (await onlooker.greeting()).console_next
        await onlooker.stream.aclose()
    peer = await bench.controller()
    gap = await peer.receive()
    assert isinstance(gap, ConsoleGap)
    assert gap.position == 0
    assert gap.length >= 3000
    position = gap.length
    while position < total:
        message = await peer.receive()
        assert isinstance(message, Console)
        assert message.position == position
        position += len(message.data)
        await peer.send(ConsoleAck(position))


async def test_what_no_step_consumed_is_residue_or_console_as_the_run_says(bench: Bench) -> None:
    peer = await bench.controller()
    wait = Batch((Send(b"1"), Expect(ACK, 30 * SECOND_US), Wait(50_000)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, wait))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79" + bytes(range(100)))
    (result,) = await results(peer, 1)
    assert (result.residue, result.residue_lost) == (bytes(range(64)), 36)
    await peer.send(BeginRun(2, Unclaimed.CONSOLE), BatchRequest(2, 0, wait))
    assert await bench.hears(1) == b"1"
    bench.says(b"\x79log")
    messages = [await peer.receive(), await peer.receive()]
    assert [one.data for one in messages if isinstance(one, Console)] == [b"log"]
    assert [one.result.residue for one in messages if isinstance(one, BatchResult)] == [b""]


DONE = Outcome.DONE
CASES: dict[str, tuple[tuple[Step, ...], bytes, Result]] = {
    "a batch without steps is done": ((), b"", Result(DONE)),
    "a skippable byte is passed over": (
        (Send(b"!"), Expect(ACK, 30 * SECOND_US, skip=b"\0\1")),
        b"\0\1\x79",
        Result(DONE, arrivals=(Arrival(1, 0),)),
    ),
    "silence fails": ((Send(b"!"), Expect(ACK, 1000)), b"", Result(Outcome.FAILED, 1, Cause.SILENCE)),
    "silence may go on": (
        (Send(b"!"), Expect(ACK, 1000, on_silence=OnSilence.GO_ON), Wait(1)),
        b"",
        Result(DONE),
    ),
    "silence may repeat, and then fails": (
        (Send(b"!"), Wait(1), Expect(ACK, 1, on_silence=OnSilence.REPEAT, repeat_back=1, repeat_times=3)),
        b"",
        Result(Outcome.FAILED, 2, Cause.SILENCE),
    ),
    "exactly its bytes": (
        (Send(b"!"), Receive(3, 30 * SECOND_US), Receive(1, 30 * SECOND_US)),
        b"ABCDE",
        Result(DONE, outputs=(Output(1, b"ABC"), Output(2, b"D")), residue=b"E"),
    ),
    "receive that is cut short gives what came": (
        (Send(b"!"), Receive(3, 300_000)),
        b"AB",
        Result(Outcome.FAILED, 1, Cause.SILENCE, outputs=(Output(1, b"AB"),)),
    ),
    "a count of two bytes is big-endian": (
        (Send(b"!"), ReceiveCounted(2, 1, 100, 30 * SECOND_US)),
        b"\0\2abc",
        Result(DONE, outputs=(Output(1, b"\0\2abc"),)),
    ),
    "a count beyond the cap": (
        (Send(b"!"), ReceiveCounted(1, 1, 4, 30 * SECOND_US)),
        b"\3",
        Result(Outcome.FAILED, 1, Cause.CAP, 3, outputs=(Output(1, b"\3"),)),
    ),
    "a cap below the count's bytes": (
        (ReceiveCounted(2, 0, 1, 0),),
        b"",
        Result(Outcome.FAILED, 0, Cause.CAP, outputs=(Output(0, b""),)),
    ),
    "until quiet": (
        (Send(b"!"), ReceiveUntilQuiet(300_000, 10, 30 * SECOND_US)),
        b"AB",
        Result(DONE, outputs=(Output(1, b"AB"),)),
    ),
    "until its cap": (
        (Send(b"!"), ReceiveUntilQuiet(30 * SECOND_US, 2, 30 * SECOND_US), Expect(0x43, 0)),
        b"ABC",
        Result(DONE, outputs=(Output(1, b"AB"),), arrivals=(Arrival(2, 0),)),
    ),
    "discard of nothing": ((Discard(1000, 5000),), b"", Result(DONE, outputs=(Output(0, bytes(4)),))),
    "discard counts": (
        (Send(b"!"), Discard(300_000, 30 * SECOND_US)),
        b"ABC",
        Result(DONE, outputs=(Output(1, b"\3\0\0\0"),)),
    ),
    "sense without lines that can be read": ((Sense(),), b"", Result(DONE, outputs=(Output(0, b"\0\0"),))),
    "a line that is not there": (
        (Wait(1), SetLines.of(boot0=True)),
        b"",
        Result(Outcome.FAILED, 1, Cause.UNSUPPORTED),
    ),
    "a UART setting that it lacks": (
        (Configure(UartSettings(data_bits=12)),),
        b"",
        Result(Outcome.FAILED, 0, Cause.UNSUPPORTED),
    ),
    "a step that is not understood stops the batch before it begins": (
        (SetLines.of(boot0=True), UnknownStep(0xEE, b"abc")),
        b"",
        Result(Outcome.FAILED, 1, Cause.UNSUPPORTED),
    ),
    "an echo is swallowed exactly": (
        (Configure(UartSettings(echo=True)), Send(b"!"), Expect(ACK, 30 * SECOND_US)),
        b"!\x79",
        Result(DONE, arrivals=(Arrival(2, 0),)),
    ),
    "an echo that differs": (
        (Configure(UartSettings(echo=True)), Send(b"!")),
        b"X",
        Result(Outcome.FAILED, 1, Cause.ECHO, ord("X")),
    ),
    "an echo that does not come": (
        (Configure(UartSettings(echo=True)), Send(b"!")),
        b"",
        Result(Outcome.FAILED, 1, Cause.ECHO),
    ),
}
"""Steps, what the target says when it hears `!`, and what becomes of them."""


@only_c
@pytest.mark.parametrize("name", CASES)
async def test_a_step_does_what_it_says(name: str, bench: Bench, nursery: trio.Nursery) -> None:
    steps, reply, expected = CASES[name]

    async def reply_once() -> None:
        while await bench.hears(1) != b"!":
            pass
        bench.says(reply)

    nursery.start_soon(reply_once)
    assert timeless(await execute(bench, *steps)) == expected


@only_c
async def test_a_wait_takes_its_time_by_the_bridges_clock(bench: Bench) -> None:
    result = await execute(bench, Wait(30_000), Wait(20_000))
    assert result.ended_us - result.started_us >= 50_000


@only_c
async def test_a_step_that_runs_again_replaces_its_output_and_its_arrival(bench: Bench) -> None:
    steps = (
        Send(b"?"),
        Expect(1, 30 * SECOND_US),
        Receive(1, 30 * SECOND_US),
        Expect(ACK, 1000, on_silence=OnSilence.REPEAT, repeat_back=3, repeat_times=5),
    )
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch(steps)))
    for reply in (b"\x01A", b"\x01B\x79"):
        assert await bench.hears(1) == b"?"
        bench.says(reply)
    (result,) = await results(peer, 1)
    arrivals = (Arrival(1, 0), Arrival(3, 0))
    assert timeless(result) == Result(DONE, outputs=(Output(2, b"B"),), arrivals=arrivals)


@only_c
async def test_an_unknown_message_is_answered_and_ignored(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(Unknown(0xF0, b"what"), Unknown(0x13, b"x", 1), BeginRun(1, Unclaimed.RESIDUE))
    await peer.send(BatchRequest(1, 0, ASK))
    assert [await peer.receive(), await peer.receive()] == [Unsupported(0xF0), Unsupported(0x13, 1)]
    assert isinstance(await peer.receive(), BatchResult)


@only_c
@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 20,
        b"\x16\x03\x01" + bytes(50),
        bytes(2000),
        b"STMOTA\x01\x00\xff\xff\x00\x00",
    ],
)
async def test_garbage_ends_its_connection_and_disturbs_nobody(garbage: bytes, answering: Bench) -> None:
    holder = await answering.controller()
    stranger = await answering.peer()
    await stranger.stream.send_all(garbage)
    assert (await stranger.closing()).reason is CloseReason.PROTOCOL_ERROR
    await holder.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, ASK))
    assert (await results(holder, 1))[0].is_done


async def test_another_major_version_is_refused(bench: Bench) -> None:
    stranger = await bench.peer()
    await stranger.stream.send_all(b"STMOTA\x02\x00")
    assert (await stranger.closing()).reason in (CloseReason.VERSION, CloseReason.PROTOCOL_ERROR)


@only_c
@pytest.mark.parametrize(
    "broken",
    [
        bytes.fromhex("0400130005000000"),  # Abort of a run that was not begun (R31)
        bytes.fromhex("0400140005000000"),  # EndRun of one
        bytes.fromhex("0a001100010000000000000000 00"),  # a batch outside of a run (R26)
        bytes.fromhex("08002200ffffffff00000000"),  # ConsoleAck of what was not sent (R50)
        bytes.fromhex("0500100001000000 02"),  # an unclaimed that there is not (R8)
        bytes.fromhex("ffff0000"),  # longer than any (R6)
        bytes.fromhex("1e000200") + bytes(30),  # a second Hello (R8)
    ],
)
async def test_a_controller_that_breaks_the_rules_loses_its_place(broken: bytes, bench: Bench) -> None:
    peer = await bench.controller()
    await peer.stream.send_all(broken)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR
    await bench.controller(OTHER_ID)


async def test_credit_is_kept_to_and_breaking_it_ends_the_connection(bench: Bench) -> None:
    peer = await bench.controller()
    assert peer.connection.identity is not None
    charge = 115 + 4 + 60000
    batch = bytes.fromhex("1300 1100 01000000 00000000 0100 03 0600 60ea ffffffff")
    assert charge <= peer.connection.identity.credit < 2 * charge
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    second = batch[:8] + b"\x01" + batch[9:]
    await peer.stream.send_all(batch + second)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


async def test_a_fifth_stranger_is_sent_away(bench: Bench) -> None:
    holder = await bench.controller()
    strangers = [await bench.peer() for _ in range(4)]
    for stranger in strangers:
        await stranger.greeting()
    assert (await (await bench.peer()).closing()).reason is CloseReason.TOO_MANY
    assert isinstance(await strangers[0].hello(OTHER_ID), Busy)
    await holder.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch(())))
    assert (await results(holder, 1))[0].is_done


@only_c
async def test_slow_and_dead_peers_are_closed_and_the_bridge_gives_signs_of_life(bench: Bench) -> None:
    began_s = trio.current_time()
    times: dict[str, float] = {}

    async def say_no_hello() -> None:
        assert (await (await bench.peer()).closing()).reason is CloseReason.TOO_SLOW
        times["hello"] = trio.current_time() - began_s

    async def be_dead() -> None:
        peer = await bench.controller()
        pings = 0
        while (event := peer.connection.next_event()) is NEED_DATA or isinstance(event, Ping):
            pings += isinstance(event, Ping)
            if event is NEED_DATA:
                peer.connection.receive_data(bytes(await peer.stream.receive_some(1000)))
        assert isinstance(event, Closing)
        assert event.reason is CloseReason.TOO_SLOW
        assert pings >= DEAD_PEER_S // KEEP_ALIVE_S - 1
        times["dead"] = trio.current_time() - began_s

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say_no_hello)
        nursery.start_soon(be_dead)
    assert times["hello"] >= HELLO_WITHIN_S
    assert times["dead"] >= DEAD_PEER_S


@only_c
async def test_a_ping_is_answered_with_the_bridges_clock(bench: Bench) -> None:
    peer = await bench.controller()
    greeting = peer.connection.greeting
    assert greeting is not None
    await peer.send(Ping(42))
    while (event := peer.connection.next_event()) is NEED_DATA:
        peer.connection.receive_data(bytes(await peer.stream.receive_some(100)))
    assert isinstance(event, Pong)
    assert event.token == 42
    assert event.now_us > greeting.now_us


@only_c
async def test_the_largest_results_and_requests_pass_whole(bench: Bench, nursery: trio.Nursery) -> None:
    data = bytes(range(256)) * 12
    peer = await bench.controller()
    await peer.send(BeginRun(1, Unclaimed.RESIDUE))
    count = 6
    for number in range(count):
        await peer.send(BatchRequest(1, number, Batch((Send(data), Receive(len(data), 30 * SECOND_US)))))

    async def mirror() -> None:
        for _ in range(count):
            heard = await bench.hears(len(data))
            while heard:
                await trio.lowlevel.wait_writable(bench.far)
                heard = heard[os.write(bench.far, heard[:1000]) :]

    nursery.start_soon(mirror)
    for result in await results(peer, count):
        assert result.output(1) == data
