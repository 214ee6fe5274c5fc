"""Nothing can deadlock, whatever the credit, the sizes of results, the console and the buffers between."""

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from bounded_pipe import bounded_pipe
from next_console import next_console
from scripted_port import Reply, ScriptedPort
from stmota_daemon.bridge_link import BridgeLink, open_bridge_link
from stmota_daemon.link import LinkLost
from stmota_edge.soft_bridge import SoftBridge
from stmota_protocol.messages import Console
from stmota_protocol.steps import Batch, Receive, Send, Unclaimed
from stmota_protocol.wire import charge

WITHIN_S = 3600.0
"""Virtual seconds: much more than the batches take, and nothing but a deadlock takes as long."""

sizes = st.lists(st.integers(0, 2000), min_size=1, max_size=8)
buffers = st.one_of(st.integers(1, 64), st.integers(65, 70_000))


def batch_of(size: int) -> Batch:
    """A request of about a third of `size`, and a result of `size`."""
    return Batch((Send(size.to_bytes(2, "big") + bytes(size // 3)), Receive(size, 60_000_000)))


def answers(sent: bytes) -> Reply:
    return [(100, bytes(int.from_bytes(sent[:2], "big")))]


async def flash(link: BridgeLink, batches: list[int]) -> list[int]:
    """Send ahead as far as the credit goes; return the sizes of the results."""
    run = link.begin_run(Unclaimed.RESIDUE)
    came: list[int] = []
    for size in batches:
        while run.under_way and not run.has_room_for(batch_of(size)):
            came.append(len((await run.result()).output(1)))
        run.submit(batch_of(size))
    while run.under_way:
        came.append(len((await run.result()).output(1)))
    run.end()
    return came


async def store_console(link: BridgeLink, expected: int, pause_s: float) -> int:
    """Take all console bytes, each acknowledged a while after it came."""
    position = 0
    while position < expected:
        message = await next_console(link)
        assert isinstance(message, Console)
        assert message.position == position
        position += len(message.data)
        await trio.sleep(pause_s)
        link.acknowledge_console(position)
    return position


@settings(deadline=None, derandomize=True, max_examples=20)
@given(sizes, st.integers(0, 20_000), buffers, buffers, st.integers(0, 20_000), st.sampled_from([0, 0.5, 5]))
def test_all_results_and_all_console_come(
    batches: list[int], extra_credit: int, to_host: int, to_bridge: int, chatter: int, pause_s: float
) -> None:
    credit = max(charge(batch_of(size)) for size in batches) + extra_credit

    async def main() -> None:
        port = ScriptedPort(answers)
        bridge = SoftBridge(port, name="lab", unique_id=b"12345678", credit=credit, max_batch=4096)
        host_end, bridge_end = bounded_pipe(to_host, to_bridge)
        port.arrives(0, bytes(chatter))
        with trio.fail_after(WITHIN_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bridge.run)
                nursery.start_soon(bridge.serve_stream, bridge_end)
                async with (
                    open_bridge_link(host_end, b"controller-id-16", "me") as link,
                    trio.open_nursery() as both,
                ):
                    both.start_soon(store_console, link, chatter, pause_s)
                    assert await flash(link, batches) == batches
                nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


@settings(deadline=None, derandomize=True, max_examples=15)
@given(sizes, buffers, buffers, st.integers(1, 5000))
def test_a_connection_that_breaks_anywhere_ends_both_sides(
    batches: list[int], to_host: int, to_bridge: int, cut_after_ms: int
) -> None:
    async def main() -> None:
        port = ScriptedPort(answers)
        bridge = SoftBridge(port, name="lab", unique_id=b"12345678")
        with trio.fail_after(WITHIN_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bridge.run)
                host_end, bridge_end = bounded_pipe(to_host, to_bridge)

                async def cut() -> None:
                    await trio.sleep(cut_after_ms / 1000)
                    await host_end.aclose()

                nursery.start_soon(bridge.serve_stream, bridge_end)
                nursery.start_soon(cut)
                try:
                    async with open_bridge_link(host_end, b"controller-id-16", "me") as link:
                        while True:
                            assert await flash(link, batches) == batches
                            await trio.sleep(0.1)
                except LinkLost:
                    pass
                host_end, bridge_end = bounded_pipe(to_host, to_bridge)
                nursery.start_soon(bridge.serve_stream, bridge_end)
                async with open_bridge_link(host_end, b"controller-id-16", "me") as link:
                    assert await flash(link, batches) == batches
                nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
