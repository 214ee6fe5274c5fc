"""The bridge-update job: a new firmware for the bridge itself, checked, tried, kept when it works."""

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import trio

from stmota_daemon.bridge_image import check_image, read_image, told
from stmota_daemon.bridge_upkeep import LINK_WITHIN_S, asking, care_of, refused_by_bridge, restart
from stmota_daemon.errors import DaemonError
from stmota_daemon.link import Link
from stmota_daemon.peer_text import MAX_VERSION, cleaned
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.api.bridge_work import BridgeUpdateOptions, BridgeUpdateResult
from stmota_protocol.esp_image import EspImage
from stmota_protocol.steps import EdgeIdentity
from stmota_protocol.upkeep import FirmwareTrial, UpdateState

SEND_WITHIN_S = 900.0
"""2 MB at 2.5 kB/s: a link that is slower than the slowest console is broken."""
SignUpdate: TypeAlias = Callable[[str, int, bytes], bytes | None]
"""Unique id in hex, length and SHA-256 of an image: the signature of the CA that secured that bridge."""


async def bridge_update(
    board: Board,
    report: Report,
    image: bytes,
    options: BridgeUpdateOptions,
    sign: SignUpdate,
    is_resumed: bool,
) -> WorkOutcome:
    """Check the image, send it, restart the bridge, and see which firmware runs. Raises `WorkFailed`.

    `is_resumed`: an earlier daemon was at it, and may have done it.
    """
    report.phase(Phase.CHECK, 0, f"checking {options.filename}")
    described = read_image(image, options.filename)
    link = await board.link(LINK_WITHIN_S)
    before = link.identity
    began_s = trio.current_time()
    version_before = cleaned(before.firmware, MAX_VERSION)
    if is_resumed and not options.force and version_before == told(described.version):
        report.note(f"{board.name} runs {described.version} already: it was sent before the daemon ended")
    else:
        check_image(described, before, options, report)
        await _send(board, report, link, image, described, sign)
        link = await restart(board, report, link, is_update=True)
        _check_outcome(board, described, link.identity)
    result = BridgeUpdateResult(
        version=cleaned(link.identity.firmware, MAX_VERSION),
        version_before=version_before,
        length=len(image),
        seconds=trio.current_time() - began_s,
    )
    return WorkOutcome(result=result)


async def _send(
    board: Board, report: Report, link: Link, image: bytes, described: EspImage, sign: SignUpdate
) -> None:
    """Raises `WorkFailed` when it did not arrive, or the bridge refuses it: then nothing has changed."""
    began_s = trio.current_time()
    digest = hashlib.sha256(image).digest()
    try:
        signature = sign(link.identity.unique_id.hex(), len(image), digest) or b""
    except DaemonError as error:
        raise WorkFailed(Problem(code=ProblemCode.NOT_SECURE, message=str(error), step="check")) from error
    report.phase(Phase.SEND, len(image), f"sending {described.version} to {board.name}: {len(image)} bytes")

    def sent(done: int) -> None:
        report.progress(done, done / max(trio.current_time() - began_s, 1e-6), 0.0)

    with asking(board, SEND_WITHIN_S, "its firmware was not changed: "):
        status = await care_of(board, link).send_image(image, digest, signature, sent)
    if status.state is not UpdateState.WRITTEN:
        raise refused_by_bridge(board, "its firmware was not changed", status.text)


def _check_outcome(board: Board, image: EspImage, after: EdgeIdentity) -> None:
    """Raises `WorkFailed` when the bridge is back with another firmware than the one that was sent.

    Of two that call themselves the same, the bridge's own word decides, which not every bridge gives.
    """
    runs = cleaned(after.firmware, MAX_VERSION)
    if runs == told(image.version) and after.trial is not FirmwareTrial.FAILED:
        return
    why = (
        "the new firmware did not reach its controller"
        if after.trial is FirmwareTrial.FAILED
        else "the new firmware did not start"
    )
    remedy = "what it said while it started is on its own console (USB, 115200 baud)"
    message = f"the bridge {board.name} went back to {runs}: {why} ({image.version})"
    raise WorkFailed(Problem(code=ProblemCode.FAILED, message=message, remedy=remedy))
