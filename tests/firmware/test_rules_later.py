"""BRIDGE_PROTOCOL.md, over the wire: peers of a later minor version, and a bridge on a later boot."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from bridge_bench import Bench, bench_of, console, works
from bridge_process import Running
from stmota_protocol.messages import Busy, Hello, Welcome
from stmota_protocol.wire import encode_message

LATER_FLAGS = 0xFE
"""All but *take over*, which is bit 0."""
FLAGS_AT = 4 + 16
LATER_REASON = 200

rule = pytest.mark.rule


@rule("R4")
async def test_flag_bits_to_come_take_nothing_over_and_disturb_nothing(bench: Bench) -> None:
    holder = await bench.controller()
    other = await bench.peer()
    greeting = await other.greeting()
    hello = Hello(bench.other_id, "later", False, greeting.console_next)
    frame = bytearray(encode_message(hello))
    other.connection.send(hello)
    assert frame[FLAGS_AT] == 0
    frame[FLAGS_AT] = LATER_FLAGS
    await other.stream.send_all(frame)
    assert isinstance(await other.receive(), Busy)
    assert await works(holder)


@rule("R2", "R4", "R10")
async def test_a_closing_of_a_later_minor_with_a_reason_to_come_is_a_goodbye(bench: Bench) -> None:
    """Closing never changes: a type, a reason, a text."""
    peer = await bench.peer()
    preamble = peer.connection.preamble()
    await peer.stream.send_all(preamble[:7] + b"\x63")
    greeting = await peer.receive()
    assert greeting == peer.connection.greeting
    assert isinstance(await bench.hello(peer), Welcome)
    await peer.stream.send_all(bytes([5, 0, 0x08, 0, LATER_REASON, 3]) + b"bye")
    assert await peer.receive() is None  # closed, without a word of complaint
    assert await works(await bench.controller(bench.other_id))


@rule("R52", "R25", "R18", "R48")
@pytest.mark.parametrize("kind", ["c", "python"])
async def test_runs_positions_and_results_of_one_boot_mean_nothing_on_the_next(
    kind: str,
    start_bridge: Callable[[str], AbstractContextManager[Running]],
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("--bridge"):
        pytest.skip("a real bridge is not restarted by this suite")
    controller_id = b"the same for two"
    for said in (b"first", b"again"):
        with start_bridge(kind) as running:
            async with bench_of(running) as bench:
                peer = await bench.peer()
                # A last result of the other boot would be told here, and its run id would rule this one out.
                assert await bench.hello(peer, controller_id, console_from=0) == Welcome(None)
                bench.says(said)
                messages = await console(peer, len(said))
                assert (messages[0].position, b"".join(one.data for one in messages)) == (0, said)
                assert await works(peer, 7)
