"""BRIDGE_PROTOCOL.md, section 6, over the wire: settings, restart, update."""

import hashlib
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from bridge_bench import LONG, Bench, bench_of
from bridge_peer import Peer
from bridge_process import running_bridge
from esp_images import image
from stmota_protocol.messages import (
    BatchRequest,
    BeginRun,
    CloseReason,
    Console,
    Greeting,
    Message,
    Welcome,
)
from stmota_protocol.steps import Unclaimed
from stmota_protocol.upkeep import (
    FirmwareTrial,
    GetSettings,
    NetworkRights,
    Restart,
    SetSettings,
    SettingChange,
    SettingFlags,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
    UpdateBegin,
    UpdateCancel,
    UpdateData,
    UpdateFinish,
    UpdateState,
    UpdateStatus,
)
from stmota_protocol.wire import encode_message

SLOT_BYTES = 0x1E0000  # bridge_firmware/partitions.csv: ota_0
PYTHON_BRIDGE = "import typer; from stmota_edge.cli import serve; typer.run(serve)"


@pytest.fixture(params=["c", "python"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> "Kept":
    """A bridge whose network may do all that this kind of bridge can."""
    if request.config.getoption("--bridge"):
        pytest.skip("settings and firmware of a real bridge are not played with")
    if request.param == "python":
        command = [sys.executable, "-c", PYTHON_BRIDGE, "--no-mdns", "--settings", str(tmp_path / "kept")]
        return Kept(command, is_c=False)
    (tmp_path / "net_settings").write_text("yes")
    (tmp_path / "net_update").write_text("yes")
    program: Path = request.getfixturevalue("stmota_bridge")
    return Kept([str(program), "--state-dir", str(tmp_path)], is_c=True)


class Kept:
    """A bridge that keeps settings."""

    def __init__(self, command: list[str], *, is_c: bool) -> None:
        self.command = command
        self.is_c = is_c

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Bench, None]:
        with running_bridge(self.command) as running:
            async with bench_of(running) as bench:
                yield bench


async def ask(peer: Peer, message: Message) -> Message:
    """The answer; keep-alives and console aside."""
    await peer.send(message)
    while isinstance(answer := await peer.receive(), Console):
        pass
    assert answer is not None
    return answer


async def change(peer: Peer, **values: str) -> SettingsAnswer:
    changes = tuple(SettingChange(key, value) for key, value in values.items())
    answer = await ask(peer, SetSettings(changes))
    assert isinstance(answer, SettingsAnswer)
    return answer


async def table(peer: Peer) -> dict[str, tuple[str, SettingFlags]]:
    answer = await ask(peer, GetSettings())
    assert isinstance(answer, Settings)
    return {setting.key: (setting.value, setting.flags) for setting in answer.settings}


async def restarted(bench: Bench, peer: Peer) -> Peer:
    """After a restart: a controller of the bridge's next boot."""
    assert peer.connection.greeting is not None
    boot_id = peer.connection.greeting.identity.boot_id
    assert await ask(peer, Restart()) == SettingsAnswer(SettingsVerdict.DONE, "", "")
    assert (await peer.closing()).reason is CloseReason.SHUTDOWN
    while True:
        try:
            fresh = await bench.peer()
            await fresh.stream.send_all(fresh.connection.preamble())
        except (OSError, trio.BrokenResourceError):
            await trio.lowlevel.checkpoint()
            continue
        greeting = await fresh.receive()  # None: it had not closed its listener yet
        if isinstance(greeting, Greeting) and greeting.identity.boot_id != boot_id:
            return fresh


@pytest.mark.rule("R57", "R58", "R53", "R63")
async def test_what_provisioning_did_not_allow_is_refused_and_says_how_to_allow_it(bench: Bench) -> None:
    peer = await bench.controller()
    assert peer.connection.peer_minor == 1
    assert (await bench.look()).identity.rights is NetworkRights.NONE
    for message in (GetSettings(), SetSettings((SettingChange("name", "x"),)), Restart()):
        answer = await ask(peer, message)
        assert isinstance(answer, SettingsAnswer)
        assert answer.verdict is SettingsVerdict.REFUSED
        assert "settings" in answer.text
    status = await ask(peer, UpdateBegin(1000, bytes(32)))
    assert isinstance(status, UpdateStatus)
    assert (status.state, status.granted) == (UpdateState.REFUSED, 0)
    assert status.text


@pytest.mark.rule("R59", "R60", "R61")
async def test_settings_are_told_changed_as_a_whole_and_in_force_after_a_restart(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        assert (await table(peer))["name"] == ("lab", SettingFlags.NONE)
        answer = await change(peer, name="bench 7", console="57600 8E1")
        assert answer == SettingsAnswer(SettingsVerdict.AFTER_RESTART, "", "")
        answer = await change(peer, name="other", console="fast")
        assert (answer.verdict, answer.key) == (SettingsVerdict.REFUSED, "console")
        assert "115200 8N1" in answer.text
        told = await table(peer)
        assert told["name"] == ("bench 7", SettingFlags.PENDING)
        assert told["console"] == ("57600 8E1", SettingFlags.PENDING)
        peer = await restarted(bench, peer)
        assert peer.connection.greeting is not None
        assert peer.connection.greeting.identity.name == "bench 7"
        assert isinstance(await bench.hello(peer), Welcome)
        assert (await table(peer))["console"] == ("57600 8E1", SettingFlags.NONE)
        assert await change(peer, name="bench 7") == SettingsAnswer(SettingsVerdict.DONE, "", "")


@pytest.mark.rule("R60", "R58")
@pytest.mark.parametrize("kept", ["c"], indirect=True)
async def test_a_right_can_be_taken_but_never_given_over_plain_tcp(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        assert (await change(peer, net_update="no")).verdict is SettingsVerdict.AFTER_RESTART
        given = await change(peer, net_update="yes")
        assert (given.verdict, given.key) == (SettingsVerdict.REFUSED, "net_update")


@pytest.mark.rule("R61", "R62", "R64")
async def test_no_restart_under_a_batch_and_no_second_question(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, LONG))
        refused = await ask(peer, Restart())
        assert refused == SettingsAnswer(SettingsVerdict.REFUSED, "", "a batch is under way")
        for broken in (
            encode_message(GetSettings()) * 2,  # R62
            encode_message(UpdateData(0, b"x")),  # R64: nothing was granted
            encode_message(Settings(())),  # not a controller's to say
        ):
            peer = await bench.controller()
            await peer.stream.send_all(broken)
            assert (await peer.closing()).reason is CloseReason.PROTOCOL_ERROR


async def trial(bench: Bench) -> tuple[str, FirmwareTrial]:
    """Which firmware the bridge greets with, and what it tells of the newest update."""
    identity = (await bench.look()).identity
    return identity.firmware, identity.trial


async def trial_if_there(bench: Bench) -> tuple[str, FirmwareTrial] | None:
    """The same; None while the bridge starts anew."""
    try:
        peer = await bench.peer()
        await peer.stream.send_all(peer.connection.preamble())
        greeting = await peer.receive()
    except (OSError, trio.BrokenResourceError):
        return None
    if not isinstance(greeting, Greeting) or greeting.identity.trial is FirmwareTrial.UNDER_WAY:
        return None
    return greeting.identity.firmware, greeting.identity.trial


async def send_image(peer: Peer, data: bytes, sha256: bytes | None = None) -> UpdateStatus:
    """Send all of it as it is granted; the status that ends it."""
    begin = UpdateBegin(len(data), sha256 or hashlib.sha256(data).digest())
    status: Message | None = await ask(peer, begin)
    at = 0
    while isinstance(status, UpdateStatus) and status.state is UpdateState.RECEIVING:
        assert status.granted - at <= 16384
        while room := peer.connection.update_room:
            piece = data[at : at + min(room, 1008)]
            await peer.send(UpdateData(at, piece))
            at += len(piece)
        if at == len(data):
            await peer.send(UpdateFinish())
        status = await peer.receive()
    assert isinstance(status, UpdateStatus)
    return status


@pytest.mark.rule("R63", "R64", "R65", "R66", "R67")
@pytest.mark.parametrize("kept", ["c"], indirect=True)
async def test_a_firmware_is_written_checked_tried_and_kept_or_taken_back(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        other = await send_image(peer, image(project="blinky"))
        assert other.state is UpdateState.REFUSED
        assert other.text == "this image is not a stmota bridge's"
        assert (await send_image(peer, image(), bytes(32))).text.endswith("its SHA-256 differs")
        begun = await ask(peer, UpdateBegin(30_000, bytes(32)))
        assert isinstance(begun, UpdateStatus)
        await peer.send(UpdateData(0, b"half"))
        assert await ask(peer, UpdateCancel()) == UpdateStatus(UpdateState.NONE, begun.granted, "")
        assert isinstance(await ask(peer, UpdateBegin(30_000, bytes(32))), UpdateStatus)
        peer = await bench.controller()  # R67: the one before is gone with its connection
        assert (await send_image(peer, image("1.2.3"))).state is UpdateState.WRITTEN
        peer = await restarted(bench, peer)
        assert await trial(bench) == ("1.2.3", FirmwareTrial.UNDER_WAY)
        assert isinstance(await bench.hello(peer), Welcome)  # which keeps it
        assert (await send_image(peer, image("1.2.4"))).state is UpdateState.WRITTEN
        await restarted(bench, peer)
        assert await trial(bench) == ("1.2.4", FirmwareTrial.UNDER_WAY)
    async with kept.running() as bench:  # no controller came: the one before is back
        assert await trial(bench) == ("1.2.3", FirmwareTrial.FAILED)
        peer = await bench.controller()
        assert (await send_image(peer, image("1.2.4"))).state is UpdateState.WRITTEN
        peer = await restarted(bench, peer)
        assert isinstance(await bench.hello(peer), Welcome)
        assert await trial(bench) == ("1.2.4", FirmwareTrial.NONE)


@pytest.mark.rule("R63", "R58")
async def test_an_image_longer_than_the_slot_is_refused_before_a_byte_of_it(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        refused = await ask(peer, UpdateBegin(SLOT_BYTES + 1, bytes(32)))
        assert isinstance(refused, UpdateStatus)
        assert (refused.state, refused.granted) == (UpdateState.REFUSED, 0)
        if not kept.is_c:  # which takes none of any length
            assert "is updated with pip" in refused.text
            return
        assert refused.text == (
            f"the image has {SLOT_BYTES + 1} bytes, and this bridge's slot for firmware {SLOT_BYTES}"
        )
        fits = await ask(peer, UpdateBegin(SLOT_BYTES, bytes(32)))
        assert isinstance(fits, UpdateStatus)
        assert fits.state is UpdateState.RECEIVING


@pytest.mark.rule("R65")
@pytest.mark.parametrize("kept", ["c"], indirect=True)
async def test_a_firmware_that_no_controller_comes_to_in_its_time_goes_by_itself(kept: Kept) -> None:
    kept.command += ["--trial", "1"]
    async with kept.running() as bench:
        peer = await bench.controller()
        assert (await send_image(peer, image("1.2.3"))).state is UpdateState.WRITTEN
        peer = await restarted(bench, peer)
        assert (await peer.closing()).reason is CloseReason.SHUTDOWN
        while (found := await trial_if_there(bench)) is None:
            await trio.lowlevel.checkpoint()
        assert found == ("host-0.1.0", FirmwareTrial.FAILED)


@pytest.mark.rule("R58", "R65", "R66")
@pytest.mark.parametrize("kept", ["python"], indirect=True)
async def test_a_soft_bridge_says_how_it_is_updated(kept: Kept) -> None:
    async with kept.running() as bench:
        peer = await bench.controller()
        assert (await bench.look()).identity.rights is NetworkRights.SETTINGS
        no = UpdateStatus(
            UpdateState.REFUSED, 0, "a soft bridge is updated with pip, on the machine where it runs"
        )
        assert await ask(peer, UpdateBegin(1000, bytes(32))) == no
        assert await ask(peer, UpdateFinish()) == no
        assert await ask(peer, UpdateCancel()) == UpdateStatus(UpdateState.NONE, 0, "")
