"""Waking at a time to tens of microseconds, where trio's timers come up to a millisecond late.

A byte at 115200 baud takes 95 us, and a UART's interrupt comes when it is there. trio waits in epoll, which
counts whole milliseconds and rounds up (epoll_wait(2)); a timerfd (timerfd_create(2)) does not.
"""

import ctypes
import os
import sys
import weakref
from abc import ABC, abstractmethod

import trio

CLOCK_MONOTONIC = 1  # linux/time.h
NANOSECOND_S = 1e-9
EVER_S = 1e9
"""30 years: within what the call takes."""


class Alarm(ABC):
    """Wakes one task, at a time or when it is rung."""

    @abstractmethod
    def clear(self) -> None:
        """Forget that it was rung."""

    @abstractmethod
    def ring(self) -> None:
        """Wake the task that waits, or that waits next."""

    @abstractmethod
    async def wait(self, until_s: float) -> None:
        """Return at `until_s` by trio's clock, or when it was rung since `clear`. Cancellable."""


def make_alarm() -> Alarm:
    """Return the exact kind where there is one: on Linux, in real time."""
    if sys.platform == "linux" and not _is_virtual(trio.lowlevel.current_clock()):
        return _TimerAlarm()
    return _TrioAlarm()


def _is_virtual(clock: trio.abc.Clock) -> bool:
    """Whether tests made the clock: who has not imported `trio.testing`, which takes 0.1 s, has none."""
    testing = sys.modules.get("trio.testing")
    return testing is not None and isinstance(clock, testing.MockClock)


class _TrioAlarm(Alarm):
    """Exact on a virtual clock."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def clear(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, until_s: float) -> None:
        with trio.move_on_at(until_s):
            await self._rung.wait()


class _TimerSpec(ctypes.Structure):
    """`struct itimerspec`: the interval of repetition, then the first expiry."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


class _TimerAlarm(Alarm):
    """A timerfd; to ring it is to let it expire at once."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"timerfd_create: {os.strerror(number)}")
        weakref.finalize(self, os.close, self._descriptor)
        self._is_rung = False

    def clear(self) -> None:
        self._is_rung = False

    def ring(self) -> None:
        self._is_rung = True
        self._expire_in(NANOSECOND_S)

    async def wait(self, until_s: float) -> None:
        left_s = min(until_s - trio.current_time(), EVER_S)
        self._expire_in(NANOSECOND_S if self._is_rung else max(left_s, NANOSECOND_S))
        await trio.lowlevel.wait_readable(self._descriptor)

    def _expire_in(self, seconds: float) -> None:
        """Set it; that takes back an expiry that was not read."""
        whole_s, part_s = divmod(seconds, 1)
        spec = _TimerSpec(0, 0, int(whole_s), max(int(part_s / NANOSECOND_S), int(whole_s == 0)))
        self._libc.timerfd_settime(self._descriptor, 0, ctypes.byref(spec), None)
