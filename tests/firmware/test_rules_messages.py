"""BRIDGE_PROTOCOL.md, section 1, over the wire: preambles, frames, what ends a connection, what does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_bench import ASK, LONG, Bench, event, results, works
from stmota_protocol.connection_states import Role, State, next_state
from stmota_protocol.frames import take_frame
from stmota_protocol.limits import MAX_FRAME, MAX_SMALL_FRAME
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Closing,
    Greeting,
    Hello,
    Ping,
    Pong,
    Unknown,
    Unsupported,
    Welcome,
)
from stmota_protocol.steps import Batch, Cause, Outcome, Send, Unclaimed, UnknownStep
from stmota_protocol.wire import decode_message, encode_message

PREAMBLE = b"STMOTA\x01\x01"
VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
SECURE_RANGE = range(0x60, 0x70)
STEP_AT = 14
"""Where a BatchRequest's first step stands."""
STEP_HEADER = 3
LEAST_CHARGE = 115
"""The largest result of a batch whose steps return nothing (R41)."""


def request(number: int, batch: Batch) -> bytes:
    """A batch of run 1, which no books are kept of."""
    return encode_message(BatchRequest(1, number, batch))


def lengthened(frame: bytes, surplus: bytes) -> bytes:
    """The frame with more behind its last field."""
    length = int.from_bytes(frame[:2], "little") + len(surplus)
    return length.to_bytes(2, "little") + frame[2:] + surplus


@pytest.mark.rule("R4", "R57")
@pytest.mark.parametrize("minor", [0, 0x63])
async def test_another_minor_version_makes_no_difference(minor: int, bench: Bench) -> None:
    peer = await bench.peer()
    sent = peer.connection.preamble()
    await peer.stream.send_all(sent[:7] + bytes([minor]))
    assert isinstance(await peer.receive(), Greeting)
    assert isinstance(await bench.hello(peer), Welcome)


@pytest.mark.rule("R5")
async def test_what_follows_the_last_field_is_ignored(bench: Bench) -> None:
    peer = await bench.controller()
    await peer.stream.send_all(lengthened(encode_message(BeginRun(1, Unclaimed.RESIDUE)), b"more"))
    peer.connection.send(BeginRun(1, Unclaimed.RESIDUE))
    await peer.send(BatchRequest(1, 0, Batch(())))
    assert (await results(peer, 1))[0].is_done


@pytest.mark.rule("R5", "R41", "R42")
async def test_credit_is_filled_to_the_last_byte_and_what_is_ignored_takes_nothing_of_it(
    bench: Bench,
) -> None:
    """Behind a batch that takes its time, nothing is freed."""
    peer = await bench.controller()
    assert peer.connection.identity is not None
    await peer.stream.send_all(encode_message(BeginRun(1, Unclaimed.RESIDUE)) + request(0, LONG))
    left = peer.connection.identity.credit - LEAST_CHARGE
    number = 0
    while left:
        number += 1
        charge = left if left <= 1000 else min(1000, left - LEAST_CHARGE)
        left -= charge
        frame = request(number, Batch((UnknownStep(0xEE, bytes(charge - STEP_AT - STEP_HEADER)),)))
        await peer.stream.send_all(lengthened(frame, b"ignored"))
    await peer.stream.send_all(encode_message(Ping(1)))
    assert isinstance(await event(peer), Pong)
    await peer.stream.send_all(request(number + 1, Batch(())))
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R6")
async def test_frames_of_the_largest_size_pass_and_one_byte_more_is_announced_in_vain(bench: Bench) -> None:
    peer = await bench.peer()
    greeting = await peer.greeting()
    peer.connection.send(hello := Hello(bench.controller_id, "tester", False, greeting.console_next))
    frame = encode_message(hello)
    await peer.stream.send_all(lengthened(frame, bytes(MAX_SMALL_FRAME - len(frame))))
    assert isinstance(await peer.receive(), Welcome)
    largest = max(MAX_SMALL_FRAME, greeting.identity.max_batch)
    step = UnknownStep(0xEE, bytes(greeting.identity.max_batch - STEP_AT - STEP_HEADER))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((step,))))
    (result,) = await results(peer, 1)
    assert (result.outcome, result.failed_step, result.cause) == (Outcome.FAILED, 0, Cause.UNSUPPORTED)
    await peer.stream.send_all((largest + 1 - 4).to_bytes(2, "little") + b"\x11\0")
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R7")
async def test_a_strange_port_is_refused_where_it_means_something_and_else_ignored(bench: Bench) -> None:
    peer = await bench.peer()
    await peer.greeting()
    await peer.send(Unknown(0xF0, b"before hello"))
    assert await peer.receive() == Unsupported(0xF0)
    assert isinstance(await bench.hello(peer), Welcome)
    for message_type in (0x10, 0x11, 0x14, 0x22, 0x40):  # whatever their payload: it is not judged
        await peer.stream.send_all(bytes([0, 0, message_type, 1]))
        assert await peer.receive() == Unsupported(message_type, 1)
    await peer.stream.send_all(bytes.fromhex("0400 05 07 2a000000"))
    assert isinstance(pong := await event(peer), Pong), pong
    assert (pong.token, pong.port) == (42, 0)


