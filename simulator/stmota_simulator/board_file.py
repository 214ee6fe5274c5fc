"""A board as text for the virtual board in C (bridge_firmware/host/virtual_file.c): the facts stay here.

`python -m stmota_simulator.board_file G431 --serial a > board.txt` writes one.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby

from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.boot import BootSource, boot_source
from stmota_simulator.chip_model import ProgramRule, Quirk
from stmota_simulator.errors import SimulatorError
from stmota_simulator.flash import Flash
from stmota_simulator.rom import REACTION_US, Rom

RULES = (ProgramRule.REFUSES, ProgramRule.REFUSES_TWICE, ProgramRule.CLEARS_BITS, ProgramRule.SPOILS)
"""In the order of `virtual_rule_t`."""
KNOWN_QUIRKS = (Quirk.GO_WITHOUT_FIRST_ACK, Quirk.BANK_2_ERASE_EARLY, Quirk.GO_WANTS_LOW_STACK)
OF_WHAT_C_LACKS = frozenset({Quirk.NO_OPTION_RELOAD, Quirk.TWO_NACKS_WHEN_PROTECTED})
"""Defects of protection and of writing options, which the board in C refuses altogether."""
IMAGE_LINE_BYTES = 4096


class NotInC(SimulatorError):
    """The board has what the one in C has not."""

    def __init__(self, chip: str, what: str) -> None:
        super().__init__(f"{chip}: the virtual board in C has no {what}; use the Python one (stmota sim)")


def board_lines(board: VirtualBoard) -> Iterator[str]:
    """Describe a board as it is at its start. Raises `NotInC`."""
    model, rom, flash = board.model, board.chip.rom, board.memory.flash
    _check(board)
    commands = Rom(model, rom, board.memory, lambda: 0).commands
    start_up_us = rom.start_up_us if board.chip.has_crystal else rom.start_up_without_crystal_us
    yield (
        f"rom {rom.protocol} {model.product_id} {start_up_us} {rom.sync_reply_us} {REACTION_US} "
        f"{model.fastest_baud}"
    )
    yield f"get {bytes([rom.protocol, *commands]).hex()}"
    yield "boots " + " ".join(str(int(_boots_rom(board, boot0=level))) for level in (False, True))
    quirks = [quirk in rom.quirks for quirk in KNOWN_QUIRKS]
    yield "defects " + " ".join(str(int(has)) for has in (model.has_special_erase, *quirks))
    yield from _flash_lines(flash)
    yield from (f"ram {area.first} {area.last}" for area in model.ram)
    yield from (f"reserved {area.first} {area.last}" for area in rom.ram_reserved)
    for first, length in _facts(board):
        content = board.memory.read(first, length)
        if content is not None:
            yield f"memory {first} {content.hex()}"
    for at in range(0, flash.size, IMAGE_LINE_BYTES):
        part = bytes(flash.data[at : at + IMAGE_LINE_BYTES])
        if part.count(flash.model.erased) != len(part):
            yield f"image {at} {part.hex()}"


def _check(board: VirtualBoard) -> None:
    flash = board.model.flash
    missing = {
        "rows of flash": bool(flash.row_bytes),
        "choice of the flash's width": flash.has_parallelism,
        "read protection": board.options.rdp_level > 0,
        "write protection": bool(board.memory.flash.protected),
        "GET CHECKSUM": board.chip.rom.has_checksum,
    }
    missing |= {
        quirk.value: True for quirk in board.chip.rom.quirks - frozenset(KNOWN_QUIRKS) - OF_WHAT_C_LACKS
    }
    for what, is_there in missing.items():
        if is_there:
            raise NotInC(board.model.name, what)


def _boots_rom(board: VirtualBoard, *, boot0: bool) -> bool:
    source = boot_source(board.model, board.options, boot0=boot0, is_empty=board.chip.empty_flag)
    return source is BootSource.SYSTEM_MEMORY


def _flash_lines(flash: Flash) -> Iterator[str]:
    model = flash.model
    banks = range(len(flash.layout.banks))
    program_ns = round(model.program.typical_us * 1000)
    yield (
        f"flash {model.start} {flash.size} {model.erased} {model.program_bytes} {program_ns} "
        f"{RULES.index(model.rule)} {int(model.zero_over_any)} {flash.mass_erase_us()} {len(banks)}"
    )
    yield from (f"bank {bank} {flash.bank_erase_us(bank)}" for bank in banks)
    for bank in banks:
        for _, same in groupby(
            flash.layout.numbers_of(bank), lambda unit: flash.bounds(unit)[1] - flash.bounds(unit)[0]
        ):
            units = list(same)
            start, end = flash.bounds(units[0])
            yield f"units {len(units)} {units[0]} {bank} {start} {end - start} {flash.erase_us(units[0])}"


def _facts(board: VirtualBoard) -> Iterator[tuple[int, int]]:
    """What can be read beside flash and RAM: option bytes, size, unique id, the bootloader's id."""
    yield from ((start, len(content)) for start, content in board.model.options.areas)
    yield board.model.info.first, board.model.info.size
    yield board.model.flash_size_register, 4
    yield from ((board.model.unique_id_register + offset, 4) for offset in board.model.unique_id_offsets)
    if board.model.bootloader_id_register is not None:
        yield board.model.bootloader_id_register, 1


def main() -> None:
    """Write a description to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chip")
    parser.add_argument("--serial", default="")
    given = parser.parse_args()
    lines = board_lines(make_board(given.chip, serial=given.serial))
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
