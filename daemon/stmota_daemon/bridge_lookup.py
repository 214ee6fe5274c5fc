"""Finding a bridge by what people call it: its name, or its id where names are not enough."""

from collections.abc import Sequence

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.bridge_task import BridgeTask
from stmota_protocol.api import ProblemCode

MAX_SHOWN = 20
"""Names in a message; `stmota discover` shows all."""


def find_bridge(tasks: Sequence[BridgeTask], ref: str | None) -> BridgeTask:
    """Return the bridge of that name or id; None is the only one known. Raises `Refused`."""
    if ref is None:
        return _only(tasks)
    by_id = [task for task in tasks if task.known.id == ref.lower()]
    named = by_id or [task for task in tasks if task.known.name == ref]
    if not named:
        raise _unknown(tasks, ref)
    if len(named) > 1:
        ids = ", ".join(sorted(task.known.id or task.known.address for task in named))
        message = f"{len(named)} bridges are called {ref[:80]!r}: {ids}"
        raise refused(ProblemCode.AMBIGUOUS_BRIDGE, message, "name the one you mean by its id")
    return named[0]


def _only(tasks: Sequence[BridgeTask]) -> BridgeTask:
    if len(tasks) == 1:
        return tasks[0]
    if not tasks:
        raise refused(
            ProblemCode.UNKNOWN_BRIDGE,
            "no bridge is known",
            "is one powered and on this network? add one by its address: stmota bridge add NAME HOST",
        )
    message = f"{len(tasks)} bridges are known: {_names(tasks)}"
    raise refused(ProblemCode.AMBIGUOUS_BRIDGE, message, "name one: --bridge NAME")


def _unknown(tasks: Sequence[BridgeTask], ref: str) -> Refused:
    known = f"known are: {_names(tasks)}" if tasks else "none is known"
    return refused(
        ProblemCode.UNKNOWN_BRIDGE,
        f"no bridge is called {ref[:80]!r}; {known}",
        "`stmota discover` shows what is there; `stmota bridge add NAME HOST` adds one by its address",
    )


def _names(tasks: Sequence[BridgeTask]) -> str:
    names = sorted(task.known.name for task in tasks)
    shown = ", ".join(names[:MAX_SHOWN])
    return shown if len(names) <= MAX_SHOWN else f"{shown} and {len(names) - MAX_SHOWN} more"
