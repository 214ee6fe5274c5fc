"""A bridge of another major version of the protocol: who has to be updated, and how (R3)."""

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from stmota_daemon.bridge_link import open_bridge_link
from stmota_daemon.bridge_peek import peek_at_bridge
from stmota_daemon.bridge_state import link_problem
from stmota_daemon.link import OtherVersion

UPDATE_STMOTA = (
    "the daemon is too old for this bridge: pip install --upgrade stmota on its machine,"
    " then stmota daemon stop"
)
UPDATE_BRIDGE = (
    "the bridge is too old for this daemon: write a newer firmware over its USB: stmota bridge install;"
    " one that is a program is updated on its machine: pip install --upgrade stmota"
)


async def linked(stream: trio.abc.Stream) -> None:
    async with open_bridge_link(stream, b"controller-0001.", "desk"):
        pytest.fail("it is no bridge to speak to")


@pytest.mark.rule("R3")
@pytest.mark.parametrize("way", ["look", "link"])
@pytest.mark.parametrize(("major", "remedy"), [(0, UPDATE_BRIDGE), (2, UPDATE_STMOTA)])
async def test_who_has_to_be_updated_is_said_with_the_command(
    way: str, major: int, remedy: str, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"STMOTA" + bytes((major, 7)) + b"what only that version understands")
    with pytest.raises(OtherVersion) as caught:
        await (peek_at_bridge(ours) if way == "look" else linked(ours))
    problem = link_problem("lab", "host:7820", caught.value)
    assert problem.message == (
        f"the bridge lab (host:7820) cannot be used: it speaks version {major}.7 of the bridge protocol,"
        " and this daemon 1.1"
    )
    assert problem.remedy == remedy
