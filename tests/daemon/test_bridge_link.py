"""The link to a bridge, against the soft bridge and against bridges that misbehave; on the virtual clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from bridge_peer import OTHER_ID, Peer
from next_console import next_console
from scripted_port import Reply, ScriptedPort
from stmota_daemon.bridge_link import (
    GREET_WITHIN_S,
    MOST_CONSOLE_WAITING_BYTES,
    BridgeAddress,
    BridgeLink,
    open_bridge_link,
)
from stmota_daemon.link import LinkHeld, LinkLost
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.connection import NEED_DATA, Connection, Role
from stmota_protocol.limits import DEAD_PEER_S
from stmota_protocol.messages import Console, ConsoleGap, Greeting, Hello, Message, Welcome
from stmota_protocol.steps import (
    Batch,
    Cause,
    EdgeIdentity,
    Expect,
    Line,
    Outcome,
    Receive,
    Send,
    Unclaimed,
    Wait,
)

ID = b"controller-id-16"
ACK = 0x79
ASK = Batch((Send(b"?"), Expect(ACK, 1_000_000)))
FAILING = Batch((Expect(ACK, 1000),))
LONG = Batch((Wait(3_600_000_000),))
IDENTITY = EdgeIdentity("fake", b"12345678", b"boot-id1", "fake-1", Line.NRST, 4096, 4096, frozenset({1}))


def acknowledges(_: bytes) -> Reply:
    return [(10, b"\x79")]


class Lab:
    """A soft bridge on a scripted port, and connections to it."""

    def __init__(self, nursery: trio.Nursery, port: ScriptedPort, credit: int) -> None:
        self.port = port
        self.bridge = SoftBridge(port, name="lab", unique_id=b"12345678", credit=credit)
        self._nursery = nursery
        self._ends: list[trio.abc.AsyncResource] = []

    def connect(self) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._ends += [ours, theirs]
        self._nursery.start_soon(self.bridge.serve_stream, theirs)
        return ours

    async def cut(self) -> None:
        for end in self._ends:
            await trio.aclose_forcefully(end)

    def cut_after(self, seconds: float) -> None:
        async def wait_and_cut() -> None:
            await trio.sleep(seconds)
            await self.cut()

        self._nursery.start_soon(wait_and_cut)


@asynccontextmanager
async def lab(port: ScriptedPort | None = None, credit: int = 65536) -> AsyncGenerator[Lab, None]:
    async with trio.open_nursery() as nursery:
        lab = Lab(nursery, port or ScriptedPort(acknowledges), credit)
        nursery.start_soon(lab.bridge.run)
        yield lab
        nursery.cancel_scope.cancel()


async def test_a_link_knows_its_bridge_and_its_clock(autojump_clock: MockClock) -> None:
    async with lab() as here:
        await trio.sleep(100)
        async with open_bridge_link(here.connect(), ID, "me", unix_s=lambda: 5000.0) as link:
            assert link.identity == here.bridge.identity
            assert link.clock.unix_s(100_000_000) == 5000.0
            assert link.clock.round_trip_s == 0


async def test_batches_run_in_lock_step_and_ahead(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        assert (await run.execute(ASK)).is_done
        for _ in range(10):
            assert run.has_room_for(ASK)
            run.submit(ASK)
        assert run.under_way == 10
        assert [(await run.result()).is_done for _ in range(10)] == [True] * 10
        assert run.under_way == 0
        run.end()
        assert (await link.begin_run().execute(ASK)).is_done


async def test_the_credit_says_how_far_ahead(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        batch = Batch((Receive(20, 1000),))  # charged 115 + 24
        assert run.has_room_for(batch)
        run.submit(batch)
        assert run.has_room_for(batch)
        run.submit(batch)
        assert not run.has_room_for(batch)
        await run.result()
        assert run.has_room_for(batch)


async def test_a_batch_that_never_fits_is_a_value_error(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        too_large = Batch((Receive(200, 1000),))
        with pytest.raises(ValueError, match="300"):
            run.has_room_for(too_large)
        with pytest.raises(ValueError, match="300"):
            run.submit(too_large)
        assert (await run.execute(ASK)).is_done


async def test_a_new_run_need_not_wait_for_the_credit_of_the_old_one(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        old = link.begin_run()
        old.submit(LONG)
        old.submit(LONG)
        await trio.sleep(1)
        new = link.begin_run()
        assert new.has_room_for(ASK)
        new.submit(ASK)  # kept until the old run's results made room
        new.submit(ASK)
        assert not new.has_room_for(ASK)
        assert [(await new.result()).outcome for _ in range(2)] == [Outcome.DONE, Outcome.DONE]
        assert [(await old.result()).outcome for _ in range(2)] == [Outcome.ABORTED, Outcome.SKIPPED]


async def test_batches_that_were_never_sent_are_skipped(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        old = link.begin_run()
        old.submit(LONG)
        old.submit(LONG)
        middle = link.begin_run()
        middle.submit(LONG)
        middle.submit(LONG)
        middle.submit(LONG)
        newest = link.begin_run()
        newest.submit(ASK)
        assert (await newest.result()).is_done
        assert {(await middle.result()).outcome for _ in range(3)} <= {Outcome.ABORTED, Outcome.SKIPPED}
        with pytest.raises(ValueError, match="over"):
            middle.submit(ASK)


async def test_an_abort_ends_what_is_under_way(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(LONG)
        run.submit(ASK)
        await trio.sleep(1)
        run.abort()
        assert [(await run.result()).outcome for _ in range(2)] == [Outcome.ABORTED, Outcome.SKIPPED]
        assert trio.current_time() == 1


async def test_an_abort_while_batches_wait_for_credit_skips_them_too(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        link.begin_run().submit(LONG)
        run = link.begin_run()
        for _ in range(5):
            run.submit(LONG)
        run.abort()
        run.submit(LONG)
        outcomes = [(await run.result()).outcome for _ in range(6)]
        assert set(outcomes) <= {Outcome.ABORTED, Outcome.SKIPPED}
        assert run.under_way == 0


async def test_an_end_comes_after_batches_that_wait_for_credit(autojump_clock: MockClock) -> None:
    port = ScriptedPort(acknowledges)
    async with lab(port, credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        link.begin_run().submit(LONG)
        run = link.begin_run()
        for _ in range(4):
            run.submit(ASK)
        run.end()
        assert [(await run.result()).outcome for _ in range(4)] == [Outcome.DONE] * 4
        port.arrives(0, b"log")
        message = await next_console(link)
        assert isinstance(message, Console)
        assert message.data == b"log"


async def test_a_failed_batch_skips_the_rest_of_its_run(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(FAILING)
        run.submit(ASK)
        first, second = await run.result(), await run.result()
        assert (first.outcome, first.cause) == (Outcome.FAILED, Cause.SILENCE)
        assert second.outcome is Outcome.SKIPPED


async def test_a_cancelled_wait_for_a_result_loses_none(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(Batch((Wait(2_000_000),)))
        with trio.move_on_after(1):
            await run.result()
        with trio.move_on_after(2):  # the result is here by now
            await trio.sleep(1.5)
        with trio.CancelScope() as scope:
            scope.cancel()
            await run.result()
        assert run.under_way == 1
        assert (await run.result()).is_done


async def test_console_comes_with_the_bridges_times_and_is_forgotten_when_safe(
    autojump_clock: MockClock,
) -> None:
    port = ScriptedPort()
    async with lab(port) as here, open_bridge_link(here.connect(), ID, "me") as link:
        port.arrives(1000, b"one")
        assert await next_console(link) == Console(0, 1000, b"one")
        assert (await Peer(here.connect()).greeting()).console_oldest == 0
        link.acknowledge_console(2)
        link.acknowledge_console(1)
        await trio.sleep(0.1)
        assert (await Peer(here.connect()).greeting()).console_oldest == 2


async def test_console_begins_where_the_caller_left_off(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    seen: list[EdgeIdentity] = []

    def resume(identity: EdgeIdentity) -> int:
        seen.append(identity)
        return 4

    async with lab(port) as here:
        port.arrives(0, b"stored+new")
        await trio.sleep(1)
        async with open_bridge_link(here.connect(), ID, "me", console_from=resume) as link:
            assert await next_console(link) == Console(4, 0, b"ed+new")
        assert seen == [here.bridge.identity]


async def test_a_position_beyond_the_bridges_console_is_brought_back(autojump_clock: MockClock) -> None:
    async with (
        lab() as here,
        open_bridge_link(here.connect(), ID, "me", console_from=lambda _: 1 << 40) as link,
    ):
        assert (await link.begin_run().execute(ASK)).is_done


async def test_console_that_is_lost_is_a_gap(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    async with lab(port) as here:
        port.arrives(0, bytes(70_000))
        await trio.sleep(1)
        async with open_bridge_link(here.connect(), ID, "me") as link:
            assert await next_console(link) == ConsoleGap(0, 70_000 - 65_536)


async def test_what_the_caller_of_open_raises_arrives_bare(autojump_clock: MockClock) -> None:
    class Mine(Exception):
        pass

    def refuse(_: EdgeIdentity) -> int:
        raise Mine

    async with lab() as here:
        with pytest.raises(Mine):
            async with open_bridge_link(here.connect(), ID, "me", console_from=refuse):
                pass
        with pytest.raises(Mine):
            async with open_bridge_link(here.connect(), ID, "me"):
                raise Mine


async def test_a_bridge_that_is_held_says_by_whom(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), OTHER_ID, "the other"):
        await trio.sleep(60)
        with pytest.raises(LinkHeld) as caught:
            async with open_bridge_link(here.connect(), ID, "me"):
                pass
    assert (caught.value.holder_name, caught.value.held_for_s) == ("the other", 60)


async def test_a_take_over_is_told_to_who_had_it(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), OTHER_ID, "first") as first:
        async with open_bridge_link(here.connect(), ID, "second\x1b[2J", take_over=True) as second:
            with pytest.raises(LinkHeld) as caught:
                await next_console(first)
            assert caught.value.holder_name == r"second\x1b[2J"
            assert (await second.begin_run().execute(ASK)).is_done
        with pytest.raises(LinkHeld):
            first.begin_run()


async def test_the_same_controller_gets_its_bridge_back_at_once(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as old:
        run = old.begin_run()
        run.submit(LONG)
        async with open_bridge_link(here.connect(), ID, "me") as new:
            with pytest.raises(LinkLost):
                await run.result()
            assert (await new.begin_run().execute(ASK)).is_done


async def test_a_lost_link_is_told_to_all_that_wait_and_use_it(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(ASK)
        run.submit(LONG)
        here.cut_after(5)
        told: list[str] = []

        async def wait_for_console() -> None:
            with pytest.raises(LinkLost):
                await next_console(link)
            told.append("console")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_console)
            assert (await run.result()).is_done
            with pytest.raises(LinkLost):
                await run.result()
        assert told == ["console"]
        for use in (lambda: run.submit(ASK), link.begin_run, lambda: run.submit(ASK)):
            with pytest.raises(LinkLost):
                use()
        run.abort()
        run.end()
        link.acknowledge_console(1)
        assert trio.current_time() == 5


async def test_what_came_before_the_end_is_given_first(autojump_clock: MockClock) -> None:
    port = ScriptedPort(acknowledges)
    async with lab(port) as here, open_bridge_link(here.connect(), ID, "me") as link:
        port.arrives(0, b"last words")
        await trio.sleep(1)
        run = link.begin_run()
        run.submit(ASK)
        await trio.sleep(1)
        await here.cut()
        await trio.sleep(1)
        assert (await run.result()).is_done
        message = await next_console(link)
        assert isinstance(message, Console)
        assert message.data == b"last words"
        with pytest.raises(LinkLost):
            await next_console(link)


async def test_leaving_tells_the_bridge_and_so_does_a_cancellation(autojump_clock: MockClock) -> None:
    async with lab() as here:
        async with open_bridge_link(here.connect(), ID, "me"):
            pass
        with trio.move_on_after(1) as scope:
            async with open_bridge_link(here.connect(), ID, "me"):
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert isinstance(await Peer(here.connect()).hello(OTHER_ID), Welcome)


async def test_run_ids_go_on_after_a_reconnection(autojump_clock: MockClock) -> None:
    async with lab() as here:
        for _ in range(3):
            async with open_bridge_link(here.connect(), ID, "me") as link:
                assert (await link.begin_run(Unclaimed.CONSOLE).execute(ASK)).is_done
        assert (await Peer(here.connect()).greeting()).last_batch is not None


async def test_the_clock_follows_the_quickest_ping(autojump_clock: MockClock) -> None:
    async with (
        lab() as here,
        open_bridge_link(here.connect(), ID, "me", unix_s=lambda: 1000 + trio.current_time()) as link,
    ):
        await trio.sleep(60)
        assert link.clock.offset_s == pytest.approx(1000)
        assert link.clock.round_trip_s == 0


# Bridges that are none, or bad ones.


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


async def test_an_address_where_nobody_listens_is_said() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(LinkLost, match="refused"):
        async with open_bridge_link(BridgeAddress("127.0.0.1", port), ID, "me"):
            pass


async def test_a_link_over_tcp() -> None:
    bridge = SoftBridge(ScriptedPort(acknowledges), name="lab", unique_id=b"12345678")
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = BridgeAddress("127.0.0.1", listeners[0].socket.getsockname()[1])
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(bridge.serve, listeners)
            async with open_bridge_link(address, ID, "me") as link:
                assert (await link.begin_run().execute(ASK)).is_done
            nursery.cancel_scope.cancel()
