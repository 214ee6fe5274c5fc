"""Whether an image is a firmware for a bridge, before it is sent: project, chip, version, protocol."""

import re

from stmota_daemon.peer_text import MAX_VERSION, cleaned
from stmota_daemon.refusals import refuse
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.api.bridge_work import BridgeUpdateOptions
from stmota_protocol.esp_image import EspImage, NotAnEspImage, read_esp_image
from stmota_protocol.frames import MAJOR, MINOR
from stmota_protocol.limits import MAX_FIRMWARE_BYTES
from stmota_protocol.steps import EdgeIdentity

PROJECT = "stmota_bridge"
"""What bridge_firmware/CMakeLists.txt calls itself: for a bridge that does not tell its own."""
HOST_CHIP = "host"
"""The bridge as a program of its machine, which keeps an image of any chip."""
STEP = "check"


def read_image(image: bytes, filename: str) -> EspImage:
    """Read what an image says of itself. Raises `WorkFailed` for what is none, or not all of one."""
    try:
        return read_esp_image(image)
    except NotAnEspImage as error:
        problem = Problem(
            code=ProblemCode.NOT_FIRMWARE,
            message=f"{filename}: {error}",
            remedy="give the application's image, as idf.py makes it: build/stmota_bridge.bin",
            step=STEP,
        )
        raise WorkFailed(problem) from error


def check_image(image: EspImage, bridge: EdgeIdentity, options: BridgeUpdateOptions, report: Report) -> None:
    """Check that an image is for this bridge, newer than what it runs, and one to speak to afterwards.

    Raises `WorkFailed`; the last two can be forced, and are noted then.
    """
    project = bridge.project or PROJECT
    if image.project != project:
        message = f"{options.filename} is of the project {image.project!r}; the bridge runs {project!r}"
        raise WorkFailed(Problem(code=ProblemCode.NOT_FIRMWARE, message=message, step=STEP))
    chip = bridge.chip.partition("-")[0]  # "esp32-emac" is an esp32
    if chip not in ("", HOST_CHIP, image.chip):
        message = f"{options.filename} is for an {image.chip}; the bridge is an {chip}"
        raise WorkFailed(Problem(code=ProblemCode.WRONG_CHIP, message=message, step=STEP))
    _check_version(image, bridge, options, report)
    _check_protocol(image, options, report)


def told(version: str) -> str:
    """Return an image's version as a greeting tells it."""
    return cleaned(version.encode()[:MAX_FIRMWARE_BYTES].decode("utf-8", "ignore"), MAX_VERSION)


def _check_version(
    image: EspImage, bridge: EdgeIdentity, options: BridgeUpdateOptions, report: Report
) -> None:
    runs = cleaned(bridge.firmware, MAX_VERSION)
    if not image.version:
        message = f"{options.filename} does not tell its version: nobody could see whether it runs"
        raise WorkFailed(Problem(code=ProblemCode.NOT_FIRMWARE, message=message, step=STEP))
    if _is_newer(image.version, runs):
        return
    message = f"{options.filename} is version {image.version}, and the bridge runs {runs}: it is no newer"
    refuse(_overridable(message), report, force=options.force)


def _check_protocol(image: EspImage, options: BridgeUpdateOptions, report: Report) -> None:
    if image.protocol is None:
        message = f"{options.filename} does not tell which version of the bridge protocol it speaks"
    elif image.protocol[0] != MAJOR:
        theirs = ".".join(map(str, image.protocol))
        message = (
            f"{options.filename} speaks version {theirs} of the bridge protocol, and this daemon"
            f" {MAJOR}.{MINOR}: it could not speak to the bridge any more"
        )
    else:
        return
    refuse(_overridable(message), report, force=options.force)


def _overridable(message: str) -> Problem:
    remedy = "--force writes it all the same"
    return Problem(
        code=ProblemCode.BRIDGE_REFUSED, message=message, remedy=remedy, step=STEP, overridable=True
    )


def _is_newer(version: str, runs: str) -> bool:
    """By their numbers, one after the other; what has none of them is newer where it is another."""
    numbers, theirs = ([int(number) for number in re.findall(r"\d+", text)] for text in (version, runs))
    return numbers > theirs if numbers and theirs else version != runs
