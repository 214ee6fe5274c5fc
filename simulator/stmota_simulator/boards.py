"""Make boards by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypedDict, Unpack

from stmota_protocol.steps import Line
from stmota_simulator.board import BoardSetup, VirtualBoard
from stmota_simulator.chip_model import ChipModel, RomModel
from stmota_simulator.chips import find_chip
from stmota_simulator.errors import UnknownRom
from stmota_simulator.faults import Faults
from stmota_simulator.flash import Flash
from stmota_simulator.half_duplex import HalfDuplex
from stmota_simulator.options import OptionBytes

CHECKSUM_PROTOCOL = 0x33
"""The first that may have GET CHECKSUM (AN3155)."""


class BoardOptions(TypedDict, total=False):
    """What `make_board` takes; `BoardSetup` says what each means."""

    image: bytes
    serial: str
    bootloader_version: str | None
    rdp: int
    option_bits: Mapping[str, int]
    write_protected: frozenset[int]
    boot0: bool
    faults: Faults
    flash_bytes: int | None
    is_slow: bool
    heartbeat_ms: int | None
    has_crystal: bool
    carries_parity: bool
    half_duplex: HalfDuplex | None
    has_checksum: bool


def make_board(chip: str, **options: Unpack[BoardOptions]) -> VirtualBoard:
    """Return a board at time 0: supply on, NRST released, option bytes as from the factory.

    Raises a `SimulatorError` that says what there is, for a chip, a bootloader or an option that is not.
    """
    setup = BoardSetup(**options)
    model = find_chip(chip)
    option_bytes = OptionBytes(model)
    option_bytes.set_rdp_level(setup.rdp)
    option_bytes.set_named(setup.option_bits)
    if setup.write_protected:
        option_bytes.protect(set(setup.write_protected))
    flash = _make_flash(model, setup)
    if setup.image:
        flash.preload(setup.image)
    rom = _find_rom(model, setup.bootloader_version)
    if setup.has_checksum:
        rom = replace(rom, protocol=max(rom.protocol, CHECKSUM_PROTOCOL), has_checksum=True)
    board = VirtualBoard(model, rom, flash, option_bytes, setup)
    board.set_lines(Line.BOOT0, Line.BOOT0 if setup.boot0 else Line(0), 0)
    board.power_on(0)
    return board


def _find_rom(model: ChipModel, version: str | None) -> RomModel:
    for rom in model.roms:
        if version in {None, rom.version}:
            return rom
    raise UnknownRom(version or "", model.title, [rom.version for rom in model.roms])


def _make_flash(model: ChipModel, setup: BoardSetup) -> Flash:
    flash = model.flash
    if setup.flash_bytes is not None and setup.flash_bytes > flash.size:
        *others, last = flash.layout.banks
        more = (last[-1],) * ((setup.flash_bytes - flash.size) // last[-1])
        flash = replace(flash, layout=replace(flash.layout, banks=(*others, (*last, *more))))
    return Flash(flash, is_slow=setup.is_slow)
