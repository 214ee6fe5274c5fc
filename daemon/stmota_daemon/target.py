"""Who the chip is: product id, flash size, unique id, option bytes, protection, read in few round trips."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

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

_Place: TypeAlias = tuple[int, int]
"""Address and length of one READ MEMORY."""
ROUNDS_TO_AGREE = 5
"""On a line that inserts one byte in 500, four rounds of F4's 600 bytes are likely to do."""
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

    Each is read twice, and again until two readings agree: what READ MEMORY brings has no checksum, and a
    stray byte on the line shifts it. Raises `BadReply` when they do not.
    """
    held: dict[_Place, bytes] = {}
    doubtful = list(dict.fromkeys((read.address, read.length) for read in reads))
    for _ in range(ROUNDS_TO_AGREE):
        readings = await _read_twice(bootloader, doubtful)
        held |= {
            place: found[0] for place, found in readings.items() if len(found) == 2 == found.count(found[0])
        }
        doubtful = [place for place, found in readings.items() if found and place not in held]
        if not doubtful:
            return {read: held[place] for read in reads if (place := (read.address, read.length)) in held}
    address, length = doubtful[0]
    message = f"{length} bytes at 0x{address:08X} read differently each time"
    raise an3155.BadReply(message)


async def _read_twice(bootloader: Bootloader, places: Sequence[_Place]) -> dict[_Place, list[bytes]]:
    """Read each place twice; of those that the chip refused there is a reading less, or none.

    All are sent ahead; a refusal flushes what is behind it, which is then sent again. A chip that falls
    silent over a read is reset and asked again, and the place left out when that does not help: some ROMs do
    not NACK a bad address.
    """
    readings: dict[_Place, list[bytes]] = {place: [] for place in places}
    left = [*places, *places]
    attempts = 0
    while left:
        commands = [an3155.read_memory(address, length, bootloader.settings) for address, length in left]
        try:
            async with aclosing(bootloader.stream(commands)) as answers:
                async for packed, result in answers:
                    if result.errors:  # a garbled byte would go unnoticed: ask again from here
                        raise Trouble(packed.commands[0], packed.commands[0].reply_step, result)  # noqa: TRY301
                    for reply in packed.replies(result):
                        readings[left.pop(0)].append(reply)
        except Trouble as trouble:
            attempts += not trouble.was_refused
            if trouble.was_refused or attempts % ATTEMPTS == 0 or _is_silent_on_bad_addresses(bootloader):
                refused = left[0]
                left = [place for place in left if place != refused]
            if trouble.was_refused:
                await bootloader.settle()
            else:
                await bootloader.enter()
    return readings


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
