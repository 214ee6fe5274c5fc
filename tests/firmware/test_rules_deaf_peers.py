"""BRIDGE_PROTOCOL.md, over the wire: peers that talk and do not read."""

import pytest
import trio

from bridge_bench import Bench, works
from stmota_protocol.messages import Unknown
from stmota_protocol.wire import encode_message

FLOOD = encode_message(Unknown(0xF0, b"")) * 10_000
"""Each is to be answered by Unsupported (R7), longer than itself."""


@pytest.mark.rule("R44", "R13")
@pytest.mark.parametrize("is_holder", [False, True], ids=["stranger", "controller"])
async def test_who_asks_without_end_and_reads_nothing_is_parted_with_and_holds_up_nobody(
    is_holder: bool, bench: Bench, nursery: trio.Nursery
) -> None:
    """No bridge has room for all those answers; it does not wait for the room either."""
    deaf = await (bench.controller(bench.other_id) if is_holder else bench.peer())
    if not is_holder:
        await deaf.greeting()
    is_parted = trio.Event()

    async def flood() -> None:
        try:
            while True:
                await deaf.stream.send_all(FLOOD)
        except trio.BrokenResourceError:
            is_parted.set()

    nursery.start_soon(flood)
    watcher = None if is_holder else await bench.controller()
    run = 0
    while not is_parted.is_set():
        run += 1
        assert (await bench.look()).identity.credit
        assert watcher is None or await works(watcher, run)
    assert await works(watcher or await bench.controller(), run + 1)
