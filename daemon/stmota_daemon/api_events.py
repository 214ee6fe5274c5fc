"""The routes that watch: a board's log, and everything that happens."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

import trio
from starlette.requests import Request
from starlette.responses import Response

from stmota_daemon.api_routes import Parameter, Route, number_parameter, resume_number
from stmota_daemon.bridge_task import BridgeTask
from stmota_daemon.bridges import Bridges
from stmota_daemon.console_log import ConsoleLog, ConsoleLogs
from stmota_daemon.event_stream import EventStream, Numbered
from stmota_daemon.subscription import DaemonEvents, Subscription
from stmota_protocol.api import BridgeEvent, DaemonEvent, LogRecord, MissedEvent

DEFAULT_LINES = 100
FOLLOWED_EVERY_S = 0.2
"""Between two pieces of a followed log, once the reader has caught up: nobody reads faster, and a piece of
many records costs little more than a piece of one."""
MAX_LINES = 1_000_000


class EventRoutes:
    """Streams of events and logs."""

    def __init__(self, bridges: Bridges, logs: ConsoleLogs, events: DaemonEvents) -> None:
        self._bridges = bridges
        self._logs = logs
        self._events = events

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
        reader = LogReader(task, self._logs, lines, follow=bool(follow), number=resume_number(request))
        cleanup = ExitStack()
        if follow:
            cleanup.enter_context(task.followed())
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

    async def pull(self) -> Sequence[Numbered] | None:
        if self._first:
            first, self._first = self._first, ()
            return first
        return await self._subscription.next()


class LogReader:
    """One reader's place in a board's log."""

    def __init__(
        self, task: BridgeTask, logs: ConsoleLogs, lines: int, *, follow: bool, number: int | None
    ) -> None:
        self._task = task
        self._logs = logs
        self._lines = lines
        self._follow = follow
        self._number = number
        self._next_s = float("-inf")

    async def pull(self) -> Sequence[Numbered] | None:
        """Wait for the next records; None at the end. A cancellation loses none."""
        log = await self._find_log()
        if log is None:
            return None
        if self._number is None:
            self._number = max(log.first_number, log.next_number - self._lines)
        while True:
            if self._number < log.first_number:
                missed = MissedEvent(count=log.first_number - self._number, resume_from=log.first_number)
                self._number = log.first_number
                return [(missed.resume_from - 1, missed)]
            records = log.since(self._number)
            self._number = records[-1].number + 1 if records else max(self._number, log.next_number)
            if records:
                self._next_s = trio.current_time() + FOLLOWED_EVERY_S
                return [(record.number, record) for record in records]
            if not self._follow:
                return None
            await log.wait_beyond(self._number)
            await trio.sleep_until(self._next_s)

    async def _find_log(self) -> ConsoleLog | None:
        """The log of a bridge that was reached at some time; a follower waits for the first time."""
        while self._task.log is None:
            if self._task.known.id is not None:
                return self._logs.of(self._task.known.id)
            if not self._follow:
                return None
            await self._task.log_found.wait()
        return self._task.log