@pytest.mark.rule("R7")
async def test_an_unknown_message_is_answered_and_ignored(answering: Bench) -> None:
    peer = await answering.controller()
    await peer.send(Unknown(0xF0, b"what"), Unknown(0x13, b"x", 1), BeginRun(1, Unclaimed.RESIDUE))
    await peer.send(BatchRequest(1, 0, ASK))
    assert [await peer.receive(), await peer.receive()] == [Unsupported(0xF0), Unsupported(0x13, 1)]
    assert isinstance(await peer.receive(), BatchResult)


@pytest.mark.rule("R7")
async def test_unsupported_itself_is_never_answered(bench: Bench) -> None:
    peer = await bench.controller()
    await peer.send(Unsupported(0x05), Ping(1))
    assert isinstance(pong := await event(peer), Pong), pong


@pytest.mark.rule("R53")
async def test_what_is_not_defined_of_settings_and_update_is_unknown(bench: Bench) -> None:
    """Whatever comes of those ranges, this is no message of today's."""
    peer = await bench.controller()
    await peer.send(Unknown(0x4F, b""), Unknown(0x5F, b""))
    assert [await peer.receive(), await peer.receive()] == [Unsupported(0x4F), Unsupported(0x5F)]


def frames(name: str) -> Iterator[bytes]:
    """The frames of a file of vectors."""
    for line in (VECTORS / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield bytes.fromhex(line.split("|")[1])


def forbidden(state: State) -> list[bytes]:
    """Frames of every message that a controller may not say in this state."""
    found: list[bytes] = []
    for data in frames("messages.txt"):
        frame = take_frame(bytearray(data), MAX_FRAME)
        assert frame is not None
        message = decode_message(frame)
        is_secure = frame.message_type in SECURE_RANGE  # a bridge without secure mode knows none (R68)
        if not is_secure and next_state(state, Role.CONTROLLER, type(message)) is None:
            found.append(data)
    return found


@pytest.mark.rule("R8")
@pytest.mark.parametrize("state", [State.AWAIT_HELLO, State.READY])
async def test_what_the_state_forbids_or_is_malformed_ends_the_connection(state: State, bench: Bench) -> None:
    wrong = [*forbidden(state), *frames("malformed.txt")]
    assert len(wrong) > 100
    for data in wrong:
        if state is State.READY:
            peer = await bench.controller()
        else:
            peer = await bench.peer()
            await peer.greeting()
        await peer.stream.send_all(data)
        closing = await peer.closing()
        assert closing.reason is CloseReason.PROTOCOL_ERROR, data.hex()
        assert closing.text


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    ("start", "seen"),
    [
        (b"GET / HTTP/1.1\r\n", "an HTTP request"),
        (b"\x16\x03\x01\x02\0\x01\0\1\xfc", "TLS"),
        (b"what is this", "text, 'what is '"),
        (bytes(8), "bytes 00 00 00 00 00 00 00 00"),
    ],
)
async def test_whoever_speaks_something_else_is_told_what_it_looks_like(
    start: bytes, seen: str, bench: Bench
) -> None:
    stranger = await bench.peer()
    await stranger.stream.send_all(start)
    text = f"this is no stmota bridge protocol: it looks like {seen}"
    assert await stranger.closing() == Closing(CloseReason.PROTOCOL_ERROR, text)


