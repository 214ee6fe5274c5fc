"""One task for each bridge: it owns the link, keeps it connected, and does the bridge's jobs one by one."""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.board import JobBoard
from stmota_daemon.bridge_known import KnownBridge
from stmota_daemon.bridge_peek import Peeked
from stmota_daemon.bridge_services import BridgeServices
from stmota_daemon.bridge_state import bridge_state, link_problem, secure_state
from stmota_daemon.connector import Connector, LinkOwner
from stmota_daemon.console_log import ConsoleLog
from stmota_daemon.job_report import JobReport
from stmota_daemon.job_states import Move
from stmota_daemon.link import Link, LinkError, LinkHeld
from stmota_daemon.peer_text import MAX_VERSION, cleaned
from stmota_daemon.store import Place, SeenBridge
from stmota_daemon.tracing import Tracing, traced
from stmota_daemon.work import Report, WorkFailed
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Bridge, Job, Problem, ProblemCode, SecureState, SerialPlace
from stmota_protocol.chips import chip_by_name
from stmota_protocol.steps import EdgeIdentity, UartSettings

logger = logging.getLogger(__name__)


class BridgeWatcher(ABC):
    """Who hears of a bridge's news: the registry of bridges."""

    @abstractmethod
    def identified(self, task: "BridgeTask", identity: EdgeIdentity) -> None:
        """An edge answered at the task's place. Raises `WrongEdge` if it is not the task's."""

    @abstractmethod
    def changed(self, task: "BridgeTask") -> None:
        """State, link or queue changed."""

    @abstractmethod
    def stopped(self, task: "BridgeTask", unfinished: list[str]) -> None:
        """The task has ended because of `stop`; these jobs are left."""

    @abstractmethod
    def console_settings(self, task: "BridgeTask") -> UartSettings:
        """How the bridge's target talks."""


