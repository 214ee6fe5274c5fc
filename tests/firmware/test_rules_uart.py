"""BRIDGE_PROTOCOL.md, section 2, over the wire: a Send aborted, a Configure refused, the end of a run."""

import pytest

from bridge_bench import SECOND_US, Bench, console, results, timeless
from stmota_protocol.messages import Abort, BatchRequest, BeginRun, EndRun
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Outcome,
    Result,
    Rs485,
    Send,
    Step,
    UartSettings,
    Unclaimed,
    Wait,
)

CRAWLING = UartSettings(110)
"""An ESP32's divider ends above 76 baud (80 MHz / 2^20)."""
SLOW = UartSettings(1200)
SLOW_BITS = 10
"""Of a byte with 8 data bits, no parity and one stop bit."""
TEXT = bytes(range(256)) * 3
"""At 110 baud more than a minute; the smallest of messages that a bridge takes holds it."""


@pytest.mark.rule("R29")
async def test_an_abort_ends_a_send_behind_a_whole_byte_and_nothing_of_it_leaves_later(bench: Bench) -> None:
    peer = await bench.controller()
    crawl = Batch((Configure(CRAWLING), Send(TEXT)))
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, crawl))
    said = await bench.hears(1)
    await peer.send(Abort(1))
    (aborted,) = await results(peer, 1)
    assert timeless(aborted) == Result(Outcome.ABORTED, 1)
    await peer.send(BeginRun(2, Unclaimed.RESIDUE))
    await peer.send(BatchRequest(2, 0, Batch((Configure(UartSettings()), Send(b"mark")))))
    assert (await results(peer, 1))[0].is_done
    said += await bench.hears_until(b"mark")
    assert TEXT.startswith(said.removesuffix(b"mark"))


@pytest.mark.rule("R37", "R40")
@pytest.mark.parametrize(
    "refused",
    [
        Configure(UartSettings(data_bits=12)),
        Configure(UartSettings(rs485=Rs485.DRIVE_HIGH)),
        Configure(UartSettings(rs485=Rs485.DRIVE_LOW)),
    ],
    ids=["12 data bits", "direction high", "direction low"],
)
async def test_a_refused_configure_leaves_the_uart_as_it_was(refused: Step, bench: Bench) -> None:
    """By the time that a Send takes afterwards: of the refused settings it would be a hundredth."""
    assert (await bench.execute(Configure(SLOW))).is_done
    result = await bench.execute(Send(b"?"), refused, Send(b"never"))
    if not bench.is_local and result.is_done:
        pytest.skip("this bridge has a direction line")
    assert timeless(result) == Result(Outcome.FAILED, 1, Cause.UNSUPPORTED)
    sent = await bench.execute(Send(bytes(30)), Wait(0))
    assert sent.ended_us - sent.started_us >= 30 * SLOW_BITS * SECOND_US // SLOW.baud
    assert await bench.hears_until(bytes(30)) == b"?" + bytes(30)


@pytest.mark.rule("R32")
async def test_what_went_with_no_result_when_its_run_was_over_is_dropped(bench: Bench) -> None:
    """Of bytes around a run's end a late part is console (R34); sooner or later all of them are early."""
    peer = await bench.controller()
    told = b"late"
    run = 0
    while told:
        run += 1
        await peer.send(BeginRun(run, Unclaimed.RESIDUE), BatchRequest(run, 0, Batch((Send(b"1"),))))
        assert (await results(peer, 1))[0].residue == b""
        bench.says(b"late")
        base = (await bench.look()).console_next
        await peer.send(EndRun(run))
        while (await bench.look()).console_next == base:  # until its end is known at the UART
            bench.says(b".")
        bench.says(b"!")
        told = b""
        while not told.endswith(b"!"):
            told += (await console(peer, 1))[0].data
        told = told.rstrip(b".!")
        assert b"late".endswith(told)
