"""Bridges that announce themselves, on this machine's loopback."""

import os
import signal

import pytest

from real_lab import RealLab
from sample_images import make_image
from stmota_protocol.api import Bridge, BridgeEvent, BridgeGone, BridgeState, DaemonEvent

pytestmark = pytest.mark.usefixtures("alone_on_mdns")
LOOPBACK = ("--mdns-interface", "127.0.0.1")
UNIQUE = f"e2e-{os.getpid()}"


def wait_for(lab: RealLab, *names: str) -> list[Bridge]:
    """Wait until bridges of these names, each with an id of its own, are there and free."""
    found: dict[str | None, Bridge] = {}
    for event in lab.api.events():
        if isinstance(event, BridgeEvent) and event.bridge.name in names:
            found[event.bridge.id] = event.bridge
        if sorted(one.name for one in found.values() if one.state is BridgeState.IDLE) == sorted(names):
            return list(found.values())
    message = f"the daemon ended its events; found: {found}"
    raise AssertionError(message)


def test_a_bridge_is_found_flashed_and_missed_when_it_goes(lab: RealLab) -> None:
    lab.configure("")
    lab.daemon(*LOOPBACK)
    announced = lab.announced_bridge(UNIQUE).ready()
    (bridge,) = wait_for(lab, UNIQUE)
    listed = {one["name"]: one for one in lab.stmota("discover", "--json").json}
    assert listed[UNIQUE]["origins"] == ["mdns"]
    assert listed[UNIQUE]["address"] == f"127.0.0.1:{announced.port}"
    assert listed[UNIQUE]["id"] == bridge.id
    ended = lab.stmota("flash", "-b", UNIQUE, lab.file("fw.bin", make_image(2048)))
    assert ended.code == 0, ended.err
    events = lab.api.events()
    next(events)  # subscribed: the full state comes first
    announced.signal(signal.SIGTERM)
    assert announced.wait().code == 0
    assert any(is_missed(event) for event in events)


def is_missed(event: DaemonEvent) -> bool:
    """Whether it tells that the bridge is gone, or out of reach while somebody may still want it."""
    if isinstance(event, BridgeEvent):
        return event.bridge.name == UNIQUE and event.bridge.state is BridgeState.UNREACHABLE
    return isinstance(event, BridgeGone) and event.name == UNIQUE


def test_two_bridges_of_one_name_are_told_apart_by_their_ids(lab: RealLab) -> None:
    lab.configure("")
    lab.daemon(*LOOPBACK)
    name = f"{UNIQUE}-twin"
    for board in ("one", "two"):
        lab.served_bridge(name, lab.pty_board(board)).ready()
    ids = sorted(bridge.id or "" for bridge in wait_for(lab, name, name))
    assert len(set(ids)) == 2
    firmware = lab.file("fw.bin", make_image(2048))
    ended = lab.stmota("flash", "-b", name, firmware)
    assert (ended.code, ended.out) == (2, "")
    assert f"error: 2 bridges are called '{name}': {', '.join(ids)}\n" in ended.err, ended.err
    for one in ids:
        ended = lab.stmota("flash", "-b", one, firmware)
        assert ended.code == 0, ended.err
    assert [job.bridge_id for job in lab.api.jobs()] == ids[::-1]
