"""What `stmota sim chips` prints."""

from itertools import groupby

from stmota_simulator.chip_model import KIB, ChipModel
from stmota_simulator.chips import ALL_CHIPS
from stmota_simulator.layout import Layout

HEADINGS = ("CHIP", "FAMILY", "ID", "FLASH", "ERASE UNITS", "BOOTLOADERS", "OPTION BITS")


def chip_table() -> str:
    """All chips, one a line."""
    rows = [HEADINGS, *map(_row, ALL_CHIPS)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _row(chip: ChipModel) -> tuple[str, ...]:
    flash = chip.flash
    by_option = (f"; {one.option}={one.value}: {_layout_text(one.layout)}" for one in flash.layouts_by_option)
    return (
        chip.name,
        chip.family,
        f"0x{chip.product_id:03X}",
        f"{flash.size // KIB} KiB",
        _layout_text(flash.layout) + "".join(by_option),
        " ".join(rom.version for rom in chip.roms),
        " ".join(name for name, _ in chip.options.fields),
    )


def _layout_text(layout: Layout) -> str:
    banks = [_bank_text(bank) for bank in layout.banks]
    if len(banks) == 1:
        return banks[0]
    return f"2x({banks[0]})" if banks[0] == banks[1] else " + ".join(banks)


def _bank_text(bank: tuple[int, ...]) -> str:
    return " ".join(f"{len(list(run))}x{_size_text(size)}" for size, run in groupby(bank))


def _size_text(size: int) -> str:
    return f"{size // KIB}K" if size % KIB == 0 else f"{size}B"
