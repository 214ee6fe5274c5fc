"""Part `turnaround`: what the edge loses between an ACK's stop bit and the next byte's start bit.

From the edge times in the results of a real flash over a real bridge process. Between the ACK of a WRITE
MEMORY's opening and the ACK of its address the wire carries six bytes; what is left of the difference is the
turnaround at the edge and the reaction of the chip's ROM, which no edge can see apart.
"""

from collections.abc import Iterator

import trio

from bench.image import KIB, make_image
from bench.limit import BITS_PER_BYTE
from bench.processes import Stage, listening_ports
from bench.table import Table, median, percentile
from bench.virtual_flash import BENCH_FILES, CONTROLLER_ID, OPTION_BITS, BenchBoard, NoReport
from stmota_daemon.bridge_link import BridgeAddress, open_bridge_link
from stmota_daemon.flash import flash
from stmota_daemon.link import Link, Run
from stmota_protocol.api import FlashOptions
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, Expect, Result, Send, Unclaimed
from stmota_simulator.rom import REACTION_US

ADDRESS_PACKET = 5
ANSWER = 1


def run(stage: Stage, *, quick: bool) -> Table:
    """Measure."""
    table = Table(
        "turnaround",
        "ACK's stop bit to the next byte's start bit, soft bridge, real time",
        ("chip", "baud", "rtt_ms", "samples", "median_us", "p99_us", "largest_us"),
    )
    lines = (("F103xB", 115_200),) if quick else (("F103xB", 115_200), ("G071", 921_600))
    for chip, baud in lines:
        for rtt_ms in (0,) if quick else (0, 50):
            samples = _flash_samples(stage, chip, baud, rtt_ms)
            middle, late = median(samples), percentile(samples, 99)
            table.add(chip, baud, rtt_ms, len(samples), middle, late, max(samples))
    table.notes.append(f"the simulated ROM's own reaction of {REACTION_US} us is in each")
    return table


def _flash_samples(stage: Stage, chip: str, baud: int, rtt_ms: int) -> list[float]:
    command = ("stmota", "sim", "bridge", "--no-mdns", "--chip", chip, "--rtt-ms", str(rtt_ms))
    bits = [f"--option={name}={value}" for name, value in OPTION_BITS.get(chip, {}).items()]
    with stage.running(*command, *bits) as bridge:
        address = BridgeAddress("127.0.0.1", listening_ports(bridge)[0])
        pairs = trio.run(_flash, address, baud)
    return [sample for batch, result in pairs for sample in _samples(batch, result, baud)]


async def _flash(address: BridgeAddress, baud: int) -> list[tuple[Batch, Result]]:
    async with open_bridge_link(address, CONTROLLER_ID, "bench") as link:
        watched = _WatchedLink(link)
        options = FlashOptions(files=BENCH_FILES, baud=baud, verify=False, full=True)
        await flash(BenchBoard(watched), NoReport(), [make_image(64 * KIB)], options)
    return watched.pairs


def _samples(batch: Batch, result: Result, baud: int) -> Iterator[float]:
    """Microseconds of each address packet in a batch, beyond its bytes and its ACK on the wire."""
    arrivals = {arrival.step: arrival.after_us for arrival in result.arrivals}
    for index, step in enumerate(batch.steps):
        is_address = isinstance(step, Send) and len(step.data) == ADDRESS_PACKET
        if is_address and index - 1 in arrivals and isinstance(batch.steps[index + 1], Expect):
            took_us = arrivals[index + 1] - arrivals[index - 1]
            yield took_us - (ADDRESS_PACKET + ANSWER) * BITS_PER_BYTE / baud * 1e6


class _WatchedLink(Link):
    """A link that keeps every batch with its result."""

    def __init__(self, link: Link) -> None:
        self.identity, self.clock = link.identity, link.clock
        self.pairs: list[tuple[Batch, Result]] = []
        self._link = link

    @property
    def has_ended(self) -> bool:
        return self._link.has_ended

    def begin_run(self, unclaimed: Unclaimed = Unclaimed.RESIDUE) -> Run:
        return _WatchedRun(self._link.begin_run(unclaimed), self.pairs)

    def take_console(self) -> Console | ConsoleGap | None:
        return self._link.take_console()

    async def wait_for_console(self) -> None:
        await self._link.wait_for_console()

    def acknowledge_console(self, position: int) -> None:
        self._link.acknowledge_console(position)


class _WatchedRun(Run):
    def __init__(self, run: Run, pairs: list[tuple[Batch, Result]]) -> None:
        self._run = run
        self._pairs = pairs
        self._waiting: list[Batch] = []

    @property
    def under_way(self) -> int:
        return self._run.under_way

    def has_room_for(self, batch: Batch) -> bool:
        return self._run.has_room_for(batch)

    def submit(self, batch: Batch) -> None:
        self._run.submit(batch)
        self._waiting.append(batch)

    async def result(self) -> Result:
        result = await self._run.result()
        self._pairs.append((self._waiting.pop(0), result))
        return result

    def abort(self) -> None:
        self._run.abort()

    def end(self) -> None:
        self._run.end()
