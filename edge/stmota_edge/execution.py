"""One batch in hand, without I/O: the one copy of what every step means.

A generator yields effects, is sent their answers, and returns the result. Whoever drives it performs the
effects at a port, async or blocking, and throws into it what went wrong: `PortUnsupported`, `PortFailed`, or
`BatchAborted`.

A Send is followed by a Drain only where that matters: bytes of the next Send follow back to back, and a step
that only reads counts its time from when the last stop bit leaves, where the port knows that ahead.
"""

import contextlib
from collections.abc import Generator
from typing import TypeAlias, TypeVar

from stmota_edge.effects import Drain, Effect, Gauges, Read, Received, SleepUntil, Write
from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.inbox import Inbox
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    Expect,
    LineErrors,
    OnSilence,
    Outcome,
    Output,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    UnknownStep,
    Wait,
)

ECHO_SLACK_US = 50_000
"""How much later than the wire time an echo may come: three latency timers of an FTDI adapter (16 ms)."""

T = TypeVar("T")
Steps: TypeAlias = Generator[Effect, Received, T]


class BatchAborted(Exception):
    """Thrown into a batch in hand to end it between two bytes."""


class _StepFailed(Exception):
    def __init__(self, cause: Cause, got: int | None = None) -> None:
        self.cause = cause
        self.got = got
        super().__init__(cause.name)


class _Window:
    """The time within which a step waits for bytes; once it is over, the receiver is polled once more."""

    def __init__(self, until_us: int) -> None:
        self.until_us = until_us
        self.is_over = False


