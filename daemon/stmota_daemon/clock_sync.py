"""How an edge's clock lies against the host's, measured by pings."""

import time
from collections import deque
from collections.abc import Callable

import trio

from stmota_daemon.link import ClockMap

SAMPLES = 8
"""The best of the last 8 pings, 24 s: a loaded link has a quick one among them; clocks drift 1 ms in that."""


class ClockSync:
    """Estimates of one edge's clock. The quickest round trip tells best."""

    def __init__(self, unix_s: Callable[[], float] = time.time) -> None:
        self._unix_s = unix_s
        self._samples: deque[ClockMap] = deque(maxlen=SAMPLES)
        self._pings: dict[int, float] = {}
        self._next_token = 0

    def ping_token(self) -> int:
        """A token for a ping that is sent now. Unanswered pings are forgotten after `SAMPLES` more."""
        self._next_token = (self._next_token + 1) & 0xFFFF_FFFF
        self._pings[self._next_token] = trio.current_time()
        while len(self._pings) > SAMPLES:
            del self._pings[next(iter(self._pings))]
        return self._next_token

    def sample(self, edge_us: int, round_trip_s: float) -> ClockMap:
        """What the edge's clock was half a round trip ago."""
        return ClockMap(self._unix_s() - round_trip_s / 2 - edge_us / 1e6, round_trip_s)

    def pong(self, token: int, edge_us: int) -> ClockMap | None:
        """The best map with this answer; None for an answer to no ping."""
        sent_s = self._pings.pop(token, None)
        if sent_s is None:
            return None
        self._samples.append(self.sample(edge_us, trio.current_time() - sent_s))
        return min(self._samples, key=lambda sample: sample.round_trip_s)
