"""The events of one job: everything said so far, with progress merged to its newest."""

from stmota_daemon.bell import Bell
from stmota_protocol.api import ENDED, JobEvent, NoteEvent, ProgressEvent, StateEvent

MAX_EVENTS = 1000
"""Events kept of one job; a flash has some 20. Notes beyond it are dropped: no job fills a disk."""


class JobFeed:
    """A job's events in order. Readers keep their own place, by the number of the last event they saw.

    A progress event replaces the one before it if both are of one phase: a reader that keeps up sees
    all of them, a slow one or a late one the newest.
    """

    def __init__(self, events: list[JobEvent] | None = None) -> None:
        self._events: list[JobEvent] = list(events or ())
        self._bell = Bell()

    @property
    def is_ended(self) -> bool:
        """Whether the last event is that of the job's end."""
        last = self._events[-1] if self._events else None
        return isinstance(last, StateEvent) and last.job.state in ENDED

    def add(self, event: JobEvent) -> bool:
        """Append an event; False if it was dropped because there are too many."""
        last = self._events[-1] if self._events else None
        if isinstance(event, ProgressEvent) and isinstance(last, ProgressEvent) and event.phase is last.phase:
            self._events[-1] = event
        elif len(self._events) >= MAX_EVENTS and not isinstance(event, StateEvent):
            return False
        else:
            if len(self._events) == MAX_EVENTS - 1 and isinstance(event, NoteEvent):
                event = NoteEvent(
                    number=event.number, at=event.at, text="too many notes: the rest is dropped", warning=True
                )
            self._events.append(event)
        self._bell.ring()
        return True

    def since(self, number: int) -> list[JobEvent]:
        """Return the events numbered `number` or later."""
        first = len(self._events)
        while first and self._events[first - 1].number >= number:
            first -= 1
        return self._events[first:]

    async def wait_since(self, number: int) -> list[JobEvent]:
        """Return the events numbered `number` or later, at least one; empty once the job has ended."""
        while not (events := self.since(number)) and not self.is_ended:
            await self._bell.wait()
        return events
