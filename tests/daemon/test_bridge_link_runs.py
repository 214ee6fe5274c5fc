"""Runs over the link to a bridge: ahead within the credit, aborted, ended, and none lost."""

import pytest
import trio
from trio.testing import MockClock

from bridge_peer import Peer
from next_console import next_console
from scripted_port import ASK, FAILING, LONG, ScriptedPort, acknowledges
from soft_bridge_lab import ID, lab
from stmota_daemon.bridge_link import open_bridge_link
from stmota_protocol.messages import Console
from stmota_protocol.steps import Batch, Cause, Outcome, Receive, Unclaimed, Wait


async def test_batches_run_in_lock_step_and_ahead(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        assert (await run.execute(ASK)).is_done
        for _ in range(10):
            assert run.has_room_for(ASK)
            run.submit(ASK)
        assert run.under_way == 10
        assert [(await run.result()).is_done for _ in range(10)] == [True] * 10
        assert run.under_way == 0
        run.end()
        assert (await link.begin_run().execute(ASK)).is_done


@pytest.mark.rule("R42", "R41")
async def test_the_credit_says_how_far_ahead(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        batch = Batch((Receive(20, 1000),))  # charged 115 + 24
        assert run.has_room_for(batch)
        run.submit(batch)
        assert run.has_room_for(batch)
        run.submit(batch)
        assert not run.has_room_for(batch)
        await run.result()
        assert run.has_room_for(batch)


async def test_a_batch_that_never_fits_is_a_value_error(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        too_large = Batch((Receive(200, 1000),))
        with pytest.raises(ValueError, match="300"):
            run.has_room_for(too_large)
        with pytest.raises(ValueError, match="300"):
            run.submit(too_large)
        assert (await run.execute(ASK)).is_done


async def test_a_new_run_need_not_wait_for_the_credit_of_the_old_one(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        old = link.begin_run()
        old.submit(LONG)
        old.submit(LONG)
        await trio.sleep(1)
        new = link.begin_run()
        assert new.has_room_for(ASK)
        new.submit(ASK)  # kept until the old run's results made room
        new.submit(ASK)
        assert not new.has_room_for(ASK)
        assert [(await new.result()).outcome for _ in range(2)] == [Outcome.DONE, Outcome.DONE]
        assert [(await old.result()).outcome for _ in range(2)] == [Outcome.ABORTED, Outcome.SKIPPED]


async def test_batches_that_were_never_sent_are_skipped(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        old = link.begin_run()
        old.submit(LONG)
        old.submit(LONG)
        middle = link.begin_run()
        middle.submit(LONG)
        middle.submit(LONG)
        middle.submit(LONG)
        newest = link.begin_run()
        newest.submit(ASK)
        assert (await newest.result()).is_done
        assert {(await middle.result()).outcome for _ in range(3)} <= {Outcome.ABORTED, Outcome.SKIPPED}
        with pytest.raises(ValueError, match="over"):
            middle.submit(ASK)


async def test_an_abort_ends_what_is_under_way(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(LONG)
        run.submit(ASK)
        await trio.sleep(1)
        run.abort()
        assert [(await run.result()).outcome for _ in range(2)] == [Outcome.ABORTED, Outcome.SKIPPED]
        assert trio.current_time() == 1


async def test_an_abort_while_batches_wait_for_credit_skips_them_too(autojump_clock: MockClock) -> None:
    async with lab(credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        link.begin_run().submit(LONG)
        run = link.begin_run()
        for _ in range(5):
            run.submit(LONG)
        run.abort()
        run.submit(LONG)
        outcomes = [(await run.result()).outcome for _ in range(6)]
        assert set(outcomes) <= {Outcome.ABORTED, Outcome.SKIPPED}
        assert run.under_way == 0


async def test_an_end_comes_after_batches_that_wait_for_credit(autojump_clock: MockClock) -> None:
    port = ScriptedPort(acknowledges)
    async with lab(port, credit=300) as here, open_bridge_link(here.connect(), ID, "me") as link:
        link.begin_run().submit(LONG)
        run = link.begin_run()
        for _ in range(4):
            run.submit(ASK)
        run.end()
        assert [(await run.result()).outcome for _ in range(4)] == [Outcome.DONE] * 4
        port.arrives(0, b"log")
        message = await next_console(link)
        assert isinstance(message, Console)
        assert message.data == b"log"


async def test_a_failed_batch_skips_the_rest_of_its_run(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(FAILING)
        run.submit(ASK)
        first, second = await run.result(), await run.result()
        assert (first.outcome, first.cause) == (Outcome.FAILED, Cause.SILENCE)
        assert second.outcome is Outcome.SKIPPED


async def test_a_cancelled_wait_for_a_result_loses_none(autojump_clock: MockClock) -> None:
    async with lab() as here, open_bridge_link(here.connect(), ID, "me") as link:
        run = link.begin_run()
        run.submit(Batch((Wait(2_000_000),)))
        with trio.move_on_after(1):
            await run.result()
        with trio.move_on_after(2):  # the result is here by now
            await trio.sleep(1.5)
        with trio.CancelScope() as scope:
            scope.cancel()
            await run.result()
        assert run.under_way == 1
        assert (await run.result()).is_done


async def test_run_ids_go_on_after_a_reconnection(autojump_clock: MockClock) -> None:
    async with lab() as here:
        for _ in range(3):
            async with open_bridge_link(here.connect(), ID, "me") as link:
                assert (await link.begin_run(Unclaimed.CONSOLE).execute(ASK)).is_done
        assert (await Peer(here.connect()).greeting()).last_batch is not None
