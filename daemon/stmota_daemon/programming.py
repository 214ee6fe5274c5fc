"""A plan brought into the chip's flash, through any trouble on the wire.

The order that keeps a half image from ever booting: the unit with the vector table is erased first, in
a command of its own; everything else is erased, written and verified; the first block comes last.
After trouble nothing is programmed over: the chip is reset, the block in doubt read back; equal, go on;
still erased, write it; anything else, its unit is erased and written again.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from functools import cached_property

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.difference import Difference, difference
from stmota_daemon.erase_command import erase_units
from stmota_daemon.link import LinkLost
from stmota_daemon.pace import Meter, Pace
from stmota_daemon.recovery_count import RecoveryCount
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Phase
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.plan import Block, FlashPlan

REWRITES_ON_A_BAD_LINE = 4
"""Of one erase unit; on a good line there is one, as only the chip can be to blame."""
AFTER_LOST_LINKS = (
    "look at the bridge's Wi-Fi or supply, then flash again: the board boots nothing until then"
)


class Programming:
    """Erase, write and verify one plan. One task; a cancelled `run` leaves the chip amid a command."""

    def __init__(
        self,
        bootloader: Bootloader,
        report: Report,
        target: Target,
        plan: FlashPlan,
        pace: Pace,
        *,
        verify: bool,
    ) -> None:
        self._recoveries = RecoveryCount(bootloader, report, job="flash", remedy=AFTER_LOST_LINKS)
        self.pace = pace
        self._bootloader = bootloader
        self._report = report
        self._target = target
        self._plan = plan
        self._verify = verify
        self._to_erase = deque([(plan.first_unit,), *plan.other_erases])
        self._to_write = dict.fromkeys(plan.body)
        self._to_verify = dict.fromkeys(plan.verify) if verify else {}
        self._last_written = False
        self._last_verified = False
        self._count_left()
        self._totals = {
            Phase.ERASE: plan.erased_bytes,
            Phase.WRITE: plan.written_bytes,
            Phase.VERIFY: plan.verified_bytes,
        }
        self._in_flight: dict[int, Block] = {}  # writes by address: sent ahead, not yet acknowledged
        self._doubtful: list[Block] = []  # read back, and not what was written
        self._redone: Counter[EraseUnit] = Counter()
        self._current_meter: Meter | None = None

    @property
    def recoveries(self) -> int:
        """Times that trouble on the wire had to be mended."""
        return self._recoveries.total

    async def run(self) -> None:
        """Do all of it. Raises `WorkFailed`."""
        while not self._is_finished:
            try:
                if self._to_write:
                    await self._bootloader.forget_reads()
                await self._stream(self._left_but_the_last_block())
                await self._compare_doubtful()
                if not (self._to_erase or self._to_write or self._to_verify):
                    if not self._last_written:
                        await self._bootloader.forget_reads()
                    await self._stream(self._left_of_the_last_block())
                    await self._compare_doubtful()
            except (Trouble, LinkLost) as trouble:
                await self._recover(trouble)

    @property
    def _is_finished(self) -> bool:
        left = self._to_erase or self._to_write or self._to_verify
        return self._last_written and (self._last_verified or not self._verify) and not left

    def _left_but_the_last_block(self) -> Iterator[an3155.Command]:
        """What is left to erase, write and verify: one stream, so that no phase waits for another's end.

        Without a verify the last block is part of it: the edge skips it when anything before it fails.
        """
        reads = list(self._to_verify)
        yield from [erase_units(self._target, group) for group in self._to_erase]
        yield from self._write_commands(list(self._to_write))
        yield from map(self._read_command, reads)
        if not self._verify:
            yield from self._left_of_the_last_block()

    def _left_of_the_last_block(self) -> Iterator[an3155.Command]:
        """The block that makes the image bootable: only now that everything else is right."""
        if not self._last_written:
            yield from self._write_commands([self._plan.last_block])
        if self._verify:
            yield self._read_command(self._plan.last_block)

    def _write_commands(self, blocks: Iterable[Block]) -> Iterator[an3155.Command]:
        within_us = self._target.traits.program_block_max_us
        for block in blocks:
            self._in_flight[block.address] = block
            yield an3155.write_memory(block.address, block.data, within_us)

    def _read_command(self, block: Block) -> an3155.Command:
        return an3155.read_memory(block.address, len(block.data), self._bootloader.settings)

    async def _stream(self, commands: Iterator[an3155.Command]) -> None:
        """Run commands, striking off what is done, up to the first batch that holds something else."""
        meter = self._meter()
        async with aclosing(self._bootloader.stream(commands)) as answers:
            async for packed, result in answers:
                for command, reply in zip(packed.commands, packed.replies(result), strict=True):
                    self._strike_off(command, reply)
                length = sum(command.length for command in packed.commands)
                is_erase = packed.commands[0].code in an3155.ERASES
                wire_us = 0 if is_erase else self._bootloader.settings.wire_time_us(length)
                meter.add(length, wire_us, result, self._done_in(meter.phase))
                if self._doubtful:
                    return
                meter = self._meter()

    def _strike_off(self, command: an3155.Command, reply: bytes) -> None:
        address = command.address or 0
        match command.code:
            case an3155.Code.WRITE_MEMORY:
                self._acknowledged(address)
            case an3155.Code.READ_MEMORY:
                block = self._blocks_to_verify[address]
                if difference(block, reply):
                    self._doubtful.append(block)
                else:
                    self._verified(block)
            case _:
                self._erase_left -= sum(unit.size for unit in self._to_erase.popleft())
        self._recoveries.progressed()

    @cached_property
    def _blocks_to_verify(self) -> dict[int, Block]:
        return {block.address: block for block in (*self._plan.verify, self._plan.last_block)}

    def _acknowledged(self, address: int) -> None:
        block = self._in_flight.pop(address)
        self._to_write.pop(block, None)
        self._last_written = self._last_written or block == self._plan.last_block
        self._write_left -= len(block.data)

    def _verified(self, block: Block) -> None:
        self._to_verify.pop(block, None)
        self._last_verified = self._last_verified or block == self._plan.last_block
        self._verify_left -= len(block.data)

    @property
    def _phase(self) -> Phase:
        """What is at hand: the last block's write, in a flash that verifies, is part of that."""
        if self._to_erase:
            return Phase.ERASE
        return Phase.WRITE if self._to_write or not self._verify else Phase.VERIFY

    def _meter(self) -> Meter:
        """The meter of the phase at hand; a new one tells of its phase."""
        phase = self._phase
        if self._current_meter is not None and self._current_meter.phase is phase:
            return self._current_meter
        total = self._totals[phase]
        units = sum(len(group) for group in self._to_erase)
        texts = {
            Phase.ERASE: f"erasing {units} unit{'s' if units > 1 else ''}",
            Phase.WRITE: f"writing {total - self._done_in(phase)} bytes",
            Phase.VERIFY: f"verifying {total - self._done_in(phase)} bytes",
        }
        self._report.phase(phase, total, texts[phase])
        self._current_meter = self.pace.meter(phase, self._report)
        return self._current_meter

    def _done_in(self, phase: Phase) -> int:
        """Bytes of a phase that are done."""
        left = {Phase.ERASE: self._erase_left, Phase.WRITE: self._write_left, Phase.VERIFY: self._verify_left}
        return self._totals[phase] - left[phase]

    def _count_left(self) -> None:
        """Count anew the bytes that are left; only where a unit is put back, as there are many blocks."""
        last = len(self._plan.last_block.data)
        self._erase_left = sum(unit.size for group in self._to_erase for unit in group)
        self._write_left = sum(len(block.data) for block in self._to_write)
        self._write_left += 0 if self._last_written else last
        self._verify_left = sum(len(block.data) for block in self._to_verify)
        self._verify_left += 0 if self._last_verified else last

    async def _compare_doubtful(self) -> None:
        """Read again what differed: READ MEMORY's data have no checksum, so the line may have lied."""
        wrong: dict[EraseUnit, Difference] = {}
        while self._doubtful:
            block = self._doubtful[0]
            found = difference(block, await self._bootloader.execute(self._read_command(block)))
            self._doubtful.pop(0)
            if found is None:
                self._verified(block)
            else:
                wrong.setdefault(self._plan.unit_of(block), found)
        for unit, found in wrong.items():
            self._do_again(unit, found)

    def _do_again(self, unit: EraseUnit, found: Difference) -> None:
        """Erase and write a unit once more; where it holds wrong bytes again the job fails.

        On a line that has given trouble it is tried more often: two flipped bits pass the ROM's checksum.
        """
        if self._redone[unit] >= (REWRITES_ON_A_BAD_LINE if self.recoveries else 1):
            raise WorkFailed(found.problem(writes=self._redone[unit] + 1))
        self._redone[unit] += 1
        self._report.note(
            f"{found}; erasing and writing the unit at 0x{unit.address:08X} again", warning=True
        )
        self._redo(unit)

    def _redo(self, unit: EraseUnit) -> None:
        """Put a unit back; the one with the vector table comes first if that is bootable again already."""
        self._to_erase.appendleft((unit,))
        inside = range(unit.address, unit.end)
        self._to_write |= dict.fromkeys(block for block in self._plan.body if block.address in inside)
        self._to_write = dict.fromkeys(sorted(self._to_write, key=lambda block: block.address))
        if self._verify:
            self._to_verify |= dict.fromkeys(block for block in self._plan.verify if block.address in inside)
        if self._plan.last_block.address in inside:
            self._last_written = self._last_verified = False
        elif self._last_written:
            self._redo(self._plan.first_unit)
        self._count_left()

    async def _recover(self, trouble: Trouble | LinkLost) -> None:
        """Reset, sync, and find out what became of the blocks in doubt. Raises `WorkFailed` at the bound."""
        pending: Trouble | LinkLost | None = trouble
        while pending is not None:
            if isinstance(pending, Trouble):
                self._forget_skipped(pending)
            self._recoveries.add(pending)
            self._report.note(f"{_text_of(pending)}; resetting the chip and going on", warning=True)
            self._report.phase(Phase.RECOVER, 0, "resetting the chip and reading back what is in doubt")
            self.pace.interrupted()
            self._current_meter = None
            self._doubtful.clear()
            try:
                await self._bootloader.enter()
                await self._settle_doubts()
                pending = None
            except (Trouble, LinkLost) as again:
                pending = again

    def _forget_skipped(self, trouble: Trouble) -> None:
        """Keep only a failed write in doubt: what was behind it was skipped by the edge."""
        failed = trouble.command.address if trouble.command.code is an3155.Code.WRITE_MEMORY else None
        self._in_flight = {address: block for address, block in self._in_flight.items() if address == failed}

    async def _settle_doubts(self) -> None:
        erased = self._target.chip.erased_value
        to_erase = {unit for group in self._to_erase for unit in group}
        for address, block in sorted(self._in_flight.items()):  # the last block, being the lowest, first
            unit = self._plan.unit_of(block)
            held = b"" if unit in to_erase else await self._read_back(block)
            if held == block.data:
                self._acknowledged(address)
                continue
            del self._in_flight[address]
            if unit not in to_erase and held != bytes((erased,)) * len(block.data):
                self._redo(unit)
                to_erase.add(unit)

    async def _read_back(self, block: Block) -> bytes | None:
        """What the chip holds there; None if it cannot be read, as a half-programmed ECC word may not."""
        try:
            return await self._bootloader.execute(self._read_command(block))
        except Trouble:
            await self._bootloader.enter()
            return None


def _text_of(trouble: Trouble | LinkLost) -> str:
    if isinstance(trouble, Trouble):
        return str(trouble)
    return f"the link to the bridge was lost{f' ({trouble})' if str(trouble) else ''}; waiting for it"