class Execution:
    """One batch in hand. `settings` is how the UART is set; a Configure changes it."""

    def __init__(self, batch: Batch, gauges: Gauges, settings: UartSettings) -> None:
        self.settings = settings
        self.unclaimed: list[Received] = []
        """What came before the batch, and what is left at its end."""
        self._gauges = gauges
        self._steps = batch.steps
        self._index = 0
        self._inbox = Inbox()
        self._is_sending = False
        """Whether bytes were written and no Drain followed."""
        self._from_us = 0
        """From when the current step's times count."""
        self._repeats_left: int | None = None
        self._started_us = 0
        self._arrived_us = 0
        """The newest arrival: ports reckon when bytes came, and may be some microseconds out."""
        self._outputs: dict[int, bytearray] = {}
        self._arrivals: dict[int, int] = {}

    def run(self) -> Steps[Result]:
        """Run the steps; return what became of them."""
        if not self._steps:
            return Result(Outcome.DONE, started_us=self._gauges.now_us(), ended_us=self._gauges.now_us())
        try:
            self._gauges.take_errors()
            self.unclaimed.append((yield Read(0)))
            self._started_us = self._arrived_us = self._gauges.now_us()
            self._check_supported()
            while self._index < len(self._steps):
                step = self._steps[self._index]
                yield from self._settle_transmitter(step)
                self._index += yield from self._perform(step)
            if self._is_sending:
                self._index = len(self._steps) - 1
                yield Drain()
            yield from self._read_rest()
        except _StepFailed as failure:
            yield from self._read_rest()
            return self._result(Outcome.FAILED, failure.cause, failure.got)
        except PortUnsupported:
            return self._result(Outcome.FAILED, Cause.UNSUPPORTED)
        except PortFailed:
            return self._result(Outcome.FAILED, Cause.PORT)
        except BatchAborted:
            return self._result(Outcome.ABORTED)
        return self._result(Outcome.DONE)

    def _read_rest(self) -> Steps[None]:
        """Take what lies in the receiver's buffer at the end: no later batch's step is to see it (R34)."""
        with contextlib.suppress(PortFailed):  # it says so again
            self._inbox.put((yield Read(0)))

    def _check_supported(self) -> None:
        for index, step in enumerate(self._steps):
            if isinstance(step, UnknownStep):
                self._index = index
                raise _StepFailed(Cause.UNSUPPORTED)

    def _settle_transmitter(self, step: Step) -> Steps[None]:
        """Find out from when the step's times count; wait for the transmitter where it matters."""
        self._from_us = self._gauges.now_us()
        if not self._is_sending or isinstance(step, Send):
            return
        reads = isinstance(step, Expect | Receive | ReceiveCounted | ReceiveUntilQuiet | Discard)
        sent_by_us = self._gauges.sent_by_us() if reads else None
        if sent_by_us is not None:
            self._from_us = max(self._from_us, sent_by_us)
            return
        yield Drain()
        self._is_sending = False
        self._from_us = self._gauges.now_us()

    def _perform(self, step: Step) -> Steps[int]:
        """Perform one step; return how many to go on by: 1, or back when it repeats."""
        match step:
            case Expect():
                return (yield from self._expect(step))
            case Send():
                yield from self._send(step)
            case Receive() | ReceiveCounted() | ReceiveUntilQuiet() | Discard():
                yield from self._receive(step)
            case Wait():
                yield SleepUntil(self._from_us + step.wait_us)
            case Sense():
                self._new_output().extend((yield step).data)
            case SetLines():
                if step.mask & ~self._gauges.lines:
                    raise _StepFailed(Cause.UNSUPPORTED)
                yield step
            case Configure():
                yield step
                self.settings = step.settings
            case UnknownStep():
                self._check_supported()
        return 1

    def _window(self, within_us: int) -> _Window:
        return _Window(self._from_us + within_us)

    def _new_output(self) -> bytearray:
        """The current step's output, empty: a step that runs again replaces what it brought."""
        output = self._outputs[self._index] = bytearray()
        return output

    def _hear(self, window: _Window) -> Steps[bool]:
        """Wait for a byte in the inbox; False when the time is over and there is none."""
        if self._inbox:
            return True
        if window.is_over:
            return False
        window.is_over = self._gauges.now_us() >= window.until_us
        received = yield Read(window.until_us)
        self._inbox.put(received)
        return bool(received.data)

    def _take_byte(self) -> tuple[int, int]:
        """The oldest byte and when it came, which was not later than now."""
        at_us, byte = self._inbox.take_byte(self.settings.wire_time_us(1))
        return min(at_us, self._gauges.now_us()), byte

    def _send(self, step: Send) -> Steps[None]:
        if not step.data:
            return
        if not self.settings.echo:
            yield Write(step.data)
            self._is_sending = True
            return
        self._inbox.put((yield Read(0)))
        kept = self._inbox.take_all(self.settings.wire_time_us(1))
        yield Write(step.data)
        self._is_sending = True
        try:
            yield from self._swallow_echo(step.data)
        finally:
            later = self._inbox.take_all(self.settings.wire_time_us(1))
            for received in kept + later:
                self._inbox.put(received)

    def _swallow_echo(self, sent: bytes) -> Steps[None]:
        """Take exactly what was sent from what the line returns."""
        window = _Window(self._gauges.now_us() + self.settings.wire_time_us(len(sent)) + ECHO_SLACK_US)
        for expected in sent:
            if not (yield from self._hear(window)):
                raise _StepFailed(Cause.ECHO)
            _, byte = self._take_byte()
            if byte != expected:
                raise _StepFailed(Cause.ECHO, byte)

    def _expect(self, step: Expect) -> Steps[int]:
        window = self._window(step.within_us)
        self._arrivals.pop(self._index, None)
        while (yield from self._hear(window)):
            at_us, byte = self._take_byte()
            if byte == step.good:
                self._arrived_us = max(self._arrived_us, at_us)
                self._arrivals[self._index] = self._arrived_us - self._started_us
                return 1
            if byte not in step.skip:
                raise _StepFailed(Cause.WRONG_BYTE, byte)
        if step.on_silence is OnSilence.GO_ON:
            return 1
        if self._repeats_left is None:
            self._repeats_left = step.repeat_times
        if step.on_silence is OnSilence.FAIL or not self._repeats_left or step.repeat_back > self._index:
            raise _StepFailed(Cause.SILENCE)
        self._repeats_left -= 1
        return -step.repeat_back

    def _fill(self, output: bytearray, length: int, window: _Window) -> Steps[None]:
        """Receive until the output has `length` bytes."""
        while len(output) < length:
            if not (yield from self._hear(window)):
                raise _StepFailed(Cause.SILENCE)
            output += self._inbox.take(length - len(output))

    def _receive(self, step: Receive | ReceiveCounted | ReceiveUntilQuiet | Discard) -> Steps[None]:
        match step:
            case Receive():
                yield from self._fill(self._new_output(), step.length, self._window(step.within_us))
            case ReceiveCounted():
                yield from self._receive_counted(step)
            case ReceiveUntilQuiet():
                yield from self._receive_until_quiet(step)
            case Discard():
                yield from self._discard(step)

    def _receive_counted(self, step: ReceiveCounted) -> Steps[None]:
        output = self._new_output()
        window = self._window(step.within_us)
        if step.count_bytes > step.cap:
            raise _StepFailed(Cause.CAP)
        yield from self._fill(output, step.count_bytes, window)
        count = int.from_bytes(output, "big")
        length = step.count_bytes + count + step.extra
        if length > step.cap:
            raise _StepFailed(Cause.CAP, count)
        yield from self._fill(output, length, window)

    def _receive_until_quiet(self, step: ReceiveUntilQuiet) -> Steps[None]:
        output = self._new_output()
        end_us = self._from_us + step.within_us
        until_us = end_us
        while len(output) < step.cap:
            if not (yield from self._hear(_Window(until_us))):
                return
            output += self._inbox.take(step.cap - len(output))
            now_us = self._gauges.now_us()
            if now_us >= end_us and not self._inbox:
                return
            until_us = min(end_us, now_us + step.quiet_us)

    def _discard(self, step: Discard) -> Steps[None]:
        output = self._new_output()
        output += bytes(4)
        end_us = self._from_us + step.within_us
        until_us = min(end_us, self._from_us + step.quiet_us)
        dropped = 0
        while (yield from self._hear(_Window(until_us))):
            while self._inbox:
                dropped += len(self._inbox.take(0xFFFF))
            output[:] = min(dropped, 0xFFFF_FFFF).to_bytes(4, "little")
            now_us = self._gauges.now_us()
            if now_us >= end_us:
                return
            until_us = min(end_us, now_us + step.quiet_us)

    def _result(self, outcome: Outcome, cause: Cause | None = None, got: int | None = None) -> Result:
        self.unclaimed += self._inbox.take_all(self.settings.wire_time_us(1))
        return Result(
            outcome=outcome,
            failed_step=None if outcome is Outcome.DONE else min(self._index, len(self._steps) - 1),
            cause=cause,
            got=got,
            started_us=self._started_us,
            ended_us=self._gauges.now_us(),
            outputs=tuple(Output(index, bytes(self._outputs[index])) for index in sorted(self._outputs)),
            arrivals=tuple(Arrival(index, self._arrivals[index]) for index in sorted(self._arrivals)),
            errors=self._take_errors(),
        )

    def _take_errors(self) -> LineErrors:
        try:
            return self._gauges.take_errors()
        except PortFailed:
            return LineErrors()
