"""A job's link and report that write down what passes; a job without a trace has none of this around it."""

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version

import trio

from stmota_daemon.link import Link, LinkError, Run
from stmota_daemon.trace_store import TraceFile, TraceStore
from stmota_daemon.work import Report
from stmota_protocol.api import Job, JobState, Phase, Problem
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, Line, Outcome, Result, Unclaimed
from stmota_protocol.trace import TRACE_VERSION, TraceEnd, TraceHeader, TraceLink, TraceNote
from stmota_protocol.trace_exchanges import TraceDecoder


class Tracing:
    """The trace of one job: wraps what the job is given, and writes its end."""

    def __init__(self, file: TraceFile) -> None:
        self._file = file
        self._link: Link | None = None
        self._traced: Link | None = None

    def link(self, link: Link) -> Link:
        """Return the link as the job is to use it; the same one again for the same link."""
        if self._traced is None or link is not self._link:
            self._link, self._traced = link, self._new_link(link)
        return self._traced

    def _new_link(self, link: Link) -> Link:
        identity = link.identity
        lines = tuple(str(line.name) for line in (Line.NRST, Line.BOOT0) if line in identity.lines)
        self._file.write(
            TraceLink(
                at=time.time(),
                name=identity.name,
                unique_id=identity.unique_id.hex(),
                boot_id=identity.boot_id.hex(),
                firmware=identity.firmware,
                lines=lines,
            )
        )
        return _TracedLink(link, self._file)

    def report(self, report: Report) -> Report:
        """Return the report as the job is to use it."""
        return _TracedReport(report, self._file)

    def end(self, outcome: object) -> None:
        """The job has ended: with a `Problem`, or with what it brought."""
        problem = outcome if isinstance(outcome, Problem) else None
        state = JobState.DONE if problem is None else JobState.FAILED
        self._file.write(TraceEnd(at=time.time(), state=state.value, problem=problem))


@contextmanager
def traced(job: Job, chip: str | None, traces: TraceStore) -> Generator[Tracing | None]:
    """While the body runs, the job's trace is open; None for a job that wants none.

    A job that is cancelled, or whose daemon ends, leaves that as its end; taken up again, it goes on behind.
    """
    if not job.trace:
        yield None
        return
    header = TraceHeader(
        at=time.time(),
        version=TRACE_VERSION,
        stmota=version("stmota"),
        job=job.id,
        kind=job.kind.value,
        bridge=job.bridge,
        bridge_id=job.bridge_id,
        chip=chip,
        baud=job.flash.baud if job.flash else None,
    )
    file = traces.open(header)
    try:
        yield Tracing(file)
    except trio.Cancelled:
        file.write(TraceEnd(at=time.time(), state=JobState.CANCELLED.value))
        raise
    finally:
        file.close()


class _TracedLink(Link):
    def __init__(self, link: Link, file: TraceFile) -> None:
        self.identity = link.identity
        self.clock = link.clock
        self._link = link
        self._file = file
        self._decoder = TraceDecoder()
        self._run: _TracedRun | None = None

    @property
    def answer_delay_us(self) -> int:
        """As of the link itself."""
        return self._link.answer_delay_us

    @property
    def has_ended(self) -> bool:
        """As of the link itself."""
        return self._link.has_ended

    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Run:
        """Begin a run; results of the last one that nobody will take are told of."""
        if self._run is not None:
            self._run.tell_untaken()
        self._run = _TracedRun(self._link.begin_run(unclaimed), self, self._decoder, self._file)
        return self._run

    async def wait_for_console(self) -> None:
        """Return when console bytes are there."""
        await self._link.wait_for_console()

    def take_console(self) -> Console | ConsoleGap | None:
        """The next console bytes, if they are there."""
        return self._link.take_console()

    def acknowledge_console(self, position: int) -> None:
        """As of the link itself."""
        self._link.acknowledge_console(position)


class _TracedRun(Run):
    def __init__(self, run: Run, link: Link, decoder: TraceDecoder, file: TraceFile) -> None:
        self._run = run
        self._link = link
        self._decoder = decoder
        self._file = file
        self._submitted: deque[Batch] = deque()

    @property
    def under_way(self) -> int:
        """As of the run itself."""
        return self._run.under_way

    def has_room_for(self, batch: Batch) -> bool:
        """As of the run itself."""
        return self._run.has_room_for(batch)

    def submit(self, batch: Batch) -> None:
        """Send a batch ahead, and keep it for its result."""
        self._run.submit(batch)
        self._submitted.append(batch)

    async def result(self) -> Result:
        """Wait for the oldest result not yet taken, and write down what became of its batch."""
        try:
            result = await self._run.result()
        except LinkError as lost:
            self._note(
                f"the link was lost ({lost}): what became of {len(self._submitted)} batches is not known"
            )
            self._submitted.clear()
            raise
        batch = self._submitted.popleft()
        was_skipped = result.outcome is Outcome.SKIPPED
        started_at = time.time() if was_skipped else self._link.clock.unix_s(result.started_us)
        self._file.write(*self._decoder.exchanges(batch, result, started_at))
        return result

    def abort(self) -> None:
        """As of the run itself."""
        self._run.abort()

    def end(self) -> None:
        """As of the run itself."""
        self._run.end()

    def tell_untaken(self) -> None:
        """Another run begins: nobody asks for the results that are left."""
        if self._submitted:
            self._note(f"{len(self._submitted)} batches sent behind it were given up; the edge skips them")
            self._submitted.clear()

    def _note(self, text: str) -> None:
        self._file.write(TraceNote(at=time.time(), text=text, warning=True))


class _TracedReport(Report):
    def __init__(self, report: Report, file: TraceFile) -> None:
        self._report = report
        self._file = file

    def phase(self, phase: Phase, total: int, text: str) -> None:
        """Enter a phase."""
        self._file.write(TraceNote(at=time.time(), text=text))
        self._report.phase(phase, total, text)

    def progress(self, done: int, bytes_per_s: float, line_rate_share: float) -> None:
        """Tell progress, which the trace shows in full."""
        self._report.progress(done, bytes_per_s, line_rate_share)

    def note(self, text: str, *, warning: bool = False) -> None:
        """Tell people something."""
        self._file.write(TraceNote(at=time.time(), text=text, warning=warning))
        self._report.note(text, warning=warning)
