"""A job's trace: every byte of its runs, beside the job and never in its way."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from lab import LabBridge, LabDaemon, lab_daemon
from sample_images import make_image
from stmota_daemon.trace_store import TraceStore
from stmota_protocol.api import Job, JobKind, JobRequest, JobState
from stmota_protocol.trace import (
    TRACE_VERSION,
    Exchange,
    TraceEnd,
    TraceFull,
    TraceHeader,
    TraceLink,
    TraceNote,
    TraceRecord,
    Wire,
    read_trace,
    trace_line,
)
from stmota_simulator.boards import make_board
from stmota_simulator.faults import ByteFault, ByteFaultKind, Direction, Faults

IMAGE = make_image(3000)
HEADER = TraceHeader(at=1.0, version=TRACE_VERSION, stmota="0.1.0", job="j1", kind="info", bridge="lab")


class TappedBridge(LabBridge):
    """Keeps what crosses its UART."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(make_board("F103xB", image=make_image(1000), faults=faults or Faults()))
        self.sent = bytearray()
        self.came = bytearray()
        write, read = self.port.write, self.port.read

        async def tapped_write(data: bytes) -> None:
            self.sent += data
            await write(data)

        async def tapped_read(until_us: int | None) -> tuple[int, bytes]:
            at_us, data = await read(until_us)
            self.came += data
            return at_us, data

        self.port.write = tapped_write  # type: ignore[method-assign]
        self.port.read = tapped_read  # type: ignore[method-assign]


@asynccontextmanager
async def lab_of(bridge: LabBridge, state_dir: Path) -> AsyncGenerator[LabDaemon]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        async with lab_daemon(state_dir, {"lab": bridge}) as lab:
            yield lab
        nursery.cancel_scope.cancel()


def traced(lab: LabDaemon, kind: JobKind = JobKind.INFO) -> Job:
    return lab.bridges.submit(JobRequest(kind=kind, bridge="lab", trace=True))


def traced_flash(lab: LabDaemon) -> Job:
    first = lab.flash("lab", IMAGE)
    lab.bridges.cancel(first.id)  # it was only to store the image
    request = JobRequest(kind=JobKind.FLASH, bridge="lab", flash=first.flash, trace=True)
    return lab.bridges.submit(request)


def records_of(lab: LabDaemon, job: Job) -> list[TraceRecord]:
    path = lab.services.traces.find(job.id)
    assert path is not None
    with path.open("rb") as file:
        return list(read_trace(file))


def exchanges_of(records: list[TraceRecord]) -> list[Exchange]:
    return [record for record in records if isinstance(record, Exchange)]


def wire(records: list[TraceRecord], *kinds: Wire) -> bytes:
    events = [event for exchange in exchanges_of(records) for event in exchange.wire]
    return b"".join(bytes.fromhex(event.data) for event in events if event.kind in kinds)


