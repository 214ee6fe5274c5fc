from pathlib import Path

import pytest

from stmota_daemon.job_states import MOVES, IllegalMove, Move, diagram, moved
from stmota_protocol.api import ENDED, JobState

DOCUMENT = Path(__file__).parents[2] / "docs" / "jobs.md"


def test_every_pair_of_state_and_move_is_decided() -> None:
    assert {state: set(row) for state, row in MOVES.items()} == {state: set(Move) for state in JobState}


def test_an_ended_job_never_moves_again() -> None:
    for state in ENDED:
        assert {after for after in MOVES[state].values() if after is not None} == {state}


def test_every_state_can_be_left_for_an_end() -> None:
    for state in set(JobState) - ENDED:
        assert any(after in ENDED for after in MOVES[state].values())


def test_a_move_that_is_not_allowed_names_state_and_move() -> None:
    with pytest.raises(IllegalMove, match="a job that is queued cannot succeed"):
        moved(JobState.QUEUED, Move.SUCCEED)


def test_a_usual_life() -> None:
    state = JobState.QUEUED
    for move in (Move.START, Move.RESTART, Move.START, Move.CANCEL, Move.CANCEL, Move.STOP, Move.CANCEL):
        state = moved(state, move)
    assert state is JobState.CANCELLED


def test_the_document_has_the_diagram_of_this_table() -> None:
    assert f"```mermaid\n{diagram()}```\n" in DOCUMENT.read_text()
