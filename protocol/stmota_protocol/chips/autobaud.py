"""How fast a chip's ROM can be talked to: by how it measures the baud of 0x7F."""

from stmota_protocol.chips.model import Chip, Family

FASTEST_BAUD = 921_600
"""The highest rate worth trying: said to work on ROMs with hardware auto-baud (from memory, unverified)."""
_MEASURED_IN_SOFTWARE_BAUD = 460_800
"""ROMs that time the bits in a loop: 256000 works and about 900000 fails on F1 and F3 (cleanflight#191);
ST tests up to 115200 (AN3155 §2)."""
_HARDWARE = frozenset(
    {
        Family.G0,
        Family.G4,
        Family.H5,
        Family.H7,
        Family.L5,
        Family.U0,
        Family.U3,
        Family.U5,
        Family.WB,
        Family.WBA,
        Family.WL,
        Family.C5,
        Family.C0,
    }
)
"""AN2606, baud detection (protocol facts §2); C0 on USART1 only."""


def fastest_baud(chip: Chip) -> int:
    """Return the highest standard rate that is worth trying with this chip's ROM."""
    return FASTEST_BAUD if chip.family in _HARDWARE else _MEASURED_IN_SOFTWARE_BAUD