async def test_a_flash_s_trace_has_every_byte_that_crossed_the_uart(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = TappedBridge()
    async with lab_of(bridge, tmp_path) as lab:
        job = await lab.ended(traced_flash(lab))
        records = records_of(lab, job)
    assert job.state is JobState.DONE
    assert wire(records, Wire.SENT) == bytes(bridge.sent)
    came = wire(records, Wire.CAME)
    assert came in bytes(bridge.came)  # before and behind it: what the application said
    assert came.count(IMAGE[256:512]) == 1
    texts = [exchange.text for exchange in exchanges_of(records)]
    assert "WRITE MEMORY 0x08000400, 256 bytes → ACK after 6.8 ms" in texts
    assert "ERASE of units 1, 2 → ACK after 40.1 ms" in texts


async def test_a_trace_says_of_which_job_board_and_edge_it_is_and_how_the_job_ended(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = TappedBridge()
    async with lab_of(bridge, tmp_path) as lab:
        await lab.ended(lab.start(JobKind.INFO, "lab"))
        job = await lab.ended(traced(lab))
        header, *records, end = records_of(lab, job)
    assert isinstance(header, TraceHeader)
    assert (header.job, header.kind, header.bridge, header.bridge_id) == (job.id, "info", "lab", bridge.id)
    assert header.chip == "STM32F103 medium density (0x410)"
    links = [record for record in records if isinstance(record, TraceLink)]
    assert [(link.name, link.lines) for link in links] == [("lab", ("NRST", "BOOT0"))]
    notes = [record.text for record in records if isinstance(record, TraceNote)]
    assert notes == ["connecting to lab", "entering the bootloader", "identifying the chip"]
    assert isinstance(end, TraceEnd)
    assert (end.state, end.problem) == ("done", None)


async def test_edge_times_follow_each_other(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async with lab_of(TappedBridge(), tmp_path) as lab:
        job = await lab.ended(traced_flash(lab))
        exchanges = exchanges_of(records_of(lab, job))
    ends = [exchange.at + exchange.took_us / 1e6 for exchange in exchanges]
    for end, following in zip(ends, exchanges[1:], strict=False):
        assert end <= following.at + 2e-6  # microseconds beside seconds since 1970, in a double
    for exchange in exchanges:
        times = [event.after_us for event in exchange.wire]
        assert times == sorted(times)
        assert all(0 <= time_us <= exchange.took_us for time_us in times)


async def test_a_failed_job_s_problem_and_its_trace_say_the_same(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lab_of(TappedBridge(Faults(mute_from=200)), tmp_path) as lab:
        job = await lab.ended(traced_flash(lab))
        records = records_of(lab, job)
    assert job.state is JobState.FAILED
    assert job.problem is not None
    end = records[-1]
    assert isinstance(end, TraceEnd)
    assert end.problem == job.problem
    troubles = [exchange for exchange in exchanges_of(records) if exchange.trouble]
    warnings = [record.text for record in records if isinstance(record, TraceNote) and record.warning]
    assert any(troubles[0].came in warning for warning in warnings)
    assert "nothing, repeated for 3 s" in [trouble.came for trouble in troubles]
    assert "nothing came back" in job.problem.message


async def test_a_refusal_of_the_chip_is_found_in_the_trace(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    corrupt = ByteFault(ByteFaultKind.CORRUPT, Direction.TO_CHIP, 300)
    async with lab_of(TappedBridge(Faults(bytes=(corrupt,))), tmp_path) as lab:
        job = await lab.ended(traced_flash(lab))
        records = records_of(lab, job)
        notes = await lab.notes(job)
    assert job.state is JobState.DONE
    [trouble] = [exchange for exchange in exchanges_of(records) if exchange.trouble]
    assert trouble.command == "WRITE MEMORY"
    assert trouble.came == "NACK (0x1F) in answer to the data"
    assert [note for note in notes if trouble.came in note]


async def test_a_job_that_wants_no_trace_has_none_and_its_link_is_the_bridge_s_own(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lab_of(TappedBridge(), tmp_path) as lab:
        job = await lab.ended(lab.start(JobKind.INFO, "lab"))
        assert lab.services.traces.find(job.id) is None
        assert not job.trace
    assert list((tmp_path / "traces").iterdir()) == []


async def test_a_job_taken_up_by_the_next_daemon_goes_on_in_its_trace(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = TappedBridge()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        async with lab_daemon(tmp_path, {"lab": bridge}) as lab:
            job = traced_flash(lab)
            written = trio.Event()
            bridge.on_batch_ended = lambda count: written.set() if count == 12 else None
            await written.wait()
        with (tmp_path / "traces" / f"{job.id}.trace.jsonl").open("ab") as file:
            file.write(b'{"type":"exch')  # the daemon was killed in the middle of a line
        async with lab_daemon(tmp_path, {"lab": bridge}) as lab:
            job = await lab.ended(job)
            records = records_of(lab, job)
        nursery.cancel_scope.cancel()
    assert job.state is JobState.DONE
    ends = [record.state for record in records if isinstance(record, TraceEnd)]
    assert ends == ["cancelled", "done"]
    sent = wire(records, Wire.SENT)
    assert sent[:100] == bytes(bridge.sent[:100])  # of the first daemon
    assert sent[-100:] == bytes(bridge.sent[-100:])  # of the second


async def test_a_lost_link_is_told_in_the_trace(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = TappedBridge()
    bridge.on_batch_ended = lambda count: bridge.cut_connections() if count == 10 else None
    async with lab_of(bridge, tmp_path) as lab:
        job = await lab.ended(traced_flash(lab))
        records = records_of(lab, job)
    assert job.state is JobState.DONE
    texts = [record.text for record in records if isinstance(record, TraceNote)]
    assert [text for text in texts if text.startswith("the link was lost") and "is not known" in text]
    assert len([record for record in records if isinstance(record, TraceLink)]) >= 2


def read_all(path: Path | None) -> list[TraceRecord]:
    assert path is not None
    return list(read_trace(path.read_bytes().splitlines(keepends=True)))


def test_a_trace_that_is_full_says_so_and_ends(tmp_path: Path) -> None:
    store = TraceStore(tmp_path, max_trace=400)
    file = store.open(HEADER)
    note = TraceNote(at=2.0, text="x" * 100)
    for _ in range(10):
        file.write(note)
    file.close()
    records = read_all(store.find("j1"))
    assert records[-1] == TraceFull(at=2.0)
    assert 0 < records.count(note) < 3


def test_the_oldest_traces_make_room(tmp_path: Path) -> None:
    store = TraceStore(tmp_path, max_trace=1000, max_total=1500)
    for job in ("j1", "j2", "j3"):
        file = store.open(msgspec.structs.replace(HEADER, job=job))
        file.write(TraceNote(at=2.0, text="x" * 500))
        file.close()
    assert store.find("j1") is None
    assert store.find("j3") is not None


def test_a_disk_that_refuses_ends_the_trace_and_not_the_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = TraceStore(tmp_path)
    (tmp_path / "j1.trace.jsonl").mkdir()
    file = store.open(HEADER)
    file.write(TraceNote(at=2.0, text="unheard"))
    file.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the trace cannot be written: [Errno 21] Is a directory: '{tmp_path / 'j1.trace.jsonl'}'"
    ]


def test_a_half_line_of_a_killed_daemon_is_removed(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    path = tmp_path / "j1.trace.jsonl"
    path.write_bytes(trace_line(HEADER) + b'{"type":"no')
    file = store.open(HEADER)
    file.write(TraceEnd(at=3.0, state="done"))
    file.close()
    assert read_all(path) == [HEADER, TraceEnd(at=3.0, state="done")]
