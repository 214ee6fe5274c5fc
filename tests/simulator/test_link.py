"""The simulated network link, exact on the virtual clock."""

from contextlib import suppress
from dataclasses import replace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, check_half_closeable_stream

from stmota_simulator.link import LinkConditions, OneWayConditions
from stmota_simulator.link_end import LinkEnd, simulated_link, through_link

FIFTY_MS = LinkConditions.of(rtt_ms=50)


async def received_until_end(end: LinkEnd) -> list[tuple[float, bytes]]:
    start_s = trio.current_time()
    got: list[tuple[float, bytes]] = []
    while data := await end.receive_some():
        got.append((round(trio.current_time() - start_s, 6), data))
    return got


async def test_each_way_takes_half_the_round_trip(autojump_clock: MockClock) -> None:
    near, far = simulated_link(FIFTY_MS)

    await near.send_all(b"ping")
    assert await far.receive_some() == b"ping"
    assert trio.current_time() == pytest.approx(0.025)
    await far.send_all(b"pong")
    assert await near.receive_some() == b"pong"
    assert trio.current_time() == pytest.approx(0.05)


async def test_what_is_sent_later_arrives_later_without_waiting_for_the_first(
    autojump_clock: MockClock,
) -> None:
    near, far = simulated_link(FIFTY_MS)

    await near.send_all(b"a")
    await trio.sleep(0.010)
    await near.send_all(b"b")
    await near.send_eof()

    assert await received_until_end(far) == [(0.015, b"a"), (0.025, b"b")]


async def test_bandwidth_spreads_what_is_sent_at_once(autojump_clock: MockClock) -> None:
    way = OneWayConditions(delay_s=0.1, bytes_per_s=1000)
    near, far = simulated_link(LinkConditions(way, way))

    for _ in range(3):
        await near.send_all(bytes(100))
    await near.send_eof()

    assert [at_s for at_s, _ in await received_until_end(far)] == [0.2, 0.3, 0.4]


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=20))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_jitter_keeps_order_and_stays_within_its_bounds(seed: int, sizes: list[int]) -> None:
    async def main() -> None:
        near, far = simulated_link(replace(LinkConditions.of(rtt_ms=50, jitter_ms=10), seed=seed))
        sent = [bytes([index]) * size for index, size in enumerate(sizes)]
        for piece in sent:
            await near.send_all(piece)
        await near.send_eof()
        got = await received_until_end(far)
        assert b"".join(data for _, data in got) == b"".join(sent)
        assert all(0.025 <= at_s <= 0.035 for at_s, _ in got)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("lost_at", [1, 4, 5, 9])
async def test_the_connection_is_lost_at_the_nth_byte_and_what_was_before_arrives(
    autojump_clock: MockClock, lost_at: int
) -> None:
    near, far = simulated_link(LinkConditions(there=OneWayConditions(delay_s=0.01, lost_at=lost_at)))

    got = bytearray()

    async def send() -> None:
        for piece in (b"abcd", b"efgh", b"ijkl"):
            await near.send_all(piece)

    async def receive() -> None:
        while True:
            got.extend(await far.receive_some(3))

    with pytest.raises(trio.BrokenResourceError):
        await send()
    with pytest.raises(trio.BrokenResourceError):
        await receive()

    assert bytes(got) == b"abcdefghijkl"[: lost_at - 1]
    with pytest.raises(trio.BrokenResourceError):
        await near.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await far.send_all(b"x")


async def test_whoever_waits_learns_that_the_connection_is_lost(autojump_clock: MockClock) -> None:
    near, far = simulated_link(LinkConditions(there=OneWayConditions(lost_at=1)))
    broken: list[str] = []

    async def wait(name: str, end: LinkEnd) -> None:
        try:
            await end.receive_some()
        except trio.BrokenResourceError:
            broken.append(name)

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, "near", near)
            nursery.start_soon(wait, "far", far)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BrokenResourceError):
                await near.send_all(b"x")

    assert sorted(broken) == ["far", "near"]


async def test_a_stall_delivers_what_was_before_it_and_then_nothing(autojump_clock: MockClock) -> None:
    near, far = simulated_link(LinkConditions(there=OneWayConditions(stalls_at=4, window_bytes=8)))

    await near.send_all(b"abcde")
    assert await far.receive_some() == b"abc"
    with trio.move_on_after(3600) as waited:
        await far.receive_some()
    assert waited.cancelled_caught
    with trio.move_on_after(3600) as full:
        await near.send_all(b"0123456789")
    assert full.cancelled_caught


async def test_a_full_window_makes_the_sender_wait_for_the_receiver(autojump_clock: MockClock) -> None:
    way = OneWayConditions(delay_s=1.0, window_bytes=10)
    near, far = simulated_link(LinkConditions(way, way))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, bytes(25))
        got = b""
        while len(got) < 25:
            got += await far.receive_some()

    assert trio.current_time() == pytest.approx(3.0)


async def test_a_closed_end_says_so_and_the_peer_reads_to_the_end(autojump_clock: MockClock) -> None:
    near, far = simulated_link(FIFTY_MS)

    await near.send_all(b"last words")
    await near.aclose()

    with pytest.raises(trio.ClosedResourceError):
        await near.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await near.receive_some()
    assert await far.receive_some() == b"last words"
    assert await far.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await far.send_all(b"x")


async def test_the_link_s_ends_are_streams_as_trio_wants_them() -> None:
    async def make() -> tuple[LinkEnd, LinkEnd]:
        await trio.lowlevel.checkpoint()
        return simulated_link(LinkConditions())

    async def make_clogged() -> tuple[LinkEnd, LinkEnd]:
        await trio.lowlevel.checkpoint()
        way = OneWayConditions(window_bytes=1024)
        ends = simulated_link(LinkConditions(way, way))
        for end in ends:
            await end.send_all(bytes(1024))
        return ends

    await check_half_closeable_stream(make, make_clogged)


async def test_a_real_stream_is_led_through_a_link(autojump_clock: MockClock) -> None:
    outside, inside = trio.testing.memory_stream_pair()

    async def echo(stream: trio.abc.Stream) -> None:
        while data := await stream.receive_some():
            await stream.send_all(data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(through_link, inside, FIFTY_MS, echo)
        await outside.send_all(b"there and back")
        assert await outside.receive_some(100) == b"there and back"
        assert trio.current_time() == pytest.approx(0.05)
        await outside.send_stream.aclose()
        assert await outside.receive_some(100) == b""


async def test_a_lost_link_closes_the_real_stream_and_ends_whoever_serves(autojump_clock: MockClock) -> None:
    outside, inside = trio.testing.memory_stream_pair()
    served = bytearray()

    async def serve(stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while True:
                served.extend(await stream.receive_some())

    conditions = LinkConditions(there=OneWayConditions(lost_at=5))
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(through_link, inside, conditions, serve)
            await outside.send_all(b"abcdefgh")
            assert await outside.receive_some(1) == b""

    assert bytes(served) == b"abcd"