@pytest.mark.rule("R3", "R6", "R8")
@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 20,
        b"\x16\x03\x01" + bytes(50),
        bytes(2000),
        PREAMBLE + b"\xff\xff\x00\x00",
        PREAMBLE + b"\x01\x04\x02\x00",  # a Hello of 1029 bytes with its header
        PREAMBLE + b"\x05\x00\x10\x00\x01\x00\x00\x00\x00",  # BeginRun before Hello
        PREAMBLE + b"\x1a\x00\x02\x00" + bytes(25) + b"\x01",  # a name that is longer than the message
    ],
)
async def test_garbage_ends_its_connection_and_disturbs_nobody(garbage: bytes, bench: Bench) -> None:
    holder = await bench.controller()
    stranger = await bench.peer()
    await stranger.stream.send_all(garbage)
    assert (await stranger.closing()).reason is CloseReason.PROTOCOL_ERROR
    assert await works(holder)


@pytest.mark.rule("R3")
async def test_another_major_version_is_refused(bench: Bench) -> None:
    """Nothing behind it is read: not even what would be a controller."""
    stranger = await bench.peer()
    hello = encode_message(Hello(bench.controller_id, "later", False, 0))
    await stranger.stream.send_all(b"STMOTA\x02\x00" + hello)
    text = "the peer speaks version 2.0 of the bridge protocol, this side 1.1: update this side"
    assert await stranger.closing() == Closing(CloseReason.VERSION, text)
    assert (await bench.look()).holder == ""


EMPTY_BATCH = "0a00 1100 01000000 00000000 0000"


@pytest.mark.rule("R8", "R25", "R26", "R31", "R50")
@pytest.mark.parametrize(
    "broken",
    [
        bytes.fromhex("0400130005000000"),  # Abort of a run that was not begun (R31)
        bytes.fromhex("0400140005000000"),  # EndRun of one
        bytes.fromhex("0a001100010000000000000000 00"),  # a batch outside of a run (R26)
        bytes.fromhex("0500100001000000 01 0500100001000000 01"),  # the same run again (R25)
        bytes.fromhex("0500100001000000 01 0a001100010000000100000000 00"),  # number 1 before 0 (R26)
        bytes.fromhex("08002200ffffffffffffff7f"),  # ConsoleAck of what was not sent (R50)
        bytes.fromhex(f"0500100001000000 01 {EMPTY_BATCH} {EMPTY_BATCH}"),  # a number twice (R26)
        bytes.fromhex(f"0500100001000000 01 0400140001000000 {EMPTY_BATCH}"),  # after EndRun (R26)
        bytes.fromhex("0500100001000000 01 0500100002000000 01" + EMPTY_BATCH),  # of the older run (R26)
        bytes.fromhex("0500100005000000 01 0500100004000000 01"),  # a smaller run (R25)
        bytes.fromhex("0500100001000000 02"),  # an unclaimed that there is not (R8)
        bytes.fromhex("ffff0000"),  # longer than any (R6)
        bytes.fromhex("1e000200") + bytes(30),  # a second Hello (R8)
    ],
)
async def test_a_controller_that_breaks_the_rules_loses_its_place(broken: bytes, bench: Bench) -> None:
    peer = await bench.controller()
    await peer.stream.send_all(broken)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR
    await bench.controller(bench.other_id)


@pytest.mark.rule("R10")
async def test_after_closing_nothing_is_said_by_either(bench: Bench) -> None:
    peer = await bench.controller()
    begun = encode_message(BeginRun(1, Unclaimed.RESIDUE)) + request(0, Batch((Send(b"never"),)))
    await peer.send(Closing(CloseReason.SHUTDOWN, "bye"))
    await peer.stream.send_all(begun)
    while await peer.receive() is not None:
        pass
    peer = await bench.controller(bench.other_id)
    await peer.stream.send_all(b"\xff\xff\0\0" + begun)
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR
    assert (await bench.execute(Send(b"now"))).is_done
    assert await bench.hears(3) == b"now"
