"""A plan brought into the chip's flash, through any trouble on the wire.

The order that keeps a half image from ever booting: the unit with the vector table is erased first, in
a command of its own; everything else is erased, written and verified; the first block comes last.
After trouble nothing is programmed over: the chip is reset, the block in doubt read back; equal, go on;
still erased, write it; anything else, its unit is erased and written again.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import aclosing

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.difference import Difference, difference
from stmota_daemon.link import LinkLost
from stmota_daemon.pace import Pace
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.timing import erase_max_us
from stmota_protocol.plan import Block, FlashPlan
from stmota_protocol.steps import Wait

FRUITLESS_RECOVERIES = 3
"""Recoveries in a row that bring nothing done: the fourth trouble is the job's failure."""
MOST_RECOVERIES = 100
"""In one job: a line this bad needs a person."""


class Programming:
    """Erase, write and verify one plan. One task; a cancelled `run` leaves the chip amid a command."""

    def __init__(
        self, bootloader: Bootloader, report: Report, target: Target, plan: FlashPlan, *, verify: bool
    ) -> None:
        self.recoveries = 0
        self.pace = Pace()
        self._bootloader = bootloader
        self._report = report
        self._target = target
        self._plan = plan
        self._to_erase = deque([(plan.first_unit,), *plan.other_erases])
        self._to_write = dict.fromkeys(plan.body)
        self._to_verify = dict.fromkeys(plan.verify) if verify else {}
        self._verify = verify
        self._last_written = False
        self._last_verified = False
        self._in_flight: dict[int, Block] = {}  # by address: sent ahead, not yet acknowledged
        self._redone: set[EraseUnit] = set()
        self._fruitless = 0

    async def run(self) -> None:
        """Do all of it. Raises `WorkFailed`."""
        while not self._is_finished:
            try:
                await self._erase()
                await self._write()
                if await self._verify_body():
                    await self._write_last_block()
            except (Trouble, LinkLost) as trouble:
                await self._recover(trouble)

    @property
    def _is_finished(self) -> bool:
        left = self._to_erase or self._to_write or self._to_verify
        return self._last_written and (self._last_verified or not self._verify) and not left

    async def _erase(self) -> None:
        if not self._to_erase:
            return
        units = sum(len(group) for group in self._to_erase)
        total = sum(unit.size for group in self._to_erase for unit in group)
        self._report.phase(Phase.ERASE, total, f"erasing {units} unit{'s' if units > 1 else ''}")
        meter = self.pace.phase(Phase.ERASE, self._report)
        commands = [self._erase_command(group) for group in self._to_erase]
        async with aclosing(self._bootloader.stream(commands, at_once=1)) as done:
            async for packed, result in done:
                self._to_erase.popleft()
                self._fruitless = 0
                meter.add(packed.commands[0].length, 0, result)

    def _erase_command(self, units: tuple[EraseUnit, ...]) -> an3155.Command:
        within_us = sum(erase_max_us(self._target.chip, unit.size) for unit in units)
        length = sum(unit.size for unit in units)
        numbers = [unit.index for unit in units]
        command = an3155.erase(self._target.erase_code, numbers, within_us, units[0].address, length)
        traits = self._target.traits
        if traits.pause_after_erase_us and units[-1].address >= traits.pause_from_address:
            return an3155.followed_by(command, Wait(traits.pause_after_erase_us))
        return command

    async def _write(self) -> None:
        if not self._to_write:
            return
        total = sum(len(block.data) for block in self._plan.body)
        left = sum(len(block.data) for block in self._to_write)
        self._report.phase(Phase.WRITE, total, f"writing {left} bytes")
        await self._write_blocks(list(self._to_write), total - left)

    async def _write_blocks(self, blocks: list[Block], done_before: int) -> None:
        meter = self.pace.phase(Phase.WRITE, self._report, done_before)
        commands = self._write_commands(blocks)
        async with aclosing(self._bootloader.stream(commands)) as done:
            async for packed, result in done:
                for command in packed.commands:
                    self._acknowledged(command.address or 0)
                length = sum(command.length for command in packed.commands)
                meter.add(length, self._bootloader.settings.wire_time_us(length), result)

    def _write_commands(self, blocks: Iterable[Block]) -> Iterator[an3155.Command]:
        within_us = self._target.traits.program_block_max_us
        for block in blocks:
            self._in_flight[block.address] = block
            yield an3155.write_memory(block.address, block.data, within_us)

    def _acknowledged(self, address: int) -> None:
        block = self._in_flight.pop(address)
        self._to_write.pop(block, None)
        self._last_written = self._last_written or block == self._plan.last_block
        self._fruitless = 0

    async def _verify_body(self) -> bool:
        """Compare what the chip holds; whether all of it was right. What was not is to be done again."""
        if not self._to_verify:
            return True
        total = sum(len(block.data) for block in self._plan.verify)
        left = sum(len(block.data) for block in self._to_verify)
        self._report.phase(Phase.VERIFY, total, f"verifying {left} bytes")
        await self._verify_blocks(list(self._to_verify), total - left)
        return not self._to_verify

    async def _verify_blocks(self, blocks: list[Block], done_before: int) -> None:
        """Strike off what is right, up to the first batch that holds something else; ask that again."""
        meter = self.pace.phase(Phase.VERIFY, self._report, done_before)
        commands = (self._read_command(block) for block in blocks)
        left = deque(blocks)
        doubtful: list[Block] = []
        async with aclosing(self._bootloader.stream(commands)) as answers:
            async for packed, result in answers:
                for held in packed.replies(result):
                    block = left.popleft()
                    if difference(block, held):
                        doubtful.append(block)
                    else:
                        self._verified(block)
                if doubtful:
                    break
                length = sum(command.length for command in packed.commands)
                meter.add(length, self._bootloader.settings.wire_time_us(length), result)
        wrong: dict[EraseUnit, Difference] = {}
        for block in doubtful:
            found = await self._compare_again(block)
            if found is not None:
                wrong.setdefault(self._plan.unit_of(block), found)
        for unit, found in wrong.items():
            self._do_again(unit, found)

    def _read_command(self, block: Block) -> an3155.Command:
        return an3155.read_memory(block.address, len(block.data), self._bootloader.settings)

    def _verified(self, block: Block) -> None:
        self._to_verify.pop(block, None)
        self._last_verified = self._last_verified or block == self._plan.last_block
        self._fruitless = 0

    async def _compare_again(self, block: Block) -> Difference | None:
        """READ MEMORY's data have no checksum: the line may have lied the first time."""
        found = difference(block, await self._bootloader.execute(self._read_command(block)))
        if found is None:
            self._verified(block)
        return found

    def _do_again(self, unit: EraseUnit, found: Difference) -> None:
        """Erase and write a unit once more; the second time it is the job's failure."""
        if unit in self._redone:
            raise WorkFailed(found.problem())
        self._redone.add(unit)
        self._report.note(
            f"{found}; erasing and writing the unit at 0x{unit.address:08X} again", warning=True
        )
        self._redo(unit)

    def _redo(self, unit: EraseUnit) -> None:
        self._to_erase.appendleft((unit,))
        inside = range(unit.address, unit.end)
        self._to_write |= dict.fromkeys(block for block in self._plan.body if block.address in inside)
        self._to_write = dict.fromkeys(sorted(self._to_write, key=lambda block: block.address))
        if self._verify:
            self._to_verify |= dict.fromkeys(block for block in self._plan.verify if block.address in inside)
        if self._plan.last_block.address in inside:
            self._last_written = self._last_verified = False

    async def _write_last_block(self) -> None:
        """The block that makes the image bootable: only now that everything else is right."""
        last = self._plan.last_block
        if not self._last_written:
            await self._write_blocks([last], sum(len(block.data) for block in self._plan.body))
        if self._verify:
            await self._verify_blocks([last], sum(len(block.data) for block in self._plan.verify))

    async def _recover(self, trouble: Trouble | LinkLost) -> None:
        """Reset, sync, and find out what became of the blocks in doubt. Raises `WorkFailed` at the bound."""
        pending: Trouble | LinkLost | None = trouble
        while pending is not None:
            self._count_recovery(pending)
            self._report.phase(Phase.RECOVER, 0, "resetting the chip and reading back what is in doubt")
            self._report.note(f"{_text_of(pending)}; resetting the chip and going on", warning=True)
            self.pace.interrupted()
            try:
                await self._bootloader.enter()
                await self._settle_doubts()
                pending = None
            except (Trouble, LinkLost) as again:
                pending = again

    def _count_recovery(self, trouble: Trouble | LinkLost) -> None:
        self.recoveries += 1
        if isinstance(trouble, Trouble):
            self._fruitless += 1
            self._forget_skipped(trouble)
        if self._fruitless > FRUITLESS_RECOVERIES or self.recoveries > MOST_RECOVERIES:
            raise WorkFailed(_given_up(trouble, self.recoveries)) from trouble

    def _forget_skipped(self, trouble: Trouble) -> None:
        """Keep only the failed block in doubt.

        Those behind it were skipped by the edge.
        """
        failed = trouble.command.address
        self._in_flight = {address: block for address, block in self._in_flight.items() if address == failed}

    async def _settle_doubts(self) -> None:
        erased = self._target.chip.erased_value
        for address, block in list(self._in_flight.items()):
            held = await self._read_back(block)
            if held == block.data:
                self._acknowledged(address)
                continue
            del self._in_flight[address]
            if held != bytes((erased,)) * len(block.data):
                self._redo(self._plan.unit_of(block))

    async def _read_back(self, block: Block) -> bytes | None:
        """What the chip holds there; None if it cannot be read, as a half-programmed ECC word may not."""
        try:
            return await self._bootloader.execute(self._read_command(block))
        except Trouble:
            await self._bootloader.enter()
            return None


def _text_of(trouble: Trouble | LinkLost) -> str:
    return str(trouble) or "the link to the bridge was lost"


def _given_up(trouble: Trouble | LinkLost, recoveries: int) -> Problem:
    if isinstance(trouble, Trouble):
        return trouble.problem()
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message=f"the link to the bridge was lost {recoveries} times in this flash",
        remedy="look at the bridge's Wi-Fi or supply, then flash again: the board boots nothing until then",
    )
