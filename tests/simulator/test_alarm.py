"""Alarms: both kinds, the one of virtual time and the timer of the system."""

import math
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from stmota_simulator.alarm import Alarm, make_alarm

REAL_TIME = pytest.param(trio.run, id="real")


def in_virtual_time(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))


both_clocks = pytest.mark.parametrize("run", [REAL_TIME, pytest.param(in_virtual_time, id="virtual")])


@both_clocks
@pytest.mark.parametrize("after_s", [-1.0, 0.0, 0.0003, 0.02])
def test_an_alarm_wakes_at_its_time_and_not_before(
    run: Callable[[Callable[[], Awaitable[None]]], None], after_s: float
) -> None:
    async def main() -> None:
        alarm = make_alarm()
        until_s = trio.current_time() + after_s
        with trio.fail_after(60):
            await alarm.wait(until_s)
        assert trio.current_time() >= until_s - 1e-6  # the timer counts nanoseconds of another origin

    run(main)


@both_clocks
def test_a_ring_wakes_who_waits_for_ever(run: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
    async def main() -> None:
        alarm = make_alarm()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_ever, alarm)
            await trio.testing.wait_all_tasks_blocked()
            alarm.ring()

    run(main)


async def wait_for_ever(alarm: Alarm) -> None:
    with trio.fail_after(60):
        await alarm.wait(math.inf)


@both_clocks
def test_a_ring_before_the_wait_is_not_lost(run: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
    async def main() -> None:
        alarm = make_alarm()
        alarm.ring()
        await wait_for_ever(alarm)

    run(main)


@both_clocks
def test_a_cleared_ring_wakes_nobody(run: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
    async def main() -> None:
        alarm = make_alarm()
        alarm.ring()
        alarm.clear()
        with trio.move_on_after(0.01) as waited:
            await alarm.wait(math.inf)
        assert waited.cancelled_caught

    run(main)


def test_the_virtual_clock_is_met_exactly() -> None:
    async def main() -> None:
        began_s = trio.current_time()
        await make_alarm().wait(began_s + 1.234)
        assert trio.current_time() == began_s + 1.234

    in_virtual_time(main)


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_linux_has_the_exact_kind_in_real_time() -> None:
    async def main() -> None:
        assert type(make_alarm()).__name__ == "_TimerAlarm"

    trio.run(main)
