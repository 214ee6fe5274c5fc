"""What a UART makes of a line, bit by bit: for a sender and a receiver that are set differently."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stmota_protocol.steps import Parity, UartSettings
from stmota_simulator.wire import Burst


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """One frame as a receiver sampled it."""

    byte: int
    end_us: int
    """When it is in the data register: in the middle of its stop bit, rounded up."""
    ready_us: float
    """From when the receiver looks for the next start bit."""
    has_parity_error: bool
    has_framing_error: bool


@lru_cache(maxsize=4096)
def frame_bits(byte: int, settings: UartSettings, *, has_wrong_parity: bool) -> tuple[int, ...]:
    """Levels of a frame from start bit to stop bits, least significant data bit first."""
    data = [byte >> index & 1 for index in range(settings.data_bits)]
    parity: list[int] = []
    if settings.parity is not Parity.NONE:
        odd = sum(data) & 1
        parity = [odd ^ (settings.parity is Parity.ODD) ^ has_wrong_parity]
    return (0, *data, *parity, *[1] * int(settings.stop_bits))


def _bit_us(settings: UartSettings) -> float:
    return 1_000_000 / settings.baud


def _level(burst: Burst, at_us: float) -> int | None:
    """The line's level at a time; None outside the burst."""
    bit = math.floor((at_us - burst.start_us) / _bit_us(burst.settings))
    index, position = divmod(bit, burst.settings.bits_per_byte)
    if not 0 <= index < len(burst.data):
        return None
    return frame_bits(burst.data[index], burst.settings, has_wrong_parity=burst.has_wrong_parity)[position]


def line_level(bursts: Iterable[Burst], at_us: float) -> int:
    """The line's level at a time: idle is high."""
    for burst in bursts:
        level = _level(burst, at_us)
        if level is not None:
            return level
    return 1


def falling_edges(bursts: Iterable[Burst], from_us: float) -> Iterator[float]:
    """Times at or after `from_us` at which the line falls."""
    for burst in bursts:
        bit_us = _bit_us(burst.settings)
        frame_us = bit_us * burst.settings.bits_per_byte
        first = max(0, math.floor((from_us - burst.start_us) / frame_us))
        for index in range(first, len(burst.data)):
            bits = frame_bits(burst.data[index], burst.settings, has_wrong_parity=burst.has_wrong_parity)
            before = 1  # a stop bit, or idle
            for position, bit in enumerate(bits):
                at_us = burst.start_us + index * frame_us + position * bit_us
                if before and not bit and at_us >= from_us:
                    yield at_us
                before = bit


def sample_frame(bursts: Sequence[Burst], from_us: float, settings: UartSettings) -> SampledFrame | None:
    """Return the first frame that a receiver gets from a time on; None when the line does not fall."""
    bit_us = _bit_us(settings)
    for start_us in falling_edges(bursts, from_us):
        if line_level(bursts, start_us + bit_us / 2):
            continue  # too short for a start bit
        middles = [start_us + (index + 1.5) * bit_us for index in range(settings.bits_per_byte - 1)]
        levels = [line_level(bursts, middle) for middle in middles]
        byte = sum(level << index for index, level in enumerate(levels[: settings.data_bits]))
        expected = frame_bits(byte, settings, has_wrong_parity=False)[1:]
        stop = settings.bits_per_byte - 1 - int(settings.stop_bits)
        return SampledFrame(
            byte=byte,
            end_us=math.ceil(middles[stop]),
            ready_us=middles[stop],
            has_parity_error=levels[settings.data_bits : stop] != list(expected[settings.data_bits : stop]),
            has_framing_error=not levels[stop],
        )
    return None
