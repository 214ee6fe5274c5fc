"""How a ROM finds the baud of the first 0x7F it hears."""

import math
from dataclasses import dataclass
from itertools import islice

from stmota_simulator.sampling import falling_edges
from stmota_simulator.wire import Wire

MEASURED_BITS = 8
"""From the fall of the start bit of 0x7F to the fall of its bit 7: a start bit and seven ones."""
FRAME_BITS = 11
"""8E1, as the ROM will receive from then on (AN3155 §2.1)."""
SLOWEST_BAUD = 122
"""12 bits of divider mantissa at 8 MHz and 16 samples a bit (RM0008 §27.3.4): no divider is longer."""
TOO_FAST_SHARE = 0.93
"""What a measurement finds above the fastest baud: off by more than a UART bears. Our choice."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the ROM locks on, right or wrong, until the next reset."""

    baud: int
    end_us: int
    """When the measured frame has ended."""


def measure(wire: Wire, from_us: int, fastest_baud: int) -> Measured | None:
    """Measure from the first fall of the line after a time to the second; None if it does not fall twice.

    Any byte is taken for 0x7F: only with 0x7F (and its like) is the result the sender's baud.
    """
    edges = list(islice(falling_edges(wire.bursts, from_us), 2))
    if len(edges) < 2:
        return None
    bit_us = (edges[1] - edges[0]) / MEASURED_BITS
    baud = max(round(1_000_000 / bit_us), SLOWEST_BAUD)
    if baud > fastest_baud:
        baud = round(baud * TOO_FAST_SHARE)
    return Measured(baud, math.ceil(edges[0] + FRAME_BITS * bit_us))
