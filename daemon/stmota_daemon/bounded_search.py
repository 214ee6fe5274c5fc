"""A regular expression's search that cannot hang the daemon.

`re` may take exponential time (`(a+)+b`), and keeps Python's lock meanwhile, so that a thread would not help.
It does look for signals now and then (CPython, `sre_lib.h`): one ends it once it has used its CPU time.
"""

import re
import signal
from types import FrameType

SEARCH_WITHIN_S = 0.1
"""CPU seconds for one line: a sane expression needs microseconds, and all else waits meanwhile."""


class SearchTooSlow(Exception):
    """The search used up its time."""


def bounded_search(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the expression is found in `text`. Raises `SearchTooSlow`. In the main thread only."""
    is_armed = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if is_armed:
            raise SearchTooSlow

    previous = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SEARCH_WITHIN_S)
        return pattern.search(text) is not None
    finally:
        is_armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
