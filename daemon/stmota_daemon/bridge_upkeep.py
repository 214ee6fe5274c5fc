"""What the jobs on a bridge itself share: the link, its answers in time, a restart, and refusals."""

from collections.abc import Generator
from contextlib import contextmanager

import trio

from stmota_daemon.bridge_care import BridgeCare, BridgeTooOld
from stmota_daemon.link import Link, LinkError
from stmota_daemon.peer_text import cleaned
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.limits import MAX_TEXT_BYTES
from stmota_protocol.upkeep import Restart, SettingsAnswer, SettingsVerdict

LINK_WITHIN_S = 10.0
"""For a bridge that is there: as long as one that restarts takes."""
ASK_WITHIN_S = 15.0
"""An answer is a round trip, and some tens of milliseconds for each value in the flash."""
BACK_WITHIN_S = 120.0
"""After a restart: Wi-Fi and DHCP take up to half a minute, a bad firmware is followed by another start."""
TRIAL_S = 600.0
"""For a new firmware to reach its controller, unless built otherwise (STMOTA_NEW_FIRMWARE_MINUTES)."""


def care_of(board: Board, link: Link) -> BridgeCare:
    """Return who asks the bridge. Raises `WorkFailed` for a serial port, which has nothing of this."""
    if link.care is None:
        message = f"{board.name} is a serial port of this machine: it has no settings or firmware of its own"
        raise WorkFailed(Problem(code=ProblemCode.BRIDGE_REFUSED, message=message))
    return link.care


@contextmanager
def asking(board: Board, within_s: float, so: str = "") -> Generator[None]:
    """Turn a link's end, and an answer that is late, into `WorkFailed`; `so` is what follows from it."""
    try:
        with trio.fail_after(within_s):
            yield
    except BridgeTooOld as error:
        problem = Problem(
            code=ProblemCode.BRIDGE_REFUSED,
            message=f"the bridge {board.name} is too old: {error}",
            remedy="write a newer firmware over its USB: stmota bridge install",
        )
        raise WorkFailed(problem) from error
    except LinkError as error:
        raise WorkFailed(_unreachable(board, f"{so}the link was lost: {error}")) from error
    except trio.TooSlowError as error:
        raise WorkFailed(_unreachable(board, f"{so}no answer within {within_s:.0f} s")) from error


def refused_by_bridge(board: Board, what: str, why: str) -> WorkFailed:
    """The bridge said no."""
    said = cleaned(why, MAX_TEXT_BYTES)
    return WorkFailed(
        Problem(code=ProblemCode.BRIDGE_REFUSED, message=f"the bridge {board.name}: {what}: {said}")
    )


async def restart(board: Board, report: Report, link: Link, *, is_update: bool = False) -> Link:
    """Restart the bridge, and return the link to its next boot. Raises `WorkFailed`.

    `is_update`: it starts a new firmware, which goes by itself when it reaches nobody; that is waited for.
    """
    report.phase(Phase.START, 0, f"restarting the bridge {board.name}")
    with asking(board, ASK_WITHIN_S):
        answer = await care_of(board, link).ask(Restart())
    if not isinstance(answer, SettingsAnswer) or answer.verdict is SettingsVerdict.REFUSED:
        said = answer.text if isinstance(answer, SettingsAnswer) else "an answer to another question"
        raise refused_by_bridge(board, "it does not restart", said)
    boot_id = link.identity.boot_id
    back = await _next_boot(board, boot_id, BACK_WITHIN_S)
    if back is None and is_update:
        report.note(
            f"no word from {board.name} since its restart; a new firmware that does not reach its controller"
            f" gives up after {TRIAL_S / 60:.0f} minutes, and the one before comes back: waiting for that",
            warning=True,
        )
        back = await _next_boot(board, boot_id, TRIAL_S)
    if back is None:
        waited_s = BACK_WITHIN_S + (TRIAL_S if is_update else 0.0)
        raise WorkFailed(_not_back(board, waited_s))
    return back


async def _next_boot(board: Board, boot_id: bytes, within_s: float) -> Link | None:
    """Return the link to another boot than this; None: there was none in time. Raises `WorkFailed`."""
    with trio.move_on_after(within_s):
        link = await board.link(2 * within_s)
        while link.identity.boot_id == boot_id:
            link = await board.link(2 * within_s)
        return link
    return None


def _not_back(board: Board, waited_s: float) -> Problem:
    remedy = "is its Wi-Fi in reach, are its settings right? over USB: stmota bridge provision"
    message = f"the bridge {board.name} was restarted and did not come back within {waited_s:.0f} s"
    return Problem(code=ProblemCode.UNREACHABLE, message=message, remedy=remedy)


def _unreachable(board: Board, why: str) -> Problem:
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the bridge {board.name}: {why}",
        remedy="`stmota discover` shows whether it is there; then give the command again",
    )
