"""The progress bar of a terminal: a row for each phase that counts bytes, a line for what goes on now."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from stmota_client.escape import escape
from stmota_client.progress import duration, rate_texts, remaining_s, state_text
from stmota_client.quantity import percent
from stmota_protocol.api import JobEvent, NoteEvent, Phase, PhaseEvent, ProgressEvent, StateEvent


class BarView:
    """Draws a job's events on stderr. Text of the daemon is escaped and never read as markup."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._progress = Progress(
            SpinnerColumn(finished_text=Text("✓", style="green")),
            _plain_column("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
            _PercentColumn(),
            _plain_column("{task.fields[detail]}"),
            console=self._console,
            expand=True,
        )
        self._status: TaskID | None = None
        self._rows: dict[Phase, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_status()
        self._progress.stop()

    def show(self, event: JobEvent) -> None:
        """Draw one event."""
        match event:
            case PhaseEvent():
                self._enter(event)
            case ProgressEvent():
                self._move(event)
            case NoteEvent():
                self._print(event.text, "yellow" if event.warning else "dim")
            case StateEvent():
                text = state_text(event)
                if text:
                    self._set_status(text)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._print(text, "yellow")

    def _enter(self, event: PhaseEvent) -> None:
        if not event.total:
            self._set_status(event.text)
            return
        self._drop_status()
        row = self._row(event.phase, event.total)
        self._progress.update(row, total=event.total, completed=0, detail="")

    def _move(self, event: ProgressEvent) -> None:
        detail = list(rate_texts(event))
        eta_s = remaining_s(event)
        if eta_s is not None and event.done < event.total:
            detail.append(f"{duration(eta_s)} left")
        row = self._row(event.phase, event.total)
        self._progress.update(row, total=event.total, completed=event.done, detail=" · ".join(detail))

    def _row(self, phase: Phase, total: int) -> TaskID:
        if phase not in self._rows:
            self._rows[phase] = self._progress.add_task(phase.value, total=total, detail="")
        return self._rows[phase]

    def _set_status(self, text: str) -> None:
        shown = escape(text)
        if self._status is None:
            self._status = self._progress.add_task("", total=None, detail=shown)
        else:
            self._progress.update(self._status, detail=shown)

    def _drop_status(self) -> None:
        if self._status is not None:
            self._progress.remove_task(self._status)
            self._status = None

    def _print(self, text: str, style: str) -> None:
        self._console.print(Text(escape(text), style=style))


class _PercentColumn(ProgressColumn):
    """How much is done, empty while nothing counts."""

    def render(self, task: Task) -> Text:
        """Return `50 %`."""
        share = task.completed / task.total if task.total else None
        return Text("" if share is None else percent(share).rjust(5))


def _plain_column(template: str) -> TextColumn:
    return TextColumn(template, markup=False, table_column=Column(no_wrap=True))
