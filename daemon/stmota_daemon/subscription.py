"""Everything that happens in the daemon, for those who watch; one who is slow is told what was missed."""

from collections import deque

from stmota_daemon.bell import Bell
from stmota_protocol.api import DaemonEvent, MissedEvent

MAX_WAITING = 1000
"""Events that wait for one subscriber: minutes of a busy lab; bounds what a stalled one costs."""


class Subscription:
    """One subscriber's events, oldest first."""

    def __init__(self, max_waiting: int) -> None:
        self._waiting: deque[tuple[int, DaemonEvent]] = deque(maxlen=max_waiting)
        self._missed = 0
        self._bell = Bell()

    def put(self, number: int, event: DaemonEvent) -> None:
        """Add an event; the oldest goes if there are too many."""
        if len(self._waiting) == self._waiting.maxlen:
            self._missed += 1
        self._waiting.append((number, event))
        self._bell.ring()

    async def next(self) -> list[tuple[int, DaemonEvent]]:
        """Return the events since the last call with their numbers, at least one."""
        while not self._waiting:
            await self._bell.wait()
        events = list(self._waiting)
        self._waiting.clear()
        if self._missed:
            first = events[0][0]
            events.insert(0, (first - 1, MissedEvent(count=self._missed, resume_from=first)))
            self._missed = 0
        return events


class DaemonEvents:
    """Where events are published and subscribed to. Numbers count from 0 in the life of the daemon."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._subscriptions: set[Subscription] = set()
        self._next_number = 0

    @property
    def next_number(self) -> int:
        """Number of the next event."""
        return self._next_number

    def publish(self, event: DaemonEvent) -> None:
        """Tell all subscribers. Never waits."""
        for subscription in self._subscriptions:
            subscription.put(self._next_number, event)
        self._next_number += 1

    def subscribe(self) -> Subscription:
        """Begin to collect events for somebody, until `unsubscribe`."""
        subscription = Subscription(self._max_waiting)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop collecting."""
        self._subscriptions.discard(subscription)
