"""The rules of runs and of credit: what either side refuses, the other refuses in the same words."""

from dataclasses import replace

import pytest

from core_pair import DONE, SKIPPED, SYNC, Wire, wire_in
from stmota_protocol.connection import Connection, LocalProtocolError, Role, State
from stmota_protocol.messages import Abort, BatchRequest, BatchResult, BeginRun, EndRun, Ping, Welcome
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Expect,
    Outcome,
    Output,
    Receive,
    Result,
    Send,
    Unclaimed,
    UnknownStep,
)
from stmota_protocol.wire import charge


def test_room_is_not_known_before_the_greeting() -> None:
    with pytest.raises(LocalProtocolError, match="no greeting yet"):
        Connection(Role.CONTROLLER).has_room_for(SYNC)


def test_batches_are_charged_until_their_results(running: Wire) -> None:
    cost = charge(SYNC)
    for number in range(1000 // cost):
        assert running.controller.has_room_for(SYNC)
        running.say(Role.CONTROLLER, BatchRequest(1, number, SYNC))
    assert running.controller.under_way == 8
    assert running.controller.charged_bytes == 8 * 121
    assert not running.controller.has_room_for(SYNC)
    running.say(Role.BRIDGE, BatchResult(1, 0, DONE))
    assert running.controller.has_room_for(SYNC)
    assert running.bridge.under_way == 7


def test_batch_beyond_the_credit_is_refused_by_both_sides(running: Wire) -> None:
    for number in range(8):
        running.say(Role.CONTROLLER, BatchRequest(1, number, SYNC))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 8, SYNC))
        == "batch 8 of run 1 is charged 121 bytes; 32 of 1000 are free"
    )


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        (Batch((Send(bytes(584)),)), "a batch whose request is 601 bytes; this bridge's most is 600"),
        (Batch((Receive(882, 1),)), "a batch whose charge is 1001 bytes; this bridge's most is 1000"),
        (
            Batch((Receive(65419, 1),)),
            "a batch whose largest result is 65538 bytes; this bridge's most is 65537",
        ),
    ],
)
def test_batch_that_never_fits_is_a_value_error(running: Wire, batch: Batch, complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        running.controller.has_room_for(batch)
    assert str(caught.value) == complaint
    assert running.smuggle(Role.CONTROLLER, BatchRequest(1, 0, batch)) == complaint


def test_batches_at_the_limits_fit(running: Wire) -> None:
    assert running.controller.has_room_for(Batch((Send(bytes(583)),)))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, Batch((Receive(881, 1),))))
    assert running.controller.charged_bytes == 1000


@pytest.mark.parametrize("is_over", [False, True])
def test_credit_is_spent_to_the_last_byte_and_no_further(running: Wire, is_over: bool) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, Batch((Receive(400, 1),))))
    rest = Batch((Receive(1000 - running.controller.charged_bytes - 119 + is_over, 1),))
    assert running.controller.has_room_for(rest) is not is_over
    if is_over:
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 1, rest))
    else:
        running.say(Role.CONTROLLER, BatchRequest(1, 1, rest))
        assert running.controller.charged_bytes == 1000


def test_largest_result_is_accepted_and_a_larger_one_is_not(running: Wire) -> None:
    batch = Batch((Send(b"\x7f"), Expect(0x79, 1), Receive(3, 1)))
    largest = Result(Outcome.DONE, outputs=(Output(2, b"abc"),), arrivals=(Arrival(1, 5),), residue=bytes(64))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, batch), BatchRequest(1, 1, batch))
    running.say(Role.BRIDGE, BatchResult(1, 0, largest))
    larger = replace(largest, outputs=(Output(2, b"abcd"),))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 1, larger))
        == "the result of run 1, batch 1 is 129 bytes; its steps allow 128"
    )


@pytest.mark.parametrize(
    "result",
    [
        Result(Outcome.FAILED, failed_step=2, cause=Cause.SILENCE),
        Result(Outcome.ABORTED, failed_step=2),
        Result(Outcome.DONE, outputs=(Output(0, b""), Output(2, b""))),
        Result(Outcome.DONE, arrivals=(Arrival(2, 0),)),
    ],
)
def test_result_that_speaks_of_steps_not_there_is_refused(running: Wire, result: Result) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 0, result))
        == "the result of run 1, batch 0 speaks of step 2; the batch has 2"
    )


