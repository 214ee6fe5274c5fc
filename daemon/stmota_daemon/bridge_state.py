"""What a bridge is doing, from what is known: one function, each combination decided."""

from stmota_daemon.link import LinkError, LinkHeld
from stmota_protocol.api import BridgeState, JobKind, Problem, ProblemCode


def bridge_state(*, is_there: bool, trouble: LinkError | None, job: JobKind | None) -> BridgeState:
    """Return the state. A job that runs counts for more than the link: it may be mending it.

    `is_there`: there is a link, or the newest look found the bridge free.
    """
    if job is JobKind.FLASH:
        return BridgeState.FLASHING
    if job is not None:
        return BridgeState.BUSY
    if is_there:
        return BridgeState.IDLE
    if trouble is None:
        return BridgeState.CONNECTING
    return BridgeState.HELD if isinstance(trouble, LinkHeld) else BridgeState.UNREACHABLE


def link_problem(name: str, address: str, trouble: LinkError | None) -> Problem:
    """Return why there is no link to a bridge, as the user is to see it."""
    if isinstance(trouble, LinkHeld):
        return Problem(
            code=ProblemCode.HELD,
            message=f"the bridge {name} ({address}) is held by {trouble.holder_name}",
            remedy=f"end it there, or wait until {trouble.holder_name} lets go",
        )
    said = str(trouble or "").removeprefix(f"{address}: ") or "no answer yet"
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the bridge {name} ({address}) cannot be reached: {said}",
        remedy="is it powered and in reach, and is that its address? `stmota discover` shows what answers",
    )
