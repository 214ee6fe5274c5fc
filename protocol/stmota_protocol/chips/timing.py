"""How long the flash takes: data-sheet maxima, and the times to allow for them.

Each figure has its source and whether it was read there; an unverified one gets a generous factor, so
that a wrong memory costs patience and never a flash.
"""

from dataclasses import dataclass

from stmota_protocol.chips.model import KIB, Chip, Family

_VERIFIED_FACTOR = 1.5
"""The margin over a data-sheet maximum: sum of the maxima plus 50 % (AN3155 notes, protocol facts §3)."""
_UNVERIFIED_FACTOR = 3.0
"""For figures from memory or at second hand: our own choice, twice the margin of a verified one."""
BLOCK = 256
"""Bytes one WRITE MEMORY programs at most (AN3155 §3.6)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One data-sheet maximum in microseconds, with where it is from."""

    max_us: int
    source: str
    verified: bool = False

    @property
    def allow_us(self) -> int:
        """The time to allow, margin included."""
        return round(self.max_us * (_VERIFIED_FACTOR if self.verified else _UNVERIFIED_FACTOR))


@dataclass(frozen=True, slots=True)
class FlashTiming:
    """A family's flash: what one erase unit, the whole array and a 256-byte block take at most."""

    units: tuple[tuple[int, Figure], ...]
    """(unit size in bytes, figure), by rising size; a larger unit scales from the last one."""
    mass: Figure | None
    """None where there is no mass erase or no figure."""
    block: Figure
    mass_bytes: int | None = None
    """What `mass` is for: twice as much flash takes twice as long. None: any size takes the same."""

    def unit(self, size: int) -> Figure:
        """Return the figure for a unit of `size` bytes: that of the next larger size listed, or scaled."""
        for listed, figure in self.units:
            if size <= listed:
                return figure
        listed, figure = self.units[-1]
        return Figure(figure.max_us * -(-size // listed), f"scaled from {figure.source}")


_F1 = FlashTiming(
    units=((2 * KIB, Figure(40_000, "DS5319 table 28", verified=True)),),
    mass=Figure(40_000, "DS5319 table 28", verified=True),
    block=Figure(9_000, "128 half-words of 70 us, DS5319 table 28", verified=True),
)
_F0_F3 = FlashTiming(
    units=((2 * KIB, Figure(40_000, "flash characteristics of STM32F051 and F303 data sheets")),),
    mass=Figure(40_000, "flash characteristics of STM32F051 and F303 data sheets"),
    block=Figure(7_700, "128 half-words of 60 us, flash characteristics of the data sheet"),
)
_F2_F4 = FlashTiming(
    units=(
        (16 * KIB, Figure(800_000, "DS8626 table 40, x8")),
        (64 * KIB, Figure(2_400_000, "DS8626 table 40, x8")),
        (128 * KIB, Figure(4_000_000, "DS8626 table 40, x8, quoted in code")),
    ),
    mass=Figure(32_000_000, "DS8626, 1 MiB x8"),
    mass_bytes=1024 * KIB,
    block=Figure(25_600, "256 bytes of 100 us, x8, DS8626"),
)
_F7 = FlashTiming(
    units=(
        (16 * KIB, Figure(800_000, "as F4 x8")),
        (32 * KIB, Figure(800_000, "constants of a third-party tool")),
        (128 * KIB, Figure(4_000_000, "as F4 x8: the larger of the tool's 2.4 s and F4's")),
        (256 * KIB, Figure(4_000_000, "constants of a third-party tool")),
    ),
    mass=Figure(32_000_000, "constants of a third-party tool, 1 MiB"),
    mass_bytes=1024 * KIB,
    block=Figure(25_600, "256 bytes of 100 us, x8, constants of a third-party tool"),
)
_G0 = FlashTiming(
    units=((2 * KIB, Figure(40_000, "DS12991, page figure at second hand")),),
    mass=Figure(40_000, "DS12991"),
    block=Figure(4_000, "32 double words of 125 us, DS12991", verified=True),
)
_U0_C0 = FlashTiming(
    units=((2 * KIB, Figure(40_000, "as G0, DS13867")),),
    mass=Figure(40_000, "as G0, DS13867"),
    block=Figure(4_000, "32 double words of 125 us, as G0, DS13867"),
)
_L4_LIKE = FlashTiming(
    units=((8 * KIB, Figure(25_000, "DS10198, 24.47 ms; about 30 ms were observed on L496")),),
    mass=Figure(25_000, "DS10198, 24.59 ms a bank"),
    mass_bytes=512 * KIB,
    block=Figure(2_900, "32 double words of 90.76 us, DS10198"),
)
_H74X = FlashTiming(
    units=((128 * KIB, Figure(4_000_000, "DS12110 tables 43 and 53, x8", verified=True)),),
    mass=Figure(26_000_000, "DS12110, a 1 MiB bank x8"),
    mass_bytes=1024 * KIB,
    block=Figure(4_640, "8 flash words of 580 us, x8, DS12110 tables 43 and 53", verified=True),
)
_SMALL_SECTOR_H = FlashTiming(
    units=((8 * KIB, Figure(4_000, "DS13195, DS14258")),),
    mass=Figure(20_000, "DS13195, 2 MiB"),
    mass_bytes=2048 * KIB,
    block=Figure(1_200, "16 quad words of 75 us, DS13195"),
)
_U5_LIKE = FlashTiming(
    units=((8 * KIB, Figure(3_400, "DS13086")),),
    mass=Figure(430_000, "DS13086, 2 MiB"),
    mass_bytes=2048 * KIB,
    block=Figure(2_900, "16 quad words of 180 us, DS13086"),
)
_L0_L1 = FlashTiming(
    units=((256, Figure(3_940, "DS10685")),),
    mass=None,
    block=Figure(252_160, "64 words of 3.94 ms, DS10685, should the ROM write word by word"),
)
_UNKNOWN = FlashTiming(
    units=((2 * KIB, Figure(40_000, "no figure found; the slowest page of any family")),),
    mass=None,
    block=Figure(25_600, "no figure found; the slowest of any family without EEPROM cells"),
)

_BY_FAMILY: dict[Family, FlashTiming] = {
    Family.F0: _F0_F3,
    Family.F1: _F1,
    Family.F2: _F2_F4,
    Family.F3: _F0_F3,
    Family.F4: _F2_F4,
    Family.F7: _F7,
    Family.G0: _G0,
    Family.G4: _L4_LIKE,
    Family.H5: _SMALL_SECTOR_H,
    Family.H7: _H74X,
    Family.H7RS: _SMALL_SECTOR_H,
    Family.L0: _L0_L1,
    Family.L1: _L0_L1,
    Family.L4: _L4_LIKE,
    Family.L5: _L4_LIKE,
    Family.U0: _U0_C0,
    Family.U3: _U5_LIKE,
    Family.U5: _U5_LIKE,
    Family.WB: _L4_LIKE,
    Family.WBA: _U5_LIKE,
    Family.WL: _L4_LIKE,
    Family.C0: _U0_C0,
}
_SMALL_SECTOR_PRODUCTS = frozenset({0x480, 0x47B})
"""H7A3/H7B3 and H7P: 8 KiB sectors, unlike the rest of H7."""


def flash_timing(chip: Chip) -> FlashTiming:
    """Return the figures of a chip's flash; those of the slowest family where none were found."""
    if chip.product_id in _SMALL_SECTOR_PRODUCTS:
        return _SMALL_SECTOR_H
    return _BY_FAMILY.get(chip.family, _UNKNOWN)


def erase_max_us(chip: Chip, unit_size: int) -> int:
    """Return how long to allow for the erase of one unit of `unit_size` bytes, margin included."""
    return flash_timing(chip).unit(unit_size).allow_us


def mass_erase_max_us(chip: Chip) -> int | None:
    """Return how long to allow for the erase of the whole array, margin included; None without a figure.

    That of the largest part: a part that would not tell its size is waited for no less.
    """
    timing = flash_timing(chip)
    if timing.mass is None:
        return None
    times = 1 if timing.mass_bytes is None else -(-chip.flash_size_max // timing.mass_bytes)
    return timing.mass.allow_us * times
