"""A job's life: the one table of states and moves. The diagram in docs/jobs.md is made from it.

A restart takes up what was queued or running. A job that was being cancelled when the daemon ended is
cancelled: nothing of it runs any more. Cancelling what has ended changes nothing and is no error.
"""

from enum import Enum, unique

from stmota_protocol.api import JobState


@unique
class Move(Enum):
    """What can happen to a job."""

    START = "start"
    """Its turn came at its bridge."""
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    """Somebody asked for its end."""
    STOP = "stop"
    """Its work has ended because of that."""
    RESTART = "restart"
    """A new daemon found it in the store, or its bridge's task was replaced."""


class IllegalMove(Exception):
    """A move that the job's state does not allow: a bug of the daemon's."""

    def __init__(self, state: JobState, move: Move) -> None:
        super().__init__(f"a job that is {state.value} cannot {move.value}")


_Q, _R, _C = JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING
_DONE, _FAILED, _CANCELLED = JobState.DONE, JobState.FAILED, JobState.CANCELLED

MOVES: dict[JobState, dict[Move, JobState | None]] = {
    # state: START, SUCCEED, FAIL, CANCEL, STOP, RESTART; None is refused
    state: dict(zip(Move, row, strict=True))
    for state, row in {
        _Q: (_R, None, _FAILED, _CANCELLED, None, _Q),
        _R: (None, _DONE, _FAILED, _C, None, _Q),
        _C: (None, _DONE, _FAILED, _C, _CANCELLED, _CANCELLED),
        _DONE: (None, None, None, _DONE, None, None),
        _FAILED: (None, None, None, _FAILED, None, None),
        _CANCELLED: (None, None, None, _CANCELLED, None, None),
    }.items()
}


def moved(state: JobState, move: Move) -> JobState:
    """Return the state after a move. Raises `IllegalMove`."""
    after = MOVES[state][move]
    if after is None:
        raise IllegalMove(state, move)
    return after


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {_Q.value}"]
    lines += [
        f"    {state.value} --> {after.value}: {move.value}"
        for state, row in MOVES.items()
        for move, after in row.items()
        if after is not None and after is not state
    ]
    lines += [f"    {state.value} --> [*]" for state in (_DONE, _FAILED, _CANCELLED)]
    return "\n".join(lines) + "\n"
