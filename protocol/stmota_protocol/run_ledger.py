"""What runs and batches are under way on a connection, and what they take of the credit.

The rules, kept the same way on both sides:

- Run ids increase; batches of the newest run count from 0.
- A batch is charged when its request is sent or received, and released when its result is: `charge` says
  how much. The sum never exceeds the bridge's credit.
- Results come in the order of the batches, one each, whatever became of their run, and fit their batch.
- A new run, an abort or an end take nothing back: batches of an earlier run still owe their results.
- Abort and EndRun name a run that was begun; for one that is over they do nothing.
"""

from collections import deque
from dataclasses import dataclass

from stmota_protocol.limits import HEADER_BYTES, MAX_FRAME, MAX_RESULT_FRAME
from stmota_protocol.messages import Abort, BatchRequest, BatchResult, BeginRun, EndRun
from stmota_protocol.steps import Batch, EdgeIdentity, Result
from stmota_protocol.wire import largest_result_bytes, request_bytes
from stmota_protocol.wire_results import BATCH_RESULT, result_bytes


class RuleBroken(ValueError):
    """A message that is well formed and comes in the right state, but not at the right moment."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    run: int
    number: int
    charge_bytes: int
    largest_result_bytes: int
    steps: int


class RunLedger:
    """Runs, batches and credit of one connection. A method that raises `RuleBroken` changed nothing."""

    def __init__(self, identity: EdgeIdentity) -> None:
        self._credit = identity.credit
        self._max_batch = min(identity.max_batch, MAX_FRAME)
        self._newest_run = -1
        self._is_over = True
        self._next_number = 0
        self._under_way: deque[_UnderWay] = deque()
        self._measured: tuple[Batch, tuple[int, int]] | None = None
        """The batch asked about last, with charge and largest result."""
        self.charged_bytes = 0

    @property
    def under_way(self) -> int:
        """Batches whose results are still owed."""
        return len(self._under_way)

    def continue_after(self, run: int) -> None:
        """Take note of a run of an earlier connection: ids go on from there."""
        self._newest_run = max(self._newest_run, run)

    def has_room_for(self, batch: Batch) -> bool:
        """Whether the credit allows this batch now. `RuleBroken`, a ValueError, when it never will."""
        charge_bytes, _ = self._measure(batch)
        return self.charged_bytes + charge_bytes <= self._credit

    def _measure(self, batch: Batch) -> tuple[int, int]:
        """Charge and largest result of a batch that this bridge can take at all."""
        if self._measured is not None and self._measured[0] is batch:
            return self._measured[1]
        request, result = request_bytes(batch), largest_result_bytes(batch)
        for what, size, most in (
            ("request", request, self._max_batch),
            ("largest result", result, MAX_RESULT_FRAME),
            ("charge", max(request, result), self._credit),
        ):
            if size > most:
                message = f"a batch whose {what} is {size} bytes; this bridge's most is {most}"
                raise RuleBroken(message)
        self._measured = batch, (max(request, result), result)
        return self._measured[1]

    def begin(self, message: BeginRun) -> None:
        """Note a new run."""
        if message.run <= self._newest_run:
            text = f"run {message.run} after run {self._newest_run}; ids increase"
            raise RuleBroken(text)
        self._newest_run = message.run
        self._is_over = False
        self._next_number = 0

    def request(self, message: BatchRequest) -> None:
        """Charge a batch."""
        if message.run != self._newest_run or self._is_over:
            text = f"a batch for run {message.run}, which is not open"
            raise RuleBroken(text)
        if message.number != self._next_number:
            text = f"batch {message.number} of run {message.run} where {self._next_number} is next"
            raise RuleBroken(text)
        charge_bytes, largest = self._measure(message.batch)
        free = self._credit - self.charged_bytes
        if charge_bytes > free:
            text = (
                f"batch {message.number} of run {message.run} is charged {charge_bytes} bytes; "
                f"{free} of {self._credit} are free"
            )
            raise RuleBroken(text)
        steps = len(message.batch.steps)
        entry = _UnderWay(message.run, message.number, charge_bytes, largest, steps)
        self._under_way.append(entry)
        self.charged_bytes += entry.charge_bytes
        self._next_number += 1

    def result(self, message: BatchResult) -> None:
        """Release the oldest batch under way, whose result this has to be."""
        if not self._under_way:
            text = f"a result of run {message.run}, batch {message.number}; no batch is under way"
            raise RuleBroken(text)
        entry = self._under_way[0]
        if (message.run, message.number) != (entry.run, entry.number):
            text = (
                f"a result of run {message.run}, batch {message.number} where that of run {entry.run}, "
                f"batch {entry.number} is owed"
            )
            raise RuleBroken(text)
        _check_fits(message.result, entry)
        self._under_way.popleft()
        self.charged_bytes -= entry.charge_bytes

    def abort(self, message: Abort) -> None:
        """Check that the run was begun."""
        self._check_begun(message.run)

    def end(self, message: EndRun) -> None:
        """Note that no more batches of this run come."""
        self._check_begun(message.run)
        if message.run == self._newest_run:
            self._is_over = True

    def _check_begun(self, run: int) -> None:
        if run > self._newest_run:
            text = f"run {run}, which was not begun"
            raise RuleBroken(text)


def _check_fits(result: Result, entry: _UnderWay) -> None:
    """A result speaks of its batch's steps only, and takes no more room than was reserved for it."""
    size = HEADER_BYTES + BATCH_RESULT.size + result_bytes(result)
    where = f"the result of run {entry.run}, batch {entry.number}"
    if size > entry.largest_result_bytes:
        text = f"{where} is {size} bytes; its steps allow {entry.largest_result_bytes}"
        raise RuleBroken(text)
    numbers = [output.step for output in result.outputs[-1:]] + [at.step for at in result.arrivals[-1:]]
    if result.failed_step is not None:
        numbers.append(result.failed_step)
    if numbers and max(numbers) >= entry.steps:
        text = f"{where} speaks of step {max(numbers)}; the batch has {entry.steps}"
        raise RuleBroken(text)
