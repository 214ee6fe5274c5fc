"""What can be wrong between bridge and chip, as data, and what it does to bytes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique


@unique
class Direction(Enum):
    """Which of the two wires."""

    TO_CHIP = "to-chip"
    TO_HOST = "to-host"


@unique
class ByteFaultKind(Enum):
    """What happens to a byte on the wire."""

    DROP = "drop"
    """It never comes; the wire is idle instead."""
    CORRUPT = "corrupt"
    """One bit is flipped (bit 4 where the byte was named by its number); its parity bit is not."""
    EXTRA = "extra"
    """A byte that nobody sent comes before it (0x00 where the byte was named by its number)."""


@dataclass(frozen=True, slots=True)
class ByteFault:
    """A fault of the byte with this number, counted from 1 in its direction."""

    kind: ByteFaultKind
    direction: Direction
    number: int


@dataclass(frozen=True, slots=True)
class RateFault:
    """A fault of each byte with a probability; which bit is flipped, or which byte comes, is drawn too."""

    kind: ByteFaultKind
    direction: Direction
    rate: float


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong with one board."""

    bytes: tuple[ByteFault, ...] = ()
    rates: tuple[RateFault, ...] = ()
    seed: int = 0
    """Of the rates: the same seed gives the same faults."""
    mute_from: int | None = None
    """The chip's bytes from this number on never reach the wire."""
    is_unpowered: bool = False
    boot0_unwired: bool = False
    boot0_high: bool = False
    """BOOT0 stays high at the chip: a jumper, a wire to the supply."""
    nrst_unwired: bool = False
    nrst_low: bool = False
    """NRST is held low by something else: a short, a debugger."""
    rx_tx_swapped: bool = False
    tx_unwired: bool = False
    """What the host sends reaches nobody."""
    rx_unwired: bool = False
    """The host's receiver hears nobody; its own pull-up keeps it high."""
    rx_low: bool = False
    """The host's receiver is held low: a short, or a line whose levels are inverted (RS-232)."""
    tx_rx_shorted: bool = False
    """The host hears what it sends; the chip's bytes are lost against the host's idle level."""
    echoes: bool = False
    """A half-duplex line: the host hears what it sends, and the chip's answers as well."""
    parity_lost: bool = False
    """The host's UART knows no parity, whatever it is set to."""

    @property
    def hides_chip(self) -> bool:
        """Whether nothing that the chip sends gets to the host."""
        return self.rx_tx_swapped or self.rx_unwired or self.rx_low or self.tx_rx_shorted

    @property
    def hides_host(self) -> bool:
        """Whether nothing that the host sends gets to the chip."""
        return self.rx_tx_swapped or self.tx_unwired

    @property
    def returns_host(self) -> bool:
        """Whether the host hears what it sends."""
        return self.echoes or self.tx_rx_shorted


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that share a fate; `fate` None: they arrive as sent."""

    data: bytes
    fate: ByteFaultKind | None = None


FLIPPED_BIT = 0x10
EXTRA_BYTE = 0x00


class ByteFaults:
    """Applies the faults of one direction, and counts its bytes."""

    def __init__(self, faults: Faults, direction: Direction) -> None:
        self._numbered = {fault.number: fault.kind for fault in faults.bytes if fault.direction is direction}
        self._mute_from = faults.mute_from if direction is Direction.TO_HOST else None
        self._rates = [
            _Rate(fault, f"{faults.seed} {index}")
            for index, fault in enumerate(faults.rates)
            if fault.direction is direction
        ]
        self._is_faultless = not (self._numbered or self._rates or self._mute_from)
        self.count = 0
        """Bytes that were sent in this direction so far."""

    def apply(self, data: bytes) -> Iterator[Piece]:
        """Cut bytes that are sent now into pieces, by what becomes of them."""
        first, self.count = self.count + 1, self.count + len(data)
        if self._is_faultless:
            yield Piece(data)
            return
        clean = bytearray()
        for number, byte in enumerate(data, first):
            piece = self._struck(number, byte)
            if piece is None:
                clean.append(byte)
                continue
            if clean:
                yield Piece(bytes(clean))
                clean.clear()
            yield piece
            if piece.fate is ByteFaultKind.EXTRA:
                clean.append(byte)
        if clean:
            yield Piece(bytes(clean))

    def _struck(self, number: int, byte: int) -> Piece | None:
        """What becomes of a byte; None if nothing does."""
        struck = [rate for rate in self._rates if rate.strikes(number)]
        if self._mute_from is not None and number >= self._mute_from:
            return _piece(byte, ByteFaultKind.DROP)
        if number in self._numbered:
            return _piece(byte, self._numbered[number])
        return struck[0].piece(byte) if struck else None


class _Rate:
    """Which bytes a rate strikes: the gaps between them are drawn, not each byte's fate."""

    def __init__(self, fault: RateFault, seed: str) -> None:
        self.kind = fault.kind
        self._rate = fault.rate
        self._random = random.Random(seed)  # noqa: S311 reproducible faults, no secret
        self._next = self._gap()

    def strikes(self, number: int) -> bool:
        if number < self._next:
            return False
        self._next = number + self._gap()
        return True

    def _gap(self) -> int:
        gap = 1
        while self._random.random() >= self._rate:
            gap += 1
        return gap

    def piece(self, byte: int) -> Piece:
        drawn = self._random
        return _piece(byte, self.kind, 1 << drawn.randrange(8), drawn.randrange(256))


def _piece(byte: int, fate: ByteFaultKind, flipped: int = FLIPPED_BIT, extra: int = EXTRA_BYTE) -> Piece:
    if fate is ByteFaultKind.CORRUPT:
        byte ^= flipped
    return Piece(bytes([extra if fate is ByteFaultKind.EXTRA else byte]), fate)
