"""The routes that watch: a board's log, and everything that happens."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_routes import Parameter, Route, number_parameter, resume_number
from stmota_daemon.bridge_task import BridgeTask
from stmota_daemon.bridges import Bridges
from stmota_daemon.console_log import PAGE, ConsoleLog, ConsoleLogs
from stmota_daemon.event_stream import EventStream, Numbered, event_bytes, events_bytes
from stmota_daemon.log_pieces import FollowedLogs
from stmota_daemon.subscription import DaemonEvents, Subscription
from stmota_protocol.api import BridgeEvent, DaemonEvent, LogRecord, MissedEvent

DEFAULT_LINES = 100
MAX_LINES = 1_000_000


class EventRoutes:
    """Streams of events and logs."""

    def __init__(self, bridges: Bridges, logs: ConsoleLogs, events: DaemonEvents) -> None:
        self._bridges = bridges
        self._logs = logs
        self._events = events
        self._followed = FollowedLogs()

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        lines = Parameter(
            "lines", {"type": "integer", "minimum": 0, "maximum": MAX_LINES, "default": DEFAULT_LINES},
            "stored records to begin with; Last-Event-ID counts for more",
        )  # fmt: skip
        follow = Parameter("follow", {"enum": [0, 1], "default": 0}, "1: stay, and tell what comes")
        return [
            Route(
                "GET", "/v1/bridges/{ref}/log", self._log, "A board's console log", LogRecord | MissedEvent,
                is_stream=True, parameters=(lines, follow),
            ),
            Route(
                "GET", "/v1/events", self._all, "Everything that happens; the state of all bridges first",
                DaemonEvent, is_stream=True,
            ),
        ]  # fmt: skip

    async def _log(self, request: Request) -> Response:
        task = self._bridges.find(request.path_params["ref"])
        lines = number_parameter(request, "lines", DEFAULT_LINES, MAX_LINES)
        follow = number_parameter(request, "follow", 0, 1)
        number = resume_number(request)
        reader = LogReader(task, self._logs, self._followed, lines, follow=bool(follow), number=number)
        cleanup = ExitStack()
        if follow:
            cleanup.enter_context(task.followed())
            cleanup.enter_context(self._followed.one_more())
        return EventStream(reader.pull, cleanup)

    async def _all(self, _request: Request) -> Response:
        self._bridges.look()
        subscription = self._events.subscribe()
        cleanup = ExitStack()
        cleanup.callback(self._events.unsubscribe, subscription)
        number, now = self._events.next_number, time.time()
        bridges = [BridgeEvent(at=now, bridge=bridge) for bridge in self._bridges.snapshots()]
        return EventStream(_EventReader([(number, event) for event in bridges], subscription).pull, cleanup)


class _EventReader:
    """One subscriber's events, after the state it began with."""

    def __init__(self, first: Sequence[Numbered], subscription: Subscription) -> None:
        self._first = first
        self._subscription = subscription

    async def pull(self) -> bytes | None:
        if self._first:
            first, self._first = self._first, ()
            return events_bytes(first)
        return events_bytes(await self._subscription.next())


class LogReader:
    """One reader's place in a board's log."""

    def __init__(
        self,
        task: BridgeTask,
        logs: ConsoleLogs,
        followed: FollowedLogs,
        lines: int,
        *,
        follow: bool,
        number: int | None,
    ) -> None:
        self._task = task
        self._logs = logs
        self._followed = followed
        self._lines = lines
        self._follow = follow
        self._number = number
        self._end: int | None = None
        """Who does not follow gets what there was when it asked: a board that talks would go on for ever."""

    async def pull(self) -> bytes | None:
        """Wait for the next records; None at the end. A cancellation loses none."""
        log = await self._find_log()
        if log is None:
            return None
        pieces = self._followed.of(log)
        if self._number is None:
            self._number = max(log.first_number, log.next_number - self._lines)
        if self._end is None:
            self._end = log.next_number
        while True:
            if self._number < log.first_number:
                missed = MissedEvent(count=log.first_number - self._number, resume_from=log.first_number)
                self._number = log.first_number
                return event_bytes(missed.resume_from - 1, missed)
            if not self._follow:
                return self._past(log, self._number, self._end)
            await pieces.wait_for_turn(self._number)
            piece, self._number = pieces.take(self._number)
            if piece:
                return piece
            await log.wait_beyond(self._number)

    def _past(self, log: ConsoleLog, number: int, end: int) -> bytes | None:
        """The next records of those that there were before `end`."""
        records = log.since(number, min(PAGE, end - number)) if number < end else []
        if not records:
            return None
        self._number = records[-1].number + 1
        return events_bytes((record.number, record) for record in records)

    async def _find_log(self) -> ConsoleLog | None:
        """The log of a bridge that was reached at some time; a follower waits for the first time."""
        while self._task.log is None:
            if self._task.known.id is not None:
                return self._logs.of(self._task.known.id)
            if not self._follow:
                return None
            await self._task.log_found.wait()
        return self._task.log
