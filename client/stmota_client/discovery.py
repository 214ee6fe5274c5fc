"""Which bridges there are, as the daemon finds them."""

import queue
import threading
import time
from collections.abc import Callable

from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import Bridge, BridgeEvent, BridgeGone, DaemonEvent

QUIET_S = 2.0
"""Without news for so long, everybody who is there has answered: mDNS repeats its question after 1 s."""
LONGEST_S = 10.0
"""A bridge that comes and goes all the time does not keep us for ever."""


class Discovery:
    """Watches the daemon's bridges for `timeout_s`, or until there was no news for a while."""

    def __init__(self, client: Client, timeout_s: float | None) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._news: queue.SimpleQueue[DaemonEvent | ClientError | None] = queue.SimpleQueue()
        self._bridges: dict[str, Bridge] = {}

    def run(self, show: Callable[[list[Bridge]], None]) -> list[Bridge]:
        """Return the bridges in the end, by name; `show` gets them whenever they change.

        Raises `ClientError` when the daemon goes away.
        """
        now = time.monotonic()
        end = now + (LONGEST_S if self._timeout_s is None else self._timeout_s)
        quiet_end = now + QUIET_S
        for bridge in self._client.bridges():
            self._bridges[_key(bridge.id, bridge.name)] = bridge
        show(self._sorted())
        threading.Thread(target=self._watch, daemon=True, name="discovery").start()
        while (
            left_s := (end if self._timeout_s is not None else min(end, quiet_end)) - time.monotonic()
        ) > 0:
            try:
                news = self._news.get(timeout=left_s)
            except queue.Empty:
                break
            if news is None:
                break
            if isinstance(news, ClientError):
                raise news
            if self._take(news):
                quiet_end = time.monotonic() + QUIET_S
                show(self._sorted())
        return self._sorted()

    def _watch(self) -> None:
        """Pass on events; runs in a thread until the connection ends, None is the daemon's end."""
        try:
            for event in self._client.events():
                self._news.put(event)
            self._news.put(None)
        except ClientError as error:
            self._news.put(error)

    def _take(self, event: DaemonEvent) -> bool:
        """Apply an event; return whether it changed anything."""
        before = dict(self._bridges)
        if isinstance(event, BridgeEvent):
            bridge = event.bridge
            if bridge.id is not None:
                self._bridges.pop(_key(None, bridge.name), None)  # known by name only until it answered
            self._bridges[_key(bridge.id, bridge.name)] = bridge
        elif isinstance(event, BridgeGone):
            self._bridges.pop(_key(event.id, event.name), None)
        return before != self._bridges

    def _sorted(self) -> list[Bridge]:
        return sorted(self._bridges.values(), key=lambda bridge: (bridge.name, bridge.id or ""))


def _key(bridge_id: str | None, name: str) -> str:
    return f"id {bridge_id}" if bridge_id is not None else f"name {name}"
