"""Traces: batches and results in the protocol's words, and the file that holds them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol import an3155
from stmota_protocol.an3155 import Command
from stmota_protocol.answers import what_came
from stmota_protocol.steps import (
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    Line,
    LineErrors,
    Outcome,
    Output,
    Result,
    Send,
    Sense,
    SetLines,
    Wait,
)
from stmota_protocol.trace import (
    TRACE_VERSION,
    BadTrace,
    Exchange,
    TraceEnd,
    TraceHeader,
    TraceNote,
    TraceRecord,
    Wire,
    WireEvent,
    read_trace,
    trace_line,
)
from stmota_protocol.trace_exchanges import TraceDecoder
from stmota_protocol.trace_summary import summarise

ROM = an3155.rom_uart(115200)
HEADER = TraceHeader(at=100.0, version=TRACE_VERSION, stmota="0.1.0", job="j1", kind="flash", bridge="lab")


def decoded(batch: Batch, result: Result) -> list[Exchange]:
    """At 115200 8E1, as the ROM talks."""
    decoder = TraceDecoder()
    decoder.exchanges(Batch((Configure(ROM),)), Result(Outcome.DONE), 0.0)
    return decoder.exchanges(batch, result, 100.0)


def text(command: Command, result: Result) -> str:
    [exchange] = decoded(Batch(command.steps), result)
    return exchange.text


def done(ended_us: int, *arrivals: tuple[int, int], outputs: Sequence[tuple[int, bytes]] = ()) -> Result:
    return Result(
        Outcome.DONE,
        ended_us=ended_us,
        arrivals=tuple(Arrival(*arrival) for arrival in arrivals),
        outputs=tuple(Output(*output) for output in outputs),
    )


def failed(step: int, cause: Cause, got: int | None = None, ended_us: int = 1000) -> Result:
    return Result(Outcome.FAILED, step, cause, got, ended_us=ended_us)


WRITE = an3155.write_memory(0x08000400, bytes(range(4)), 25_600)


def test_a_write_is_one_exchange_with_every_byte_and_when_the_edge_knew_of_it() -> None:
    [exchange] = decoded(Batch(WRITE.steps), done(8_500, (1, 400), (3, 1_100), (5, 8_450)))
    assert exchange.text == "WRITE MEMORY 0x08000400, 4 bytes → ACK after 6.8 ms"
    assert exchange.at == 100.0
    assert exchange.took_us == 8_450
    assert exchange.wire == (
        WireEvent(0, True, Wire.SENT, "31ce"),
        WireEvent(400, True, Wire.CAME, "79"),
        WireEvent(400, True, Wire.SENT, "080004000c"),
        WireEvent(1_100, True, Wire.CAME, "79"),
        WireEvent(1_100, True, Wire.SENT, "030001020303"),
        WireEvent(8_450, True, Wire.CAME, "79"),
    )
    assert not exchange.trouble


def test_several_commands_of_one_batch_are_exchanges_of_their_own_and_what_is_reckoned_is_marked() -> None:
    read = an3155.read_memory(0x08000000, 4, ROM)
    result = done(
        4_000,
        (1, 300), (3, 900), (5, 1_200), (8, 2_000), (10, 2_600), (12, 2_900),
        outputs=((6, bytes(4)), (13, bytes(4))),
    )  # fmt: skip
    first, second = decoded(Batch(read.steps + read.steps), result)
    assert (
        first.text
        == second.text
        == "READ MEMORY 0x08000000, 4 bytes → ACK after 0.1 ms, 4 bytes: 00 00 00 00"
    )
    assert first.wire[-1] == WireEvent(1_200 + 4 * 96 - 2, False, Wire.CAME, "00000000")
    assert second.wire[0].is_timed is False
    assert second.at == pytest.approx(100.001582)
    assert second.wire[-1] == WireEvent(4_000 - 1_582, True, Wire.CAME, "00000000")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (an3155.get(ROM), "GET"),
        (an3155.get_id(), "GET ID"),
        (an3155.go(0x08000000), "GO 0x08000000"),
        (an3155.erase(0x43, [3], 1, 0, 0), "ERASE of unit 3"),
        (an3155.erase(0x44, [3, 300], 1, 0, 0), "EXTENDED ERASE of units 3, 300"),
        (an3155.erase(0x43, list(range(7, 20)), 1, 0, 0), "ERASE of 13 units, the first is 7"),
        (an3155.read_memory(0x1FFFF7E0, 2, ROM), "READ MEMORY 0x1FFFF7E0, 2 bytes"),
        (WRITE, "WRITE MEMORY 0x08000400, 4 bytes"),
    ],
)
def test_a_command_is_named_from_its_bytes(command: Command, said: str) -> None:
    [exchange] = decoded(Batch(command.steps), Result(Outcome.SKIPPED))
    assert exchange.text == f"{said} → skipped: never sent"
    assert exchange.wire == ()


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        (["43 bc", "ff 00"], "ERASE of the whole flash"),
        (["44 bb", "ff ff 00"], "EXTENDED ERASE of the whole flash"),
        (["44 bb", "ff fe 01"], "EXTENDED ERASE of bank 1"),
        (["92 6d"], "READOUT UNPROTECT"),
        (["63 9c", "01 00 05 04"], "WRITE PROTECT of units 0, 5"),
        (["a1 5e", "08 00 00 00 08", "00 00 00 40 40"], "GET CHECKSUM 0x08000000, 256 bytes"),
        (["77 88"], "command 0x77"),
        (["01 02 03"], "bytes 01 02 03"),
    ],
)
def test_other_packets_are_named_as_far_as_they_are_known(packets: list[str], said: str) -> None:
    steps = tuple(Send(bytes.fromhex(packet)) for packet in packets)
    [exchange] = decoded(Batch(steps), done(1000))
    assert exchange.asked == said


def test_what_get_and_get_id_answer_is_said() -> None:
    get = done(6000, (1, 400), outputs=((2, bytes.fromhex("03 31 00 02 44 79")),))
    assert text(an3155.get(ROM), get) == "GET → ACK after 0.2 ms, protocol 3.1, commands 00 02 44"
    get_id = done(900, (1, 400), outputs=((2, bytes.fromhex("01 04 10 79")),))
    assert text(an3155.get_id(), get_id) == "GET ID → ACK after 0.2 ms, product id 0x410"


@pytest.mark.parametrize(
    ("result", "came"),
    [
        (failed(1, Cause.WRONG_BYTE, 0x1F), "NACK (0x1F) in answer to the command"),
        (failed(3, Cause.WRONG_BYTE, 0x00), "0x00 instead of ACK in answer to the address or count"),
        (failed(5, Cause.SILENCE), "no answer to the data in 0.53 s"),
        (Result(Outcome.ABORTED, 4), "aborted"),
    ],
)
def test_a_failed_command_says_what_its_problem_says(result: Result, came: str) -> None:
    assert text(WRITE, result) == f"WRITE MEMORY 0x08000400, 4 bytes → {came}"
    step = result.failed_step or 0
    assert what_came(step, WRITE.steps[step], result) == came


def test_what_was_behind_a_failure_in_its_batch_is_no_exchange() -> None:
    exchanges = decoded(Batch(WRITE.steps + WRITE.steps), failed(1, Cause.WRONG_BYTE, 0x1F))
    assert [exchange.trouble for exchange in exchanges] == [True]
    assert exchanges[0].wire[-1] == WireEvent(1000, True, Wire.CAME, "1f")


def test_a_sync_tells_how_long_it_took() -> None:
    batch = Batch(an3155.synchronise(150))
    assert decoded(batch, done(1_500, (1, 1_500)))[0].text == "0x7F → ACK after 1.4 ms"
    assert decoded(batch, done(70_000, (1, 70_000)))[0].text == "0x7F → ACK after about 3 repeats"
    assert (
        decoded(batch, failed(1, Cause.SILENCE, ended_us=3_020_000))[0].text
        == "0x7F → nothing, repeated for 3 s"
    )


def test_lines_settings_and_what_came_unasked_are_told() -> None:
    steps = (
        SetLines(Line.NRST | Line.BOOT0, Line.BOOT0), Configure(ROM), Wait(10_000), Sense(), Discard(1, 1),
    )  # fmt: skip
    outputs = ((3, b"\x31\x30"), (4, (2).to_bytes(4, "little")))
    result = Result(
        Outcome.DONE, ended_us=10_100, residue=b"\x1f",
        outputs=tuple(Output(*output) for output in outputs),
    )  # fmt: skip
    [exchange] = decoded(Batch(steps), result)
    assert exchange.command == "lines"
    assert exchange.asked == (
        "NRST low, BOOT0 high; UART 115200 8E1; wait 10 ms; read the lines; drop what comes"
    )
    assert exchange.brought == "NRST low, TX high, RX high; 2 bytes dropped"
    assert exchange.wire[-1] == WireEvent(10_100, False, Wire.UNCLAIMED, "1f")


def test_looks_that_are_repeated_are_told_once() -> None:
    steps = (Configure(ROM), *(step for _ in range(3) for step in (Sense(), Wait(1_000))))
    outputs = tuple(Output(index, b"\x31\x31") for index in (1, 3, 5))
    [exchange] = decoded(Batch(steps), Result(Outcome.DONE, ended_us=3_000, outputs=outputs))
    assert exchange.text == (
        "UART 115200 8E1; 3 times read the lines, wait 1 ms → NRST high, TX high, RX high"
    )


def test_line_errors_are_trouble_even_where_the_batch_was_done() -> None:
    result = Result(Outcome.DONE, ended_us=1_500, arrivals=(Arrival(1, 1_500),), errors=LineErrors(parity=2))
    [exchange] = decoded(Batch(an3155.synchronise(1)), result)
    assert exchange.trouble
    assert exchange.came == "ACK (2 parity errors)"


@given(
    packets=st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6),
    took_us=st.integers(0, 10**7),
    failed_step=st.none() | st.integers(0, 11),
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_any_bytes_are_told_whole_and_in_order(
    packets: list[bytes], took_us: int, failed_step: int | None
) -> None:
    command = an3155.get_id().steps[1]
    batch = Batch(tuple(step for packet in packets for step in (Send(packet), command)))
    outcome = Outcome.DONE if failed_step is None else Outcome.FAILED
    count = len(batch.steps) if failed_step is None else min(failed_step + 1, len(batch.steps))
    result = Result(outcome, None if failed_step is None else count - 1, Cause.SILENCE, ended_us=took_us)
    exchanges = decoded(batch, result)
    sent = [event for one in exchanges for event in one.wire if event.kind is Wire.SENT]
    assert [event.data for event in sent] == [
        step.data.hex() for step in batch.steps[:count] if isinstance(step, Send)
    ]
    assert sum(one.took_us for one in exchanges) == took_us
    lines = [trace_line(HEADER), *map(trace_line, exchanges)]
    assert list(read_trace(lines))[1:] == exchanges


RECORDS: list[TraceRecord] = [
    HEADER,
    Exchange(
        at=101.0, command="GET", asked="GET", came="ACK", took_us=500_000,
        wire=(WireEvent(0, True, Wire.SENT, "00ff"), WireEvent(500_000, True, Wire.CAME, "79")),
    ),
    TraceNote(at=101.1, text="the link was lost", warning=True),
    Exchange(
        at=102.0, command="GO", asked="GO", came="NACK", took_us=250_000, trouble=True,
        wire=(WireEvent(0, True, Wire.SENT, "21de"), WireEvent(9, False, Wire.UNCLAIMED, "1f1f")),
    ),
    Exchange(at=0.0, command="GO", asked="GO", came="skipped: never sent"),
    TraceEnd(at=103.0, state="failed"),
]  # fmt: skip
LINES = [trace_line(record) for record in RECORDS]


def test_a_trace_is_read_as_it_was_written_and_added_up() -> None:
    assert list(read_trace(LINES)) == RECORDS
    summary = summarise(read_trace(LINES), slowest=1)
    assert summary.seconds == pytest.approx(1.25)
    assert (summary.sent_bytes, summary.came_bytes, summary.unclaimed_bytes) == (4, 1, 2)
    assert summary.exchanges == 3
    assert (summary.commands["GO"].count, summary.commands["GO"].trouble) == (2, 1)
    assert summary.slowest == [RECORDS[1]]
    assert summary.trouble == [RECORDS[2], RECORDS[3]]
    assert (summary.header, summary.end) == (HEADER, RECORDS[-1])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "line 1: the file is empty"),
        ([b"\x7fELF\x01\n"], r"line 1: no line of a stmota trace: '\x7fELF\x01'"),
        ([LINES[1]], "line 1: a trace begins with a line of type trace"),
        ([*LINES[:2], b'{"type":"exchange","at":1}\n'], "line 3: no line of a stmota trace"),
        ([*LINES[:2], LINES[2][:20]], "line 3: the file is cut off in this line"),
        ([*LINES[:2], LINES[0]], "line 3: a trace begins again here"),
        ([LINES[0].replace(b'"version":1', b'"version":2')], "line 1: a trace of version 2; this stmota"),
        ([LINES[0], b"[1]\n"], "line 2: no line of a stmota trace: '[1]'"),
    ],
)
def test_a_foreign_or_broken_file_is_refused_with_its_line(lines: list[bytes], said: str) -> None:
    with pytest.raises(BadTrace) as bad:
        list(read_trace(lines))
    assert str(bad.value).startswith(said)


@given(st.lists(st.binary(max_size=60), max_size=5))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_any_bytes_are_a_trace_or_a_bad_one(lines: list[bytes]) -> None:
    try:
        list(read_trace([LINES[0], *lines]))
    except BadTrace as bad:
        assert str(bad).startswith("line ")  # noqa: PT017 - whether it raises is the input's to say
