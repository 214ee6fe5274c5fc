"""When each step of a batch was executed, as far as its result tells."""

from collections.abc import Iterator
from dataclasses import dataclass

from stmota_protocol.steps import (
    Batch,
    Configure,
    Expect,
    Outcome,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Wait,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One step that was executed; times in microseconds from the batch's start."""

    step: Step
    index: int
    begin_us: int
    end_us: int
    is_begin_timed: bool
    is_end_timed: bool
    """By the edge; else reckoned from the line rate."""
    back: bytes
    """What it brought back."""
    failed: bool


def executed_steps(batch: Batch, result: Result) -> int:
    """How many steps were begun."""
    if result.outcome is Outcome.DONE:
        return len(batch.steps)
    return 0 if result.outcome is Outcome.SKIPPED else (result.failed_step or 0) + 1


def spans(batch: Batch, result: Result, settings: UartSettings) -> Iterator[Span]:
    """Yield the steps that were executed. `settings` is how the UART was set before.

    The edge tells when an `Expect` got its byte and when the batch began and ended. A step begins when the
    one before it ended; what lies between two known times is reckoned from the line rate.
    """
    count = executed_steps(batch, result)
    arrivals = {arrival.step: arrival.after_us for arrival in result.arrivals}
    took_us = result.ended_us - result.started_us
    now_us, is_timed = 0, True
    for index, step in enumerate(batch.steps[:count]):
        if isinstance(step, Configure):
            settings = step.settings
        back = result.output(index)
        begin_us, is_begin_timed = now_us, is_timed
        is_last = index == count - 1
        if index in arrivals:
            now_us, is_timed = arrivals[index], True
        elif is_last:
            now_us, is_timed = took_us, True
        else:
            now_us = min(begin_us + _takes_us(step, back, settings), took_us)
            is_timed = is_timed and not _is_reckoned(step)
        now_us = max(now_us, begin_us)
        failed = is_last and not result.is_done
        yield Span(step, index, begin_us, now_us, is_begin_timed, is_timed, back, failed)


def _takes_us(step: Step, back: bytes, settings: UartSettings) -> int:
    match step:
        case Send():
            return settings.wire_time_us(len(step.data))
        case Wait():
            return step.wait_us
        case ReceiveUntilQuiet():
            return settings.wire_time_us(len(back)) + step.quiet_us
        case Receive() | ReceiveCounted():
            return settings.wire_time_us(len(back))
        case Expect():  # silence that goes on
            return step.within_us
        case _:
            return 0


def _is_reckoned(step: Step) -> bool:
    """Whether how long it takes is not exact: bytes may come later, and a discard ends when it is quiet."""
    return not isinstance(step, Wait | Configure | SetLines | Sense)