@pytest.mark.parametrize(("run", "number"), [(1, 1), (2, 0)])
def test_result_out_of_order_is_refused(running: Wire, run: int, number: int) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), BatchRequest(1, 1, SYNC))
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(run, number, DONE))
        == f"a result of run {run}, batch {number} where that of run 1, batch 0 is owed"
    )


def test_result_of_nothing_is_refused(running: Wire) -> None:
    assert (
        running.smuggle(Role.BRIDGE, BatchResult(1, 0, DONE))
        == "a result of run 1, batch 0; no batch is under way"
    )


@pytest.mark.parametrize("number", [0, 2])
def test_batch_numbers_have_no_holes_and_no_repeats(running: Wire, number: int) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, number, SYNC))
        == f"batch {number} of run 1 where 1 is next"
    )


def test_batch_without_a_run_is_refused(ready: Wire) -> None:
    assert ready.smuggle(Role.CONTROLLER, BatchRequest(0, 0, SYNC)) == "a batch for run 0, which is not open"


@pytest.mark.parametrize("run", [0, 1])
def test_run_ids_increase(running: Wire, run: int) -> None:
    assert (
        running.smuggle(Role.CONTROLLER, BeginRun(run, Unclaimed.CONSOLE))
        == f"run {run} after run 1; ids increase"
    )


def test_run_ids_go_on_after_the_last_result_of_an_earlier_connection() -> None:
    wire = wire_in(State.AWAIT_WELCOME)
    wire.say(Role.BRIDGE, Welcome(BatchResult(7, 3, DONE)))
    assert wire.smuggle(Role.CONTROLLER, BeginRun(7, Unclaimed.CONSOLE)) == "run 7 after run 7; ids increase"


def test_new_run_leaves_the_old_results_and_their_credit_owed(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), BatchRequest(1, 1, SYNC))
    running.say(Role.CONTROLLER, BeginRun(2, Unclaimed.CONSOLE), BatchRequest(2, 0, SYNC))
    assert running.controller.under_way == 3
    running.say(Role.BRIDGE, BatchResult(1, 0, Result(Outcome.ABORTED, failed_step=1)))
    running.say(Role.BRIDGE, BatchResult(1, 1, SKIPPED), BatchResult(2, 0, DONE))
    assert running.controller.under_way == 0
    assert running.controller.charged_bytes == 0


def test_batch_of_an_old_run_is_refused(running: Wire) -> None:
    running.say(Role.CONTROLLER, BeginRun(2, Unclaimed.CONSOLE))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 0, SYNC)) == "a batch for run 1, which is not open"
    )


def test_batch_after_the_end_of_its_run_is_refused(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), EndRun(1))
    running.say(Role.BRIDGE, BatchResult(1, 0, DONE))
    assert (
        running.smuggle(Role.CONTROLLER, BatchRequest(1, 1, SYNC)) == "a batch for run 1, which is not open"
    )


def test_batch_after_an_abort_is_sent_and_answered(running: Wire) -> None:
    running.say(Role.CONTROLLER, BatchRequest(1, 0, SYNC), Abort(1), BatchRequest(1, 1, SYNC))
    running.say(Role.BRIDGE, BatchResult(1, 0, SKIPPED), BatchResult(1, 1, SKIPPED))


def test_abort_and_end_of_a_run_that_is_over_do_nothing(running: Wire) -> None:
    running.say(Role.CONTROLLER, EndRun(1), Abort(1), EndRun(1), BeginRun(2, Unclaimed.CONSOLE))
    running.say(Role.CONTROLLER, Abort(1), EndRun(1), BatchRequest(2, 0, SYNC))


@pytest.mark.parametrize("kind", [Abort, EndRun])
def test_abort_and_end_name_a_run_that_was_begun(running: Wire, kind: type[Abort | EndRun]) -> None:
    assert running.smuggle(Role.CONTROLLER, kind(2)) == "run 2, which was not begun"


def test_batch_with_an_unknown_step_is_answered_and_the_connection_lives(running: Wire) -> None:
    batch = Batch((Send(b"x"), UnknownStep(0x77, b"\x01\x02")))
    running.say(Role.CONTROLLER, BatchRequest(1, 0, batch))
    refusal = Result(Outcome.FAILED, failed_step=1, cause=Cause.UNSUPPORTED)
    running.say(Role.BRIDGE, BatchResult(1, 0, refusal))
    running.say(Role.CONTROLLER, Ping(1))
