"""What a bridge is doing, from what is known: one function, each combination decided."""

from stmota_daemon.link import LinkError, LinkHeld, NotSecure, OtherVersion, SecuredElsewhere
from stmota_protocol.api import BridgeState, JobKind, Problem, ProblemCode, SecureState

UPDATE_STMOTA = (
    "the daemon is too old for this bridge: pip install --upgrade stmota on its machine,"
    " then stmota daemon stop"
)
UPDATE_BRIDGE = (
    "the bridge is too old for this daemon: write a newer firmware over its USB: stmota bridge install;"
    " one that is a program is updated on its machine: pip install --upgrade stmota"
)


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


def secure_state(
    *, is_ours: bool, trouble: LinkError | None, has_answered: bool, is_announced: bool | None
) -> SecureState | None:
    """Return whether a bridge is in secure mode, and whose; None: nothing tells.

    `is_announced`: what mDNS says of it, which what was found at the bridge itself is better than.
    """
    if is_ours or isinstance(trouble, NotSecure):
        return SecureState.OURS
    if isinstance(trouble, SecuredElsewhere):
        return SecureState.OTHERS
    if has_answered or is_announced is False:
        return SecureState.PLAIN
    return SecureState.OTHERS if is_announced else None


def link_problem(name: str, address: str, trouble: LinkError | None) -> Problem:
    """Return why there is no link to a bridge, as the user is to see it."""
    if isinstance(trouble, LinkHeld):
        return Problem(
            code=ProblemCode.HELD,
            message=f"the bridge {name} ({address}) is held by {trouble.holder_name}",
            remedy=f"end it there, or wait until {trouble.holder_name} lets go",
        )
    if isinstance(trouble, SecuredElsewhere):
        return Problem(
            code=ProblemCode.SECURED_ELSEWHERE,
            message=f"the bridge {name} ({address}) cannot be used: {trouble}",
            remedy="use that daemon, or bring its CA here (stmota bridge ca export there, ca import here);"
            " or let the bridge forget it at its console: insecure",
        )
    if isinstance(trouble, NotSecure):
        return Problem(
            code=ProblemCode.NOT_SECURE,
            message=f"the bridge {name} ({address}) is not trusted: {trouble}",
            remedy=f"if you reset it at its console: stmota bridge secure {name}, or, to use it without TLS,"
            f" stmota bridge forget-security {name}",
        )
    if isinstance(trouble, OtherVersion):
        return Problem(
            code=ProblemCode.UNREACHABLE,
            message=f"the bridge {name} ({address}) cannot be used: {trouble}",
            remedy=UPDATE_STMOTA if trouble.is_bridge_newer else UPDATE_BRIDGE,
        )
    said = str(trouble or "").removeprefix(f"{address}: ") or "no answer yet"
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the bridge {name} ({address}) cannot be reached: {said}",
        remedy="is it powered and in reach, and is that its address? `stmota discover` shows what answers",
    )
