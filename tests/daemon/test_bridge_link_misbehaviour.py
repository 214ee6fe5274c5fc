"""The link to what is no bridge, and to bridges that misbehave."""

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from next_console import next_console
from soft_bridge_lab import ID
from stmota_daemon.bridge_link import GREET_WITHIN_S, MOST_CONSOLE_WAITING_BYTES, BridgeLink, open_bridge_link
from stmota_daemon.link import LinkLost
from stmota_protocol.connection import NEED_DATA, Connection, Role
from stmota_protocol.limits import DEAD_PEER_S, KEEP_ALIVE_S
from stmota_protocol.messages import Console, Greeting, Hello, Message, Ping, Pong, Welcome
from stmota_protocol.steps import EdgeIdentity, Line

IDENTITY = EdgeIdentity("fake", b"12345678", b"boot-id1", "fake-1", Line.NRST, 4096, 4096, frozenset({1}))


class FakeBridge:
    """The bridge's end of a connection, without a bridge."""

    def __init__(self) -> None:
        self.stream, self._ours = memory_stream_pair()
        self.connection = Connection(Role.BRIDGE)

    async def say(self, *messages: Message) -> None:
        await self._ours.send_all(b"".join(map(self.connection.send, messages)))

    async def welcome(self) -> None:
        await self._ours.send_all(self.connection.preamble())
        await self.say(Greeting(IDENTITY, 0, 0, 0))
        while not isinstance(event := self.connection.next_event(), Hello):
            assert event is NEED_DATA
            self.connection.receive_data(bytes(await self._ours.receive_some(1000)))
        await self.say(Welcome())

    async def keep_alive(self) -> None:
        while True:
            await self.say(Ping(1))
            await trio.sleep(KEEP_ALIVE_S)

    async def moments(self, count: int) -> list[float]:
        """When the next bytes came that nobody had asked for: what answers a Ping is passed over."""
        found: list[float] = []
        while len(found) < count:
            event = self.connection.next_event()
            if event is NEED_DATA:
                self.connection.receive_data(bytes(await self._ours.receive_some(1000)))
            elif not isinstance(event, Pong):
                found.append(trio.current_time())
        return found


async def open_link(stream: trio.abc.Stream) -> None:
    async with open_bridge_link(stream, ID, "me"):
        pass


async def test_a_peer_that_says_nothing_is_no_bridge(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    with pytest.raises(LinkLost, match="within 5 s"):
        await open_link(ours)
    assert GREET_WITHIN_S <= trio.current_time() <= GREET_WITHIN_S + 2


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 400\r\n\r\n", bytes(64), b"\xff" * 999]
)
async def test_a_peer_that_speaks_otherwise_is_no_bridge(garbage: bytes, autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(garbage)
    with pytest.raises(LinkLost, match="bridge protocol"):
        await open_link(ours)
    assert trio.current_time() <= 2


async def test_a_peer_that_hangs_up_is_no_bridge(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.aclose()
    with pytest.raises(LinkLost):
        await open_link(ours)


async def test_a_bridge_that_falls_silent_is_lost(autojump_clock: MockClock) -> None:
    fake = FakeBridge()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fake.welcome)
        async with open_bridge_link(fake.stream, ID, "me") as link:
            with pytest.raises(LinkLost, match="no sign of life for 9 s"):
                await next_console(link)
            assert DEAD_PEER_S <= trio.current_time() <= 10


@pytest.mark.rule("R20")
async def test_the_controller_says_something_at_least_every_three_seconds(autojump_clock: MockClock) -> None:
    fake = FakeBridge()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fake.welcome)
        async with open_bridge_link(fake.stream, ID, "me"):
            nursery.start_soon(fake.keep_alive)
            heard_s = [trio.current_time(), *await fake.moments(10)]
            nursery.cancel_scope.cancel()
    assert all(later - earlier <= KEEP_ALIVE_S for earlier, later in pairwise(heard_s))
    assert heard_s[-1] - heard_s[0] > DEAD_PEER_S


async def test_a_bridge_that_floods_the_console_is_cut_off(autojump_clock: MockClock) -> None:
    fake = FakeBridge()

    async def flood() -> None:
        await fake.welcome()
        position = 0
        while position <= MOST_CONSOLE_WAITING_BYTES:
            await fake.say(Console(position, 0, bytes(1024)))
            position += 1024

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        async with open_bridge_link(fake.stream, ID, "me") as link:
            await trio.sleep(5)
            assert (await next_console(link)).position == 0
            with pytest.raises(LinkLost, match="more console"):
                await read_console_for_ever(link)


async def read_console_for_ever(link: BridgeLink) -> None:
    while True:
        await next_console(link)
