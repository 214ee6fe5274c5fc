"""Numbers as people type them (`0x08000000`, `64k`), and sizes as they read them."""

import re

_NUMBER = re.compile(
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|(?P<decimal>[0-9]+(?:_[0-9]+)*))(?P<unit>[kKmM]?)(?:i?[Bb])?"
)
_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
"""As in linker scripts and stm32flash: binary."""


def parse_number(text: str) -> int:
    """Parse decimal or `0x` hex, with `_` between digits and `k` or `M` behind. Raises ValueError."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is no number; write it as 0x08000000, 4096 or 64k"
        raise ValueError(message)
    value = int(match["hex"], 16) if match["hex"] else int(match["decimal"])
    return value * _UNITS[match["unit"].lower()]


def size(length_bytes: int) -> str:
    """Return a size for people: `64 KiB` where that is exact, else bytes."""
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if length_bytes >= unit and length_bytes % unit == 0:
            return f"{length_bytes // unit} {name}"
    return f"{length_bytes} bytes"


def address(value: int) -> str:
    """Return an address of the target as the manuals write it."""
    return f"0x{value:08X}"


def percent(share: float) -> str:
    """Return a share of one as whole per cent, rounded down: 99.9 % is not yet all."""
    return f"{int(share * 100)} %"
