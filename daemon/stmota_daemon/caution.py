"""What a known defect of the chip at hand adds to a failure's remedy."""

import msgspec

from stmota_protocol.api import Problem
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.traits import Traits

_ADVICE = {
    DefectKind.EMPTY_HANGS: "power-cycle the board, then flash again",
    DefectKind.JITTER: "try --baud 57600",
}


def with_caution(problem: Problem, traits: Traits | None) -> Problem:
    """The problem, its remedy beginning with what this ROM's defects suggest; `traits` None: not known."""
    if traits is None:
        return problem
    advice = [f"{advice} ({traits.texts(kind)})" for kind, advice in _ADVICE.items() if traits.has(kind)]
    if not advice:
        return problem
    return msgspec.structs.replace(problem, remedy="; ".join((*advice, problem.remedy or "")).rstrip("; "))
