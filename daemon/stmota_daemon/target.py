"""Who the chip is: product id, flash size, unique id, option bytes, protection, read in few round trips."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from stmota_daemon.bootloader import ATTEMPTS, Bootloader
from stmota_daemon.other_dialect import refused
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Problem, ProblemCode, TargetInfo
from stmota_protocol.chips import Chip, Dialect, RegisterRead, chip_by_product_id
from stmota_protocol.chips.boot import boot_options
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.option_bytes import option_reads, word_reads
from stmota_protocol.chips.protection import read_protection, write_protection
from stmota_protocol.chips.registers import flash_size_from, unique_id_from
from stmota_protocol.chips.traits import Traits, traits
from stmota_protocol.steps import Cause

REFUSALS = 2
"""NACKs to one place before it is taken for refused: a stray byte makes a NACK of a good command too."""
TROUBLES = 5
"""With one place until the line is to blame: one that loses a byte in 500 may garble 256 bytes thrice."""
SHIFTED = 2
"""Places that a stray byte may have shifted unnoticed: one, or two if what is left over is like an ACK."""
ADDRESS_ACK_STEP = 3
"""Of READ MEMORY's steps: command, ACK, address, ACK."""
VECTORS_BYTES = 8
"""Initial stack pointer and reset vector."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a chip told of itself; None where it would not."""

    chip: Chip
    traits: Traits
    protocol_version: int
    """Of the bootloader's protocol, from GET: 0x31 is 3.1."""
    rom_version: int | None
    """Of the ROM itself, from its id byte: 0xB3 is 11.3."""
    commands: frozenset[int]
    register_flash_size: int | None
    """Bytes, from the chip's register."""
    unique_id: bytes | None
    option_bytes: Mapping[int, bytes]
    vectors: bytes | None
    """First words of the flash; None when the chip refuses to be read."""

    @property
    def is_read_protected(self) -> bool:
        """Whether READ MEMORY is refused: RDP level 1 (AN3155 §3.4)."""
        return self.vectors is None

    @property
    def name_of_one(self) -> str | None:
        """What tells this one chip from all others: product id and unique id; None where it has none."""
        return None if self.unique_id is None else f"{self.chip.product_id:03X} {self.unique_id.hex()}"

    @property
    def flash_size(self) -> int:
        """Bytes: the register's, else the largest of the table."""
        return self.register_flash_size or self.chip.flash_size_max

    @property
    def erase_code(self) -> int:
        """ERASE or EXTENDED ERASE: what GET lists (never both, AN3155 §3.7)."""
        extended = an3155.Code.EXTENDED_ERASE
        return extended if extended in self.commands else an3155.Code.ERASE


async def identify(bootloader: Bootloader) -> Target:
    """Read all of it.

    Raises `WorkFailed` (`WRONG_CHIP`) for a chip that is not in the table, `Trouble`, `BadReply`, `LinkLost`.
    """
    chip = await _chip(bootloader)
    bootloader.traits = traits(chip, None)
    if bootloader.has_miscounted_get and not bootloader.traits.has(DefectKind.MISCOUNTED_GET):
        message = f"GET announced two bytes more than came, which {chip.name} does not do: two were lost"
        raise an3155.BadReply(message)
    where = [RegisterRead(chip.flash_start, VECTORS_BYTES)]
    where += [read for read in (chip.size_read, chip.uid_read) if read is not None]
    if chip.bootloader_id is not None:
        where.append(RegisterRead(chip.bootloader_id, 1))
    options = option_reads(chip)
    held = await read_several(bootloader, [*where, *options])
    if where[0] in held:
        words = word_reads(chip, [read for read in options if read not in held])
        held |= await read_several(bootloader, words)
        options += words
    rom_id = held.get(RegisterRead(chip.bootloader_id, 1)) if chip.bootloader_id is not None else None
    rom_version = rom_id[0] if rom_id else None
    bootloader.traits = traits(chip, rom_version)
    return Target(
        chip=chip,
        traits=bootloader.traits,
        protocol_version=bootloader.version,
        rom_version=rom_version,
        commands=bootloader.commands,
        register_flash_size=flash_size_from(chip, held.get(chip.size_read, b"")) if chip.size_read else None,
        unique_id=unique_id_from(chip, held.get(chip.uid_read, b"")) if chip.uid_read else None,
        option_bytes={read.address: data for read in options if (data := held.get(read)) is not None},
        vectors=held.get(where[0]),
    )


