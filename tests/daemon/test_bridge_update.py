"""`stmota bridge update` as the daemon does it: what is refused ahead, and what it says of each outcome."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from esp_images import image
from lab import LabDaemon, lab_daemon
from sample_images import make_image
from stmota_protocol.api import Job, JobKind, JobRequest, JobState, Phase, PhaseEvent
from stmota_protocol.api.bridge_work import BridgeUpdateOptions, BridgeUpdateResult
from stmota_protocol.upkeep import FirmwareTrial
from stmota_simulator.boards import make_board
from updatable_bridge import Fate, UpdatableBridge, crashes, is_gone, reaches_nobody, works


class Bench:
    """A daemon and one bridge of 1.0.0."""

    def __init__(self, daemon: LabDaemon, bridge: UpdatableBridge) -> None:
        self.daemon = daemon
        self.bridge = bridge

    def start(self, data: bytes, *, force: bool = False) -> Job:
        firmware = self.daemon.services.firmware.put(data)
        options = BridgeUpdateOptions(firmware=firmware, filename="fw.bin", force=force)
        return self.daemon.bridges.submit(
            JobRequest(kind=JobKind.BRIDGE_UPDATE, bridge="lab", options=options)
        )

    async def update(self, data: bytes, *, force: bool = False) -> Job:
        return await self.daemon.ended(self.start(data, force=force))


@asynccontextmanager
async def bench(state_dir: Path) -> AsyncGenerator[Bench, None]:
    async with trio.open_nursery() as nursery:
        bridge = UpdatableBridge(make_board("F103xB"), nursery)
        with trio.fail_after(3600):
            async with lab_daemon(state_dir, {"lab": bridge.first}, bridge.connect) as daemon:
                yield Bench(daemon, bridge)
        nursery.cancel_scope.cancel()


def result(job: Job) -> tuple[str, str]:
    assert job.state is JobState.DONE, job.problem
    assert isinstance(job.result, BridgeUpdateResult)
    return job.result.version_before, job.result.version


def problem(job: Job) -> str:
    assert job.state is JobState.FAILED
    assert job.problem is not None
    return job.problem.message


async def test_a_new_firmware_is_sent_tried_and_kept(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with bench(tmp_path) as lab:
        job = await lab.update(image("1.0.1"))
        assert result(job) == ("1.0.0", "1.0.1")
        events = await lab.daemon.events(job)
        assert [(event.phase, event.total) for event in events if isinstance(event, PhaseEvent)] == [
            (Phase.CHECK, 0),
            (Phase.SEND, 30_000),
            (Phase.START, 0),
        ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF" + bytes(300), "fw.bin: it is an ELF file; idf.py leaves the image beside it"),
        (b"\xe9" * 50, "fw.bin: it has 50 bytes: too few for a firmware image of an ESP32"),
        (bytes(400), "fw.bin: it begins with 0x00; a firmware image of an ESP32 does with 0xE9"),
        (image("2.0")[:-1], "fw.bin: it is cut: it has 29999 bytes, and goes on to byte 30000 at least"),
        (image("2.0")[:9000], "fw.bin: it is cut: it has 9000 bytes, and goes on to byte 29967 at least"),
        (image("2.0", has_hash=False)[:-1], "fw.bin: it is cut: it has 29999 bytes"),
        (image("2.0")[:500] + b"?" + image("2.0")[501:], "fw.bin: it is damaged: its checksum or its SHA"),
        (image("2.0", "blinky"), "fw.bin is of the project 'blinky'; the bridge runs 'stmota_bridge'"),
        (image("2.0", chip_id=5), "fw.bin is for an esp32c3; the bridge is an esp32"),
        (image(""), "fw.bin does not tell its version"),
        (image("1.0.0"), "fw.bin is version 1.0.0, and the bridge runs 1.0.0: it is no newer"),
        (image("0.9.9"), "fw.bin is version 0.9.9, and the bridge runs 1.0.0: it is no newer"),
        (
            image("2.0", protocol="2.0"),
            "fw.bin speaks version 2.0 of the bridge protocol, and this daemon",
        ),
        (image("2.0", protocol=None), "fw.bin does not tell which version of the bridge protocol it speaks"),
    ],
)
async def test_what_is_no_newer_firmware_for_this_bridge_is_refused_before_it_is_sent(
    data: bytes, said: str, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        seen: list[int] = []
        lab.bridge.at = seen.append
        assert problem(await lab.update(data)).startswith(said)
        assert (seen, lab.bridge.restarts) == ([], 0)


@pytest.mark.parametrize("data", [image("0.9.9"), image("1.0.0"), image("2.0", protocol="2.0")])
async def test_a_version_or_a_protocol_can_be_forced(
    data: bytes, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        job = await lab.update(data, force=True)
        assert job.state is JobState.DONE
        assert any(note.endswith("(overridden by --force)") for note in await lab.daemon.notes(job))


@pytest.mark.parametrize("fate", [crashes, reaches_nobody])
@pytest.mark.parametrize("version", ["1.0.1", "1.0.0"])
async def test_the_firmware_before_that_comes_back_is_said_also_of_the_same_version(
    fate: Fate, version: str, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        lab.bridge.fate = fate
        job = await lab.update(image(version), force=True)
        assert problem(job) == (
            f"the bridge lab went back to 1.0.0: the new firmware did not reach its controller ({version})"
        )
        waits = [note for note in await lab.daemon.notes(job) if "gives up after 10 minutes" in note]
        assert len(waits) == (fate is reaches_nobody)


async def test_a_bridge_of_which_another_version_runs_is_said_to_have_gone_back(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async def forgets(bridge: UpdatableBridge, version: str) -> None:
        del version
        bridge.boot("1.0.0", FirmwareTrial.NONE)

    async with bench(tmp_path) as lab:
        lab.bridge.fate = forgets
        said = problem(await lab.update(image("1.0.1")))
        assert said == "the bridge lab went back to 1.0.0: the new firmware did not start (1.0.1)"


async def test_a_bridge_that_never_comes_back_is_said_to_be_away(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        lab.bridge.fate = is_gone
        began_s = trio.current_time()
        said = problem(await lab.update(image("1.0.1")))
        assert said == "the bridge lab was restarted and did not come back within 720 s"
        assert trio.current_time() - began_s >= 720


async def test_a_link_lost_in_the_middle_changes_nothing_and_the_next_update_works(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        first = lab.bridge.first
        lab.bridge.at = lambda count: first.cut_connections() if count > 15_000 else None
        said = problem(await lab.update(image("1.0.1")))
        assert said.startswith("the bridge lab: its firmware was not changed: the link was lost: ")
        lab.bridge.at = lambda _: None
        assert result(await lab.update(image("1.0.1"))) == ("1.0.0", "1.0.1")


async def test_a_cancelled_update_changes_nothing_and_the_next_one_works(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        lab.bridge.at = lambda count: lab.daemon.bridges.cancel(job.id) if count == 1008 else None
        job = lab.start(image("1.0.1"))
        assert (await lab.daemon.ended(job)).state is JobState.CANCELLED
        assert lab.bridge.restarts == 0
        lab.bridge.at = lambda _: None
        assert result(await lab.update(image("1.0.1"))) == ("1.0.0", "1.0.1")


async def test_a_second_update_and_a_flash_wait_for_the_first(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bench(tmp_path) as lab:
        flash = lab.daemon.flash("lab", make_image(2048))
        first, second, third = (lab.start(image(version)) for version in ("1.0.1", "1.0.2", "1.0.2"))
        assert result(await lab.daemon.ended(second)) == ("1.0.1", "1.0.2")
        assert result(await lab.daemon.ended(first)) == ("1.0.0", "1.0.1")
        assert (await lab.daemon.ended(flash)).state is JobState.DONE
        assert "the bridge runs 1.0.2: it is no newer" in problem(await lab.daemon.ended(third))


@pytest.mark.parametrize("when", ["sending", "restarting"])
async def test_a_daemon_killed_in_the_middle_leaves_an_update_that_the_next_one_ends(
    when: str, autojump_clock: MockClock, tmp_path: Path
) -> None:
    killed = trio.Event()

    async def kills(bridge: UpdatableBridge, version: str) -> None:
        killed.set()
        await works(bridge, version)

    async with trio.open_nursery() as nursery:
        bridge = UpdatableBridge(make_board("F103xB"), nursery)
        if when == "sending":
            bridge.at = lambda count: killed.set() if count > 15_000 else None
        else:
            bridge.fate = kills
        async with lab_daemon(tmp_path, {"lab": bridge.first}, bridge.connect) as daemon:
            job = Bench(daemon, bridge).start(image("1.0.1"))
            with trio.fail_after(600):
                await killed.wait()
        bridge.at, bridge.fate = (lambda _: None), works
        async with lab_daemon(tmp_path, {"lab": bridge.first}, bridge.connect) as daemon:
            ended = await daemon.ended(job)
            assert isinstance(ended.result, BridgeUpdateResult)
            assert (ended.result.version, ended.restarts) == ("1.0.1", 1)
            assert bridge.restarts == 1
        nursery.cancel_scope.cancel()
