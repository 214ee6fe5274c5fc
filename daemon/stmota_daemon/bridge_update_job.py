"""The bridge-update job: a new firmware for the bridge itself, checked, tried, kept when it works."""

import hashlib
import re

import trio

from stmota_daemon.bridge_upkeep import LINK_WITHIN_S, asking, care_of, refused_by_bridge, restart
from stmota_daemon.peer_text import MAX_VERSION, cleaned
from stmota_daemon.refusals import refuse
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.bridge_work import BridgeUpdateOptions, BridgeUpdateResult
from stmota_protocol.esp_image import EspImage, NotAnEspImage, read_esp_image
from stmota_protocol.steps import EdgeIdentity
from stmota_protocol.upkeep import UpdateState

SEND_WITHIN_S = 900.0
"""2 MB at 2.5 kB/s: a link that is slower than the slowest console is broken."""
PROJECT = "stmota_bridge"
"""What bridge_firmware/CMakeLists.txt calls itself: for a bridge that does not tell its own."""
HOST_CHIP = "host"
"""The bridge as a program of its machine, which keeps an image of any chip."""


async def bridge_update(
    board: Board, report: Report, image: bytes, options: BridgeUpdateOptions
) -> WorkOutcome:
    """Check the image, send it, restart the bridge, and see which version runs. Raises `WorkFailed`."""
    report.phase(Phase.CHECK, 0, f"checking {options.filename}")
    described = _read(image, options.filename)
    link = await board.link(LINK_WITHIN_S)
    before = link.identity
    _check(described, before, options, report)
    began_s = trio.current_time()
    report.phase(Phase.WRITE, len(image), f"sending {described.version} to {board.name}: {len(image)} bytes")

    def sent(done: int) -> None:
        report.progress(done, done / max(trio.current_time() - began_s, 1e-6), 0.0)

    with asking(board, SEND_WITHIN_S):
        status = await care_of(board, link).send_image(image, hashlib.sha256(image).digest(), sent)
    if status.state is not UpdateState.WRITTEN:
        raise refused_by_bridge(board, "its firmware was not changed", status.text)
    link = await restart(board, report, link)
    version = cleaned(link.identity.firmware, MAX_VERSION)
    if version != _told(described.version):
        raise WorkFailed(_went_back(board, described, version))
    result = BridgeUpdateResult(
        version=version,
        version_before=cleaned(before.firmware, MAX_VERSION),
        length=len(image),
        seconds=trio.current_time() - began_s,
    )
    return WorkOutcome(result=result)


def _read(image: bytes, filename: str) -> EspImage:
    try:
        return read_esp_image(image)
    except NotAnEspImage as error:
        problem = Problem(
            code=ProblemCode.NOT_FIRMWARE,
            message=f"{filename}: {error}",
            remedy="give the application's image, as idf.py makes it: build/stmota_bridge.bin",
            step="check",
        )
        raise WorkFailed(problem) from error


def _check(image: EspImage, bridge: EdgeIdentity, options: BridgeUpdateOptions, report: Report) -> None:
    """Raises `WorkFailed` when the image is not for this bridge, or no newer and that was not forced."""
    project = bridge.project or PROJECT
    if image.project != project:
        message = f"{options.filename} is of the project {image.project!r}; the bridge runs {project!r}"
        raise WorkFailed(Problem(code=ProblemCode.NOT_FIRMWARE, message=message, step="check"))
    chip = bridge.chip.partition("-")[0]  # "esp32-emac" is an esp32
    if chip not in ("", HOST_CHIP, image.chip):
        message = f"{options.filename} is for an {image.chip}; the bridge is an {chip}"
        raise WorkFailed(Problem(code=ProblemCode.WRONG_CHIP, message=message, step="check"))
    runs = cleaned(bridge.firmware, MAX_VERSION)
    if _is_newer(image.version, runs):
        return
    problem = Problem(
        code=ProblemCode.BRIDGE_REFUSED,
        message=f"{options.filename} is version {image.version}, and the bridge runs {runs}: it is no newer",
        remedy="--force writes it all the same",
        step="check",
        overridable=True,
    )
    refuse(problem, report, force=options.force)


def _is_newer(version: str, runs: str) -> bool:
    """By their numbers, one after the other; what has none of them is newer where it is another."""
    numbers, theirs = ([int(number) for number in re.findall(r"\d+", text)] for text in (version, runs))
    return numbers > theirs if numbers and theirs else version != runs


def _told(version: str) -> str:
    """As a greeting can tell it."""
    return cleaned(version.encode()[:32].decode("utf-8", "ignore"), MAX_VERSION)


def _went_back(board: Board, image: EspImage, runs: str) -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message=f"the bridge {board.name} went back to {runs}: {image.version} did not come up",
        remedy="what it said while it started is on its own console (USB, 115200 baud)",
    )
