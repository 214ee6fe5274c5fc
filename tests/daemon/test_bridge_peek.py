"""A look at a bridge: against the soft bridge, against bridges that misbehave, and many at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from bridge_peer import WITHIN_S, Peer, serving
from fake_edge import identity
from scripted_port import ScriptedPort
from stmota_daemon.bridge_link import BridgeAddress
from stmota_daemon.bridge_peek import PEEK_WITHIN_S, Peeked, peek_at_bridge
from stmota_daemon.link import LinkLost
from stmota_daemon.links import MOST_PEEKS_AT_ONCE, peeker
from stmota_daemon.security import Security
from stmota_daemon.store import Store
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.api import NetworkPlace, SerialPlace
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.messages import CloseReason, Closing, Greeting, Unsupported
from stmota_protocol.wire import encode_message

GREETING = encode_message(Greeting(identity(), 0, 0, 0, holder="kim\x1b[2J"))


def new_bridge() -> SoftBridge:
    return SoftBridge(ScriptedPort(lambda _: []), name="lab", unique_id=b"12345678", firmware="soft-test")


@asynccontextmanager
async def saying(*parts: bytes, then_closes: bool = False) -> AsyncGenerator[trio.abc.Stream]:
    """The near end of a connection whose far end says this."""
    ours, theirs = memory_stream_pair()
    for part in parts:
        await theirs.send_all(part)
    if then_closes:
        await theirs.send_eof()
    yield ours
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some(1)


async def test_a_look_tells_who_the_bridge_is_and_who_holds_it() -> None:
    bridge = new_bridge()
    async with serving(bridge, clock=None) as connect:
        assert (await peek_at_bridge(await connect())).holder == ""
        peer = Peer(await connect())
        await peer.hello()
        peeked = await peek_at_bridge(await connect())
        assert (peeked.identity, peeked.holder, peeked.protocol) == (bridge.identity, "tester", "1.1")


async def test_looks_take_nobodys_place(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect:
        for _ in range(20):
            await peek_at_bridge(await connect())
        strangers = [Peer(await connect()) for _ in range(4)]
        for stranger in strangers:
            await stranger.greeting()
        assert (await peek_at_bridge(await connect())).identity.name == "lab"


async def test_the_round_trip_is_from_the_connection_to_the_greeting(autojump_clock: MockClock) -> None:
    async with serving(new_bridge(), autojump_clock) as connect, trio.open_nursery() as nursery:
        here, there = memory_stream_pair()
        bridge = await connect()

        async def answer_late() -> None:
            await there.send_all(await bridge.receive_some())
            await trio.sleep(0.05)
            await there.send_all(await bridge.receive_some())

        nursery.start_soon(answer_late)
        assert (await peek_at_bridge(here)).round_trip_s == pytest.approx(0.05)
        nursery.cancel_scope.cancel()


async def test_a_greeting_in_pieces_behind_unknown_messages_is_read(autojump_clock: MockClock) -> None:
    said = PREAMBLE + encode_message(Unsupported(0x70, 0)) + GREETING + b"more"
    async with saying(*(said[at : at + 1] for at in range(len(said)))) as stream:
        peeked = await peek_at_bridge(stream)
        assert (peeked.identity, peeked.holder) == (identity(), "kim\\x1b[2J")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"", "it closed the connection before it said what it is"),
        (PREAMBLE, "it closed the connection before it said what it is"),
        (PREAMBLE + encode_message(Closing(CloseReason.TOO_MANY, "no")), "it closed the connection before"),
        (PREAMBLE + GREETING[:20], "the connection ended in the middle of a message"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "this is no stmota bridge protocol"),
        (b"\xff\x00\x1b[2J\x07\x00\x00", "this is no stmota bridge protocol"),
    ],
)
async def test_what_is_no_bridge_is_told_in_words(autojump_clock: MockClock, said: bytes, text: str) -> None:
    async with saying(said, then_closes=True) as stream:
        with pytest.raises(LinkLost, match=text) as caught:
            await peek_at_bridge(stream)
        assert str(caught.value).isprintable()


async def test_silence_is_waited_for_a_bounded_time(autojump_clock: MockClock) -> None:
    async with saying(PREAMBLE) as stream:
        with pytest.raises(LinkLost, match="it takes connections, but said nothing that a bridge says"):
            await peek_at_bridge(stream)
        assert trio.current_time() == PEEK_WITHIN_S


async def test_a_connection_that_breaks_is_a_lost_link(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    theirs.receive_stream.close()
    with pytest.raises(LinkLost, match="the connection broke"):
        await peek_at_bridge(ours)


@pytest.mark.parametrize("host", ["a..b", "127.0.0.1"])
async def test_where_nobody_listens_is_a_lost_link(host: str) -> None:
    with trio.fail_after(WITHIN_S):
        with pytest.raises(LinkLost):
            await peek_at_bridge(BridgeAddress(host, 1))


async def test_no_more_than_a_few_look_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    looking = most = 0

    async def look(_: trio.abc.Stream | BridgeAddress) -> Peeked:
        nonlocal looking, most
        looking += 1
        most = max(most, looking)
        await trio.sleep(1)
        looking -= 1
        return Peeked(identity(), "", "1.0", 0.0)

    store = Store(tmp_path)
    peek = peeker(Security(store, tmp_path / "ca"), look)
    async with trio.open_nursery() as nursery:
        for port in range(100):
            nursery.start_soon(peek, NetworkPlace(host="host", port=port), None)
        await wait_all_tasks_blocked()
        assert looking == MOST_PEEKS_AT_ONCE
    assert (most, trio.current_time()) == (MOST_PEEKS_AT_ONCE, 7)
    store.close()


async def test_a_serial_port_is_not_opened_for_a_look(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(LinkLost, match="cannot be looked at"):
        await peeker(Security(store, tmp_path / "ca"))(
            SerialPlace(url="/dev/null", reset=None, boot0=None), None
        )
    store.close()
