"""One flash of which everything is drawn from a seed: chip, old and new image, faults, link, cuts.

Import as `from random_flash import RandomFlash`. The same seed is the same flash, to the microsecond.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import trio

from firmware_files import make_hex
from lab import LabBridge, LabDaemon, lab_daemon
from sample_images import make_image
from stmota_protocol.api import Job, JobState, ProblemCode
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.chips import CHIPS, find_chip
from stmota_simulator.faults import ByteFaultKind, Direction, Faults, RateFault
from stmota_simulator.link import LinkConditions, OneWayConditions
from stmota_simulator.link_end import simulated_link

FAULT_RATE = 1e-4
"""Of the bytes in each direction."""
BAD_FAULT_RATE = 2e-3
"""A line that needs a person, or a lower baud."""
MOST_IMAGE_BYTES = 12 * 1024
"""Enough for several erase units of most chips, and for some faults; more would only take longer."""
WITHIN_S = 3600.0
"""Virtual: a flash that does not end."""
PIN_DECIDES = {"nBOOT_SEL": 0, "nSWBOOT0": 1, "BOOT_SEL": 1}
"""Option bits by which BOOT0 is heeded whatever the flash holds: other boards are refused."""
TRUE_FAILURES = frozenset(
    {
        ProblemCode.FAILED,
        ProblemCode.SILENT,
        ProblemCode.GARBAGE,
        ProblemCode.NACKED,
        ProblemCode.NOT_STARTED,
        ProblemCode.VERIFY_FAILED,
    }
)
"""What a line too bad to be flashed over, or a chip that fell silent, may be called."""

Segments = list[tuple[int, bytes]]


@dataclass
class RandomFlash:
    """What is to happen; drawn, and shown when it goes wrong."""

    seed: int
    chip: str = ""
    old: bytes = b""
    segments: Segments = field(default_factory=list[tuple[int, bytes]])
    faults: Faults = field(default_factory=Faults)
    links: list[LinkConditions] = field(default_factory=list[LinkConditions])
    """Of the first connections; later ones are not cut."""
    baud: int = 115200

    def __post_init__(self) -> None:
        """Draw it."""
        drawn = Random(f"flash {self.seed}")  # noqa: S311 reproducible, no secret
        self.chip = drawn.choice(CHIPS).name
        flash = find_chip(self.chip).flash
        most = min(flash.size, MOST_IMAGE_BYTES)
        if drawn.random() < 0.7:
            self.old = make_image(drawn.randrange(200, most), seed=drawn.randrange(1000), text="old")
        self.segments = _draw_segments(drawn, flash.start, _own_bytes(self.chip), most)
        self.baud = drawn.choice([115200, 115200, 57600, 230400])
        self.faults = _draw_faults(drawn)
        rtt_ms = drawn.choice([0.0, 1.0, 5.0, 20.0, 80.0, 200.0])
        self.links = [_draw_link(drawn, rtt_ms, cut=cut < 3) for cut in range(drawn.randrange(4), 4)]

    def __str__(self) -> str:
        """What one needs to see of it, without kilobytes."""
        pieces = ", ".join(f"{len(data)} at 0x{address:08X}" for address, data in self.segments)
        return (
            f"flash {self.seed}: {self.chip}, {len(self.old)} old bytes, new: {pieces}; {self.baud} baud;"
            f" {self.faults}; {self.links}"
        )

    @property
    def may_fail(self) -> bool:
        """Whether the line is so bad, or the chip so dead, that a failure is the truth."""
        return self.faults.mute_from is not None or any(
            fault.rate > FAULT_RATE for fault in self.faults.rates
        )

    def board(self) -> VirtualBoard:
        """The board as it is before."""
        known = {name for name, _ in find_chip(self.chip).options.fields}
        bits = {name: value for name, value in PIN_DECIDES.items() if name in known}
        return make_board(self.chip, image=self.old, faults=self.faults, option_bits=bits)

    def expected(self, before: bytes) -> bytes:
        """What the flash must hold after a flash that is done: every unit touched, and only those."""
        model = find_chip(self.chip).flash
        wanted = bytearray(before)
        start = 0
        for size in model.layout.sizes:
            end = start + size
            if any(at - model.start < end and start < at - model.start + len(d) for at, d in self.segments):
                wanted[start:end] = bytes([model.erased]) * size
            start = end
        for address, data in self.segments:
            wanted[address - model.start : address - model.start + len(data)] = data
        return bytes(wanted)

    async def run(self, state_dir: Path) -> "Flashed":
        """Do it. Raises `trio.TooSlowError` if it does not end."""
        board = self.board()
        before = board.flash
        links = iter(self.links)
        last = self.links[-1]

        def connect(bridge: LabBridge, nursery: trio.Nursery) -> trio.abc.Stream:
            near, far = simulated_link(next(links, last))
            nursery.start_soon(bridge.serve_stream, far)
            return near

        async with trio.open_nursery() as nursery:
            bridge = LabBridge(board)
            nursery.start_soon(bridge.run)
            async with lab_daemon(state_dir, {"lab": bridge}, connect) as daemon:
                with trio.fail_after(WITHIN_S):
                    job = await self._flash(daemon)
            nursery.cancel_scope.cancel()
        return Flashed(job, board, before)

    async def _flash(self, daemon: LabDaemon) -> Job:
        return await daemon.ended(daemon.flash("lab", make_hex(self.segments), baud=self.baud))


@dataclass(frozen=True)
class Flashed:
    """What became of it."""

    job: Job
    board: VirtualBoard
    before: bytes

    def check(self, flash: RandomFlash) -> None:
        """Verified, or a true failure; and in both cases nothing else was touched or programmed twice."""
        wanted = flash.expected(self.before)
        held = self.board.flash
        counters = self.board.counters
        assert counters.mass_erases == 0
        assert counters.double_programs == 0
        assert counters.programs_refused == 0
        if self.job.state is JobState.DONE:
            assert self.job.report is not None
            assert self.job.report.verified
            assert held == wanted, _first_difference(held, wanted)
            assert self.board.state is State.APPLICATION
        else:
            problem = self.job.problem
            assert problem is not None
            assert flash.may_fail, problem
            assert problem.code in TRUE_FAILURES, problem
            self._check_untouched(flash, held, wanted)

    def _check_untouched(self, flash: RandomFlash, held: bytes, wanted: bytes) -> None:
        """Units that are none of the job's are as before; the first block is old, new or erased, whole."""
        start = 0
        touched = flash.expected(bytes(len(wanted)))
        for size in find_chip(flash.chip).flash.layout.sizes:
            unit = slice(start, start + size)
            if not any(touched[unit]) and self.before[unit] == wanted[unit]:
                assert held[unit] == self.before[unit], hex(start)
            start += size
        model = find_chip(flash.chip).flash
        first = slice(0, min(256, model.layout.sizes[0]))
        assert held[first] in {self.before[first], wanted[first], bytes([model.erased]) * first.stop}
        if held[first] == wanted[first] != self.before[first]:
            assert held == wanted


