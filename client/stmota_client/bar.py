"""The progress bar of a terminal: a row for each phase that counts bytes, and a line for what goes on now."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from stmota_client.escape import escape
from stmota_client.progress import duration, rate_texts, remaining_s, state_text
from stmota_client.quantity import percent
from stmota_protocol.api import JobEvent, JobState, NoteEvent, Phase, PhaseEvent, ProgressEvent, StateEvent

REDRAWS_PER_S = 10
ECHO_COLUMNS = 3
"""Columns left free at the right: the terminal's echo of Ctrl-C must not wrap, or a stale row stays."""


class BarView:
    """Draws a job's events on stderr. Text of the daemon is escaped and never read as markup."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._bars = Progress(
            SpinnerColumn(finished_text=Text("✓", style="green")),
            _plain_column("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
            _PercentColumn(),
            _plain_column("{task.fields[detail]}"),
            console=self._console,
            expand=True,
        )
        self._now = Progress(SpinnerColumn(), _plain_column("{task.description}"), console=self._console)
        drawing = _WithMargin(Group(self._bars, self._now))
        self._live = Live(drawing, console=self._console, refresh_per_second=REDRAWS_PER_S)
        self._status: TaskID | None = None
        self._rows: dict[Phase, TaskID] = {}

    def __enter__(self) -> Self:
        self._set_status("queued")
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_status()
        self._live.stop()

    def show(self, event: JobEvent) -> None:
        """Draw one event."""
        match event:
            case PhaseEvent():
                self._enter(event)
            case ProgressEvent():
                self._move(event)
            case NoteEvent():
                if event.warning:
                    self._print(f"warning: {event.text}", "yellow")
                else:
                    self._print(event.text, "")
            case StateEvent():
                text = state_text(event)
                if text:
                    self._set_status(text)
                if event.job.state is JobState.DONE:
                    self._fill()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._print(text, "")

    def _enter(self, event: PhaseEvent) -> None:
        if not event.total:
            self._set_status(event.text)
            return
        self._drop_status()
        self._forget_estimates()
        row = self._row(event.phase, event.total)
        self._bars.update(row, total=event.total, completed=0, detail="", rates="")

    def _move(self, event: ProgressEvent) -> None:
        rates = " · ".join(rate_texts(event))
        eta_s = remaining_s(event)
        detail = rates
        if eta_s is not None and event.done < event.total:
            detail = f"{rates} · {duration(eta_s)} left"
        row = self._row(event.phase, event.total)
        self._bars.update(row, total=event.total, completed=event.done, detail=detail, rates=rates)

    def _forget_estimates(self) -> None:
        """Another phase begins: one that is not at its end waits, and nothing tells for how long."""
        for task in self._bars.tasks:
            self._bars.update(task.id, detail=task.fields["rates"])

    def _fill(self) -> None:
        """The job is done: so is the last block of `write`, which is written and checked within `verify`."""
        self._forget_estimates()
        for task in self._bars.tasks:
            self._bars.update(task.id, completed=task.total)

    def _row(self, phase: Phase, total: int) -> TaskID:
        if phase not in self._rows:
            self._rows[phase] = self._bars.add_task(phase.value, total=total, detail="", rates="")
        return self._rows[phase]

    def _set_status(self, text: str) -> None:
        if self._status is None:
            self._status = self._now.add_task(escape(text), total=None)
        else:
            self._now.update(self._status, description=escape(text))

    def _drop_status(self) -> None:
        if self._status is not None:
            self._now.remove_task(self._status)
            self._status = None

    def _print(self, text: str, style: str) -> None:
        self._console.print(Text(escape(text), style=style))


@dataclass(frozen=True, slots=True)
class _WithMargin:
    """What it holds, `ECHO_COLUMNS` narrower than the terminal."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Constrain(self.inner, max(options.max_width - ECHO_COLUMNS, 1))


class _PercentColumn(ProgressColumn):
    """How much is done, empty while nothing counts."""

    def render(self, task: Task) -> Text:
        """Return `50 %`."""
        share = task.completed / task.total if task.total else None
        return Text("" if share is None else percent(share).rjust(5))


def _plain_column(template: str) -> TextColumn:
    return TextColumn(template, markup=False, table_column=Column(no_wrap=True))
