"""BRIDGE_PROTOCOL.md, section 3, over the wire: the console."""

import pytest
import trio

from bridge_bench import Bench, console
from stmota_protocol.messages import CloseReason, Console, ConsoleAck, ConsoleGap, Welcome

FRAME_SPAN_US = 20_000
NEAR_US = 1000
"""R49: how near a time is."""
MORE = 3000
"""Bytes that the ring cannot keep."""


@pytest.mark.rule("R46", "R47", "R48", "R50")
async def test_console_comes_once_in_order_and_from_where_it_is_wanted(bench: Bench) -> None:
    peer = await bench.controller()
    greeting = peer.connection.greeting
    assert greeting is not None
    base = greeting.console_next
    bench.says(b"first")
    messages = await console(peer, 5)
    assert (messages[0].position, b"".join(one.data for one in messages)) == (base, b"first")
    await trio.aclose_forcefully(peer.stream)
    bench.says(b"again")
    while (await bench.look()).console_next != base + 10:
        pass
    peer = await bench.peer()
    assert isinstance(await bench.hello(peer, console_from=base + 8), Welcome)
    message = await peer.receive()
    assert isinstance(message, Console)
    assert (message.position, message.data) == (base + 8, b"in")
    assert (await bench.look()).console_oldest == base + 8


@pytest.mark.rule("R48")
async def test_console_from_what_is_to_come_ends_the_connection(bench: Bench) -> None:
    peer = await bench.peer()
    greeting = await peer.greeting()
    hello = bytes([0x1A, 0, 2, 0]) + bench.controller_id + b"\0"
    await peer.stream.send_all(hello + (greeting.console_next + 1).to_bytes(8, "little") + b"\0")
    assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


@pytest.mark.rule("R50")
async def test_an_earlier_acknowledgement_does_nothing(bench: Bench) -> None:
    peer = await bench.controller()
    bench.says(b"12345")
    messages = await console(peer, 5)
    end = messages[-1].position + len(messages[-1].data)
    await peer.send(ConsoleAck(end), ConsoleAck(end - 4), ConsoleAck(0))
    bench.says(b"6")
    assert [one.data for one in await console(peer, 1)] == [b"6"]


@pytest.mark.rule("R49")
async def test_console_has_the_bridges_time_and_a_later_frame_is_later(bench: Bench) -> None:
    greeting = await bench.look()
    peer = await bench.controller()
    times: list[int] = [greeting.now_us]
    for _ in range(3):
        bench.says(b"x")
        times += [one.at_us for one in await console(peer, 1)]
    assert times == sorted(times)
    assert times[-1] <= (await bench.look()).now_us


@pytest.mark.rule("R47", "R48", "R51")
async def test_what_did_not_fit_is_a_gap_and_the_window_waits_for_an_acknowledgement(bench: Bench) -> None:
    greeting = await bench.look()
    base = greeting.console_next
    total = greeting.identity.console_ring + MORE
    await bench.tells(bytes(total))
    while (await bench.look()).console_next < base + total:
        pass
    peer = await bench.peer()
    await bench.hello(peer, console_from=base)
    gap = await peer.receive()
    assert isinstance(gap, ConsoleGap)
    assert gap.position == base
    assert gap.length >= MORE
    messages = await console(peer, total - gap.length)
    assert messages[0].position == base + gap.length


@pytest.mark.rule("R51")
async def test_no_more_than_a_ring_is_sent_without_an_acknowledgement(
    bench: Bench, nursery: trio.Nursery
) -> None:
    ring = (await bench.look()).identity.console_ring
    peer = await bench.controller()

    async def talk() -> None:
        while True:
            await bench.tells(bytes(1000))

    nursery.start_soon(talk)
    got = 0
    with trio.move_on_after(1):  # a bridge that sends on for ever would be over the ring by then
        while True:
            message = await peer.receive()
            assert isinstance(message, Console | ConsoleGap)
            got += len(message.data) if isinstance(message, Console) else 0
    assert 0 < got <= ring


@pytest.mark.rule("R47", "R48")
async def test_what_was_read_but_not_acknowledged_comes_again_and_what_was_is_a_gap(bench: Bench) -> None:
    base = (await bench.look()).console_next
    peer = await bench.controller()
    bench.says(b"0123456789")
    said = b"".join(one.data for one in await console(peer, 10, acknowledged=False))
    again = peer
    for _ in range(2):
        again = await bench.peer()
        assert isinstance(await bench.hello(again, console_from=base), Welcome)
        messages = await console(again, 10, acknowledged=False)
        assert (messages[0].position, b"".join(one.data for one in messages)) == (base, said)
    await again.send(ConsoleAck(base + 4))
    while (await bench.look()).console_oldest < base + 4:
        pass
    late = await bench.peer()
    assert isinstance(await bench.hello(late, console_from=base), Welcome)
    gap = await late.receive()
    assert gap == ConsoleGap(base, 4)
    messages = await console(late, 6)
    assert (messages[0].position, b"".join(one.data for one in messages)) == (base + 4, b"456789")


@pytest.mark.rule("R49")
async def test_bytes_that_came_apart_are_apart_and_have_their_own_times(bench: Bench) -> None:
    """By the bridge's clock, between a look before it was sent and the look that knew of it."""
    base = (await bench.look()).console_next
    spans: list[tuple[int, int]] = []
    for count in (1, 2):
        before = await bench.look()
        bench.says(b"x")
        while (after := await bench.look()).console_next < base + count:
            pass
        spans.append((before.now_us, after.now_us))
        while (await bench.look()).now_us < after.now_us + FRAME_SPAN_US:
            pass
    peer = await bench.peer()
    assert isinstance(await bench.hello(peer, console_from=base), Welcome)
    messages = await console(peer, 2)
    assert [one.data for one in messages] == [b"x", b"x"]
    for message, (from_us, to_us) in zip(messages, spans, strict=True):
        assert from_us - NEAR_US <= message.at_us <= to_us + NEAR_US
