"""A job's events on stderr: a bar in a terminal, a plain line now and then elsewhere."""

import sys
from types import TracebackType
from typing import Protocol, Self

from stmota_client import screen
from stmota_client.quantity import percent
from stmota_protocol.api import JobEvent, JobState, NoteEvent, Phase, PhaseEvent, ProgressEvent, StateEvent

LINE_EVERY_S = 5.0
"""Often enough to see that it goes on, seldom enough for a CI log."""


class View(Protocol):
    """Shows the events of one job; a context manager, so that a terminal is left in order."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: JobEvent) -> None:
        """Show one event."""

    def note(self, text: str) -> None:
        """Show a line beside the job's progress, from any thread."""


def new_view(*, quiet: bool) -> View:
    """Return what fits stderr: rich is imported only for a bar."""
    if quiet:
        return QuietView()
    if sys.stderr.isatty():
        from stmota_client.bar import BarView  # noqa: PLC0415 - rich takes 0.1 s, and no pipe needs it

        return BarView()
    return LineView()


class QuietView:
    """Shows nothing but what the user must answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind."""

    def show(self, event: JobEvent) -> None:
        """Show warnings."""
        if isinstance(event, NoteEvent) and event.warning:
            screen.warn(event.text)

    def note(self, text: str) -> None:
        """Show nothing."""


class LineView(QuietView):
    """A line at each change of phase and about every `LINE_EVERY_S` between, by the events' own times."""

    def __init__(self) -> None:
        self._line_at: float | None = None

    def show(self, event: JobEvent) -> None:
        """Write a line if one is due."""
        match event:
            case PhaseEvent():
                self._line_at = event.at
                screen.say(event.text)
            case ProgressEvent():
                if self._line_at is None or event.at - self._line_at >= LINE_EVERY_S:
                    self._line_at = event.at
                    screen.say(progress_text(event))
            case NoteEvent():
                (screen.warn if event.warning else screen.say)(event.text)
            case StateEvent():
                text = state_text(event)
                if text:
                    screen.say(text)

    def note(self, text: str) -> None:
        """Write the line."""
        screen.say(text)


def progress_text(event: ProgressEvent) -> str:
    """Return one line about where a phase is: `write: 32768 of 65536 bytes (50 %), 9800 B/s, …`."""
    parts = [f"{event.phase.value}: {event.done} of {event.total} bytes"]
    if event.total:
        parts[0] += f" ({percent(event.done / event.total)})"
    parts.extend(rate_texts(event))
    eta_s = remaining_s(event)
    if eta_s is not None:
        parts.append(f"{duration(eta_s)} left")
    return ", ".join(parts)


def rate_texts(event: ProgressEvent) -> list[str]:
    """Return bytes per second and the share of line rate, the latter where bytes cross the line."""
    texts = [f"{event.bytes_per_s:.0f} B/s"]
    if event.phase in {Phase.READ, Phase.COMPARE, Phase.WRITE, Phase.VERIFY}:
        texts.append(f"{percent(event.line_rate_share)} of line rate")
    return texts


def remaining_s(event: ProgressEvent) -> float | None:
    """Return how long this phase will take at its present rate; None while there is none."""
    return (event.total - event.done) / event.bytes_per_s if event.bytes_per_s > 0 else None


def duration(time_s: float) -> str:
    """Return a time to come for people: `12 s`, `3:05`."""
    whole = round(time_s)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d}"


def state_text(event: StateEvent) -> str | None:
    """Return a line about a job's state where its phases do not tell."""
    return "cancelling" if event.job.state is JobState.CANCELLING else None
