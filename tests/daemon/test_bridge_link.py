"""The link to a bridge: opened, held, taken over, lost and left."""

import pytest
import trio
from trio.testing import MockClock

from bridge_peer import OTHER_ID, Peer
from next_console import next_console
from scripted_port import ASK, LONG, ScriptedPort, acknowledges
from soft_bridge_lab import ID, lab
from stmota_daemon.bridge_link import BridgeAddress, open_bridge_link
from stmota_daemon.link import LinkHeld, LinkLost
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.messages import Console, ConsoleGap, Welcome
from stmota_protocol.steps import EdgeIdentity


async def test_a_link_knows_its_bridge_and_its_clock(autojump_clock: MockClock) -> None:
    async with lab() as here:
        await trio.sleep(100)
        async with open_bridge_link(here.connect(), ID, "me", unix_s=lambda: 5000.0) as link:
            assert link.identity == here.bridge.identity
            assert link.clock.unix_s(100_000_000) == 5000.0
            assert link.clock.round_trip_s == 0


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


async def test_the_clock_follows_the_quickest_ping(autojump_clock: MockClock) -> None:
    async with (
        lab() as here,
        open_bridge_link(here.connect(), ID, "me", unix_s=lambda: 1000 + trio.current_time()) as link,
    ):
        await trio.sleep(60)
        assert link.clock.offset_s == pytest.approx(1000)
        assert link.clock.round_trip_s == 0


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