def _first_difference(held: bytes, wanted: bytes) -> str:
    wrong = [index for index, pair in enumerate(zip(held, wanted, strict=True)) if pair[0] != pair[1]]
    return f"{len(wrong)} bytes differ, the first at offset 0x{wrong[0]:X}"


def _own_bytes(chip: str) -> int:
    """How much of its flash a chip has for this core: up to SFSA on a WB (RM0434, 4 KiB each)."""
    options = make_board(chip).options
    return options.bit("SFSA") * 4096 if options.has("SFSA") else find_chip(chip).flash.size


def _draw_segments(drawn: Random, start: int, size: int, most: int) -> Segments:
    """The firmware at the flash's start, and up to three more pieces anywhere, none aligned to anything."""
    first = make_image(drawn.randrange(200, most), flash_start=start, seed=drawn.randrange(1000), text="new")
    segments = [(start, first)]
    end = len(first)
    for _ in range(drawn.choice([0, 0, 1, 2, 3])):
        at = end + drawn.choice([drawn.randrange(1, 64), drawn.randrange(1, 5000), drawn.randrange(1, size)])
        length = drawn.choice([1, drawn.randrange(1, 40), drawn.randrange(1, 3000)])
        if at + length > size:
            break
        segments.append((start + at, drawn.randbytes(length)))
        end = at + length
    return segments


def _draw_faults(drawn: Random) -> Faults:
    """One in 10,000 bytes each way; sometimes a really bad line, or a chip that falls silent for good."""
    rate = BAD_FAULT_RATE if drawn.random() < 0.08 else FAULT_RATE
    kinds = drawn.choice([list(ByteFaultKind)] * 3 + [[kind] for kind in ByteFaultKind])
    rates = tuple(RateFault(kind, way, rate / len(kinds)) for kind in kinds for way in Direction)
    mute_from = drawn.randrange(1, 20_000) if drawn.random() < 0.04 else None
    return Faults(rates=rates, seed=drawn.randrange(1 << 30), mute_from=mute_from)


def _draw_link(drawn: Random, rtt_ms: float, *, cut: bool) -> LinkConditions:
    """A round trip, and a cut or a stall at any byte of either direction."""
    delay_s, jitter_s = rtt_ms / 2000, rtt_ms / 10_000
    plain = OneWayConditions(delay_s, jitter_s)
    if not cut:
        return LinkConditions(plain, plain, seed=drawn.randrange(1 << 30))
    at = drawn.randrange(1, 30_000)
    broken = drawn.choice(
        [OneWayConditions(delay_s, jitter_s, lost_at=at)] * 3
        + [OneWayConditions(delay_s, jitter_s, stalls_at=at)]
    )
    there, back = (plain, broken) if drawn.random() < 0.5 else (broken, plain)
    return LinkConditions(there, back, seed=drawn.randrange(1 << 30))
