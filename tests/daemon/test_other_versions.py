"""A bridge of another major version of the protocol: who has to be updated, and how (R3)."""

import pytest
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


@pytest.mark.rule("R3")
@pytest.mark.parametrize("way", ["look", "link"])
@pytest.mark.parametrize(
    ("major", "update", "remedy"), [(0, "the peer", UPDATE_BRIDGE), (2, "this side", UPDATE_STMOTA)]
)
async def test_who_has_to_be_updated_is_said_with_the_command(
    way: str, major: int, update: str, remedy: str, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"STMOTA" + bytes((major, 7)) + b"what only that version understands")
    with pytest.raises(OtherVersion) as caught:
        if way == "look":
            await peek_at_bridge(ours)
        else:
            async with open_bridge_link(ours, b"controller-0001.", "desk"):
                pytest.fail("it is no bridge to speak to")
    problem = link_problem("lab", "host:7820", caught.value)
    assert problem.message == (
        f"the bridge lab (host:7820) cannot be used: the peer speaks version {major}.7 of the bridge protocol,"
        f" this side 1.1: update {update}"
    )
    assert problem.remedy == remedy