class BridgeTask(LinkOwner):
    """One bridge: what is known of it, its link, its queue."""

    def __init__(self, known: KnownBridge, services: BridgeServices, watcher: BridgeWatcher) -> None:
        self.known = known
        self.log: ConsoleLog | None = None
        self.log_found = Bell()
        self.connector = Connector(self)
        self._services = services
        self._watcher = watcher
        self._queue: deque[str] = deque()
        self._queued = Bell()
        self._running: Job | None = None
        self._followers = 0
        self._job_scope = trio.CancelScope()
        self._scope = trio.CancelScope()
        self.attention = trio.Lock()
        """Held by the job at work, and by who does to the bridge what no job would survive."""

    async def run(self) -> None:
        """Until `stop` or a cancellation; either closes the link and leaves a running job's chip reset."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                # A job that is cancelled resets its chip, for which it needs the link: the link ends last.
                link_scope = trio.CancelScope(shield=True)
                nursery.start_soon(self._keep_connected, link_scope)
                try:
                    await self._do_jobs()
                finally:
                    link_scope.cancel()
        if self._scope.cancelled_caught:
            self._watcher.stopped(self, self._unfinished())

    def stop(self) -> None:
        """End the task; its jobs go back to the watcher."""
        self._scope.cancel()

    def enqueue(self, job: Job) -> None:
        """Put a queued job at the end of the queue."""
        self._queue.append(job.id)
        self._queued.ring()
        self._use_changed()

    def cancel(self, job_id: str) -> None:
        """Cancel a job of this bridge: at once if it waits, else as soon as its chip is out of harm's way."""
        self._services.jobs.move(job_id, Move.CANCEL)
        if self._running is not None and self._running.id == job_id:
            self._job_scope.cancel()
        elif job_id in self._queue:
            self._queue.remove(job_id)
        self._use_changed()

    @contextmanager
    def followed(self) -> Generator[None]:
        """While the body runs somebody follows the log: the link is held for that."""
        self._followers += 1
        self.connector.use_changed()
        try:
            yield
        finally:
            self._followers -= 1
            self.connector.use_changed()

    @property
    def jobs_ahead(self) -> int:
        """Jobs that run or wait."""
        return len(self._queue) + (self._running is not None)

    def owns(self, job_id: str) -> bool:
        """Whether that job runs or waits here."""
        return job_id in self._unfinished()

    def snapshot(self) -> Bridge:
        """The bridge as the API tells of it."""
        known, link, trouble = self.known, self.connector.link, self.connector.trouble
        job = self._running
        round_trip_s = link.clock.round_trip_s if link else self.connector.round_trip_s
        return Bridge(
            id=known.id,
            name=known.name,
            origins=known.origins,
            address=known.address,
            state=bridge_state(
                is_there=self.connector.is_there, trouble=trouble, job=job.kind if job else None
            ),
            firmware=known.firmware,
            protocol=known.protocol,
            round_trip_ms=None if round_trip_s is None else round(round_trip_s * 1000, 3),
            holder=cleaned(trouble.holder_name, MAX_VERSION) if isinstance(trouble, LinkHeld) else None,
            chip=known.chip,
            job=job.id if job else None,
            queued_jobs=len(self._queue),
            problem=self.link_problem() if trouble else None,
            secure=self._secure_state(),
        )

    def _secure_state(self) -> SecureState | None:
        known, connector = self.known, self.connector
        if isinstance(known.place, SerialPlace):
            return None
        return secure_state(
            is_ours=self._services.is_secured(known.place, self._expected_id),
            trouble=connector.trouble,
            has_answered=connector.has_answered,
            is_announced=known.announcement.is_secured if known.announcement else None,
        )

    def link_problem(self) -> Problem:
        """Why there is no link."""
        return link_problem(self.known.name, self.known.address, self.connector.trouble)

    # What the connector asks.

    def open_link(self, console_from: Callable[[EdgeIdentity], int]) -> AbstractAsyncContextManager[Link]:
        """Open a link to where the bridge is now."""
        return self._services.open_link(
            self._place(), self._expected_id, console_from, self.console_settings()
        )

    async def peek(self) -> Peeked:
        """Look at the bridge, where it answers first of its addresses. Raises `LinkError`, `WrongEdge`."""
        place = self._place()
        for _ in range(self.known.places - 1):
            try:
                return await self._peek_at(place)
            except LinkError:
                place = self.known.next_place()
        return await self._peek_at(place)

    def wants_link(self) -> bool:
        """A configured bridge is held for ever, another one while it is used."""
        return self.known.config is not None or self.jobs_ahead > 0 or self._followers > 0

    def check_identity(self, identity: EdgeIdentity) -> None:
        """Learn who answers. Raises `WrongEdge`."""
        self._watcher.identified(self, identity)
        self.known.identity = identity
        self.known.id = identity.unique_id.hex()

    def log_of(self, identity: EdgeIdentity) -> ConsoleLog:
        """Return that edge's log."""
        self.log = self._services.logs.of(identity.unique_id.hex())
        self.log_found.ring()
        return self.log

    def console_settings(self) -> UartSettings:
        """How the target's application talks."""
        return self._watcher.console_settings(self)

    def label(self) -> str:
        """The bridge's name and address."""
        return f"{self.known.name} ({self.known.address})"

    def link_changed(self, link: Link | None) -> None:
        """Tell of it, and remember where a bridge was reached."""
        if link is not None:
            self.known.spoken_protocol = link.protocol or self.known.spoken_protocol
            self._remember()
        self._watcher.changed(self)

    async def _keep_connected(self, scope: trio.CancelScope) -> None:
        with scope:
            await self.connector.keep_connected()

    # Jobs.

    async def _do_jobs(self) -> None:
        while True:
            while not self._queue:
                await self._queued.wait()
            async with self.attention:
                await self._do_next()

    async def _do_next(self) -> None:
        if not self._queue:
            return  # it was cancelled
        self._running = self._services.jobs.move(self._queue.popleft(), Move.START)
        self._watcher.changed(self)
        await self._do(self._running)
        self._running = None
        self._use_changed()

    async def _do(self, job: Job) -> None:
        """Do one job to its end. A cancellation from outside leaves it running in the store."""
        with trio.CancelScope() as self._job_scope:
            outcome = await self._outcome(job)
            self._end(job, outcome)
        if self._job_scope.cancelled_caught:
            self._services.jobs.move(job.id, Move.STOP)

    async def _outcome(self, job: Job) -> WorkOutcome | Problem:
        with traced(job, self.known.chip, self._services.traces) as tracing:
            outcome = await self._work(job, tracing)
            if tracing is not None:
                tracing.end(outcome)
        return outcome

    async def _work(self, job: Job, tracing: Tracing | None) -> WorkOutcome | Problem:
        known = self.known
        board = JobBoard(
            job,
            self.console_settings(),
            chip_by_name(known.chip) if known.chip else None,
            self.connector,
            log=lambda: self.log,
            problem=self.link_problem,
            tracing=tracing,
        )
        report: Report = JobReport(self._services.jobs, job.id)
        if tracing is not None:
            report = tracing.report(report)
        try:
            return await self._services.works[job.kind](board, report, job)
        except WorkFailed as failure:
            return failure.problem
        except Exception as error:  # the daemon outlives a mistake in one job's work
            logger.exception("job %s met a bug", job.id)
            return Problem(
                code=ProblemCode.FAILED,
                message=f"the daemon met a bug: {type(error).__name__}: {error}",
                remedy="the daemon's log has the details: please report them",
            )

    def _end(self, job: Job, outcome: WorkOutcome | Problem) -> None:
        jobs = self._services.jobs
        if isinstance(outcome, WorkOutcome):
            if outcome.found is not None:
                self.known.chip = outcome.found.chip
                self._remember()
            jobs.move(job.id, Move.SUCCEED, outcome=outcome)
        elif self._job_scope.cancel_called:
            jobs.move(job.id, Move.STOP)
        else:
            jobs.move(job.id, Move.FAIL, problem=outcome)

    def _use_changed(self) -> None:
        self.connector.use_changed()
        self._watcher.changed(self)

    async def _peek_at(self, place: Place) -> Peeked:
        peeked = await self._services.peek(place, self._expected_id)
        self.check_identity(peeked.identity)
        self.known.spoken_protocol = peeked.protocol
        return peeked

    @property
    def _expected_id(self) -> str | None:
        return self.known.expected_id or self.known.id

    def _place(self) -> Place:
        """Where to try: where it answered last, else the next of its addresses."""
        trouble = self.connector.trouble
        is_there = trouble is None or isinstance(trouble, LinkHeld)
        return self.known.place if is_there else self.known.next_place()

    def _unfinished(self) -> list[str]:
        return [*([self._running.id] if self._running else []), *self._queue]

    def _remember(self) -> None:
        known = self.known
        if known.id is None:
            return
        self._services.store.save_bridge(
            SeenBridge(known.id, known.name, known.place, known.chip, time.time())
        )

    @property
    def is_idle_and_unlinked(self) -> bool:
        """Whether nothing would be lost if the bridge were forgotten."""
        return self.connector.link is None and not self.jobs_ahead
