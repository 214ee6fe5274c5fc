import trio
from trio.testing import wait_all_tasks_blocked

from stmota_daemon.subscription import DaemonEvents
from stmota_protocol.api import BridgeGone, DaemonEvent, MissedEvent


def gone(number: int) -> BridgeGone:
    return BridgeGone(at=0.0, id=None, name=str(number))


async def test_a_subscriber_gets_what_happens_from_now_on_in_order() -> None:
    events = DaemonEvents()
    events.publish(gone(0))
    subscription = events.subscribe()
    events.publish(gone(1))
    events.publish(gone(2))
    assert await subscription.next() == [(1, gone(1)), (2, gone(2))]


async def test_a_subscriber_waits_for_the_next_event() -> None:
    events = DaemonEvents()
    subscription = events.subscribe()
    got: list[tuple[int, DaemonEvent]] = []

    async def read() -> None:
        got.extend(await subscription.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        assert got == []
        events.publish(gone(0))
    assert got == [(0, gone(0))]


async def test_a_slow_subscriber_is_told_how_much_it_missed_and_slows_nobody_down() -> None:
    events = DaemonEvents(max_waiting=3)
    slow, fast = events.subscribe(), events.subscribe()
    for number in range(10):
        events.publish(gone(number))
        assert await fast.next() == [(number, gone(number))]
    missed = MissedEvent(count=7, resume_from=7)
    assert await slow.next() == [(6, missed), (7, gone(7)), (8, gone(8)), (9, gone(9))]
    events.publish(gone(10))
    assert await slow.next() == [(10, gone(10))]


async def test_nothing_is_kept_for_who_has_left() -> None:
    events = DaemonEvents()
    subscription = events.subscribe()
    events.unsubscribe(subscription)
    events.unsubscribe(subscription)
    events.publish(gone(0))
    with trio.move_on_after(0) as scope:
        await subscription.next()
    assert scope.cancelled_caught
