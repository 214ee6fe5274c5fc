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


def care_of(board: Board, link: Link) -> BridgeCare:
    """Return who asks the bridge. Raises `WorkFailed` for a serial port, which has nothing of this."""
    if link.care is None:
        message = f"{board.name} is a serial port of this machine: it has no settings or firmware of its own"
        raise WorkFailed(Problem(code=ProblemCode.BRIDGE_REFUSED, message=message))
    return link.care


@contextmanager
def asking(board: Board, within_s: float) -> Generator[None]:
    """Turn a link's end, and an answer that does not come in time, into `WorkFailed`."""
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
        raise WorkFailed(_unreachable(board, f"the link was lost: {error}")) from error
    except trio.TooSlowError as error:
        raise WorkFailed(_unreachable(board, f"no answer within {within_s:.0f} s")) from error


def refused_by_bridge(board: Board, what: str, why: str) -> WorkFailed:
    """The bridge said no."""
    said = cleaned(why, MAX_TEXT_BYTES)
    return WorkFailed(
        Problem(code=ProblemCode.BRIDGE_REFUSED, message=f"the bridge {board.name}: {what}: {said}")
    )


async def restart(board: Board, report: Report, link: Link) -> Link:
    """Restart the bridge, and return the link to its next boot. Raises `WorkFailed`."""
    report.phase(Phase.START, 0, f"restarting the bridge {board.name}")
    with asking(board, ASK_WITHIN_S):
        answer = await care_of(board, link).ask(Restart())
    if not isinstance(answer, SettingsAnswer) or answer.verdict is SettingsVerdict.REFUSED:
        said = answer.text if isinstance(answer, SettingsAnswer) else "an answer to another question"
        raise refused_by_bridge(board, "it does not restart", said)
    boot_id = link.identity.boot_id
    with trio.move_on_after(BACK_WITHIN_S):
        while link.identity.boot_id == boot_id:
            link = await board.link(BACK_WITHIN_S)
        return link
    remedy = "is its Wi-Fi in reach, are its settings right? over USB: stmota bridge provision"
    message = f"the bridge {board.name} was restarted and did not come back within {BACK_WITHIN_S:.0f} s"
    raise WorkFailed(Problem(code=ProblemCode.UNREACHABLE, message=message, remedy=remedy))


def _unreachable(board: Board, why: str) -> Problem:
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the bridge {board.name}: {why}",
        remedy="`stmota discover` shows whether it is there; then give the command again",
    )