async def _chip(bootloader: Bootloader) -> Chip:
    product_id = an3155.parse_get_id(await bootloader.execute(an3155.get_id()))
    chip = chip_by_product_id(product_id)
    if chip is None:
        message = f"the chip says product id 0x{product_id:03X}, which is in no table of stmota's"
        raise WorkFailed(_wrong_chip(message, "is it an STM32? Please report the id and the chip's name"))
    if chip.dialect is Dialect.BLUENRG:
        raise WorkFailed(refused(chip))
    return chip


def _wrong_chip(message: str, remedy: str) -> Problem:
    step = an3155.Code.GET_ID.title
    return Problem(code=ProblemCode.WRONG_CHIP, message=message, remedy=remedy, step=step)


async def read_several(bootloader: Bootloader, reads: Sequence[RegisterRead]) -> dict[RegisterRead, bytes]:
    """Read places that the chip may refuse; those it refused are left out.

    All are sent ahead; a refusal flushes what is behind it, which is then sent again. A place that a chip
    falls silent over is left out as well, after resets that did not help: some ROMs do not NACK a bad
    address. Raises `Trouble` where it is the line that keeps a place from being read.
    """
    held: dict[RegisterRead, bytes] = {}
    left = list(reads)
    failures: Counter[RegisterRead] = Counter()
    refuses_all = False
    while left:
        try:
            await _read_on(bootloader, left, held)
        except Trouble as trouble:
            place = left[0]
            failures[place] += 1
            if trouble.was_refused and failures[place] >= (1 if refuses_all else REFUSALS):
                refuses_all |= trouble.was_refused_at_once
                left.pop(0)
                await bootloader.settle()
                continue
            if _is_silent_for_good(bootloader, trouble, failures[place]):
                left.pop(0)
            elif failures[place] >= TROUBLES:
                raise
            # Bytes were lost or came uncalled: what came just before may be shifted by them.
            shifted = list(held)[-SHIFTED:]
            held = {read: data for read, data in held.items() if read not in shifted}
            left[:0] = shifted
            await bootloader.enter()
    return held


async def _read_on(bootloader: Bootloader, left: list[RegisterRead], held: dict[RegisterRead, bytes]) -> None:
    """Read all that is `left`, moving what came to `held`. Raises `Trouble` about the first of `left`.

    The last one is read twice: a stray byte in a reply shows by what is left over of it at the next one.
    """
    places = [*left, left[-1]]
    commands = [an3155.read_memory(read.address, read.length, bootloader.settings) for read in places]
    async with aclosing(bootloader.stream(commands)) as answers:
        async for packed, result in answers:
            if result.errors or result.residue:  # a garbled or a shifted reply would go unnoticed
                raise Trouble(packed.commands[0], packed.commands[0].reply_step, result)
            for reply in packed.replies(result):
                held[places.pop(0)] = reply
                if len(left) > 1 or not places:
                    left.pop(0)


def _is_silent_for_good(bootloader: Bootloader, trouble: Trouble, failures: int) -> bool:
    """Whether the chip has no answer to the address, and that not because of a byte that was lost."""
    attempts = REFUSALS if _is_silent_on_bad_addresses(bootloader) else ATTEMPTS
    is_silent_over_address = trouble.result.cause is Cause.SILENCE and trouble.step == ADDRESS_ACK_STEP
    return is_silent_over_address and failures >= attempts


def _is_silent_on_bad_addresses(bootloader: Bootloader) -> bool:
    return bootloader.traits is not None and bootloader.traits.has(DefectKind.SILENT_ADDRESS)


def describe(target: Target) -> TargetInfo:
    """What a person or a program is told of the chip."""
    chip = target.chip
    notes = [text for text in (chip.notes, *(defect.text for defect in target.traits.defects)) if text]
    if chip.single_source:
        notes.append("only one source has this chip's figures; treat them with doubt")
    rom = f", ROM {target.rom_version >> 4}.{target.rom_version & 0xF}" if target.rom_version else ""
    protected = write_protection(chip, target.option_bytes)
    return TargetInfo(
        product_id=chip.product_id,
        chip=chip.name,
        family=chip.family.value,
        bootloader_version=f"protocol {target.protocol_version >> 4}.{target.protocol_version & 0xF}{rom}",
        commands=tuple(sorted(target.commands)),
        flash_start=chip.flash_start,
        flash_size=target.flash_size,
        flash_size_source="table" if target.register_flash_size is None else "chip",
        unique_id=None if target.unique_id is None else target.unique_id.hex().upper(),
        read_protected=target.is_read_protected or bool(read_protection(chip, target.option_bytes)),
        write_protected=protected,
        boot_options=boot_options(chip, target.option_bytes),
        notes=tuple(notes),
    )
