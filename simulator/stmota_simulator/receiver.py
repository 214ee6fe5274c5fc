"""A UART's receiver at the end of a wire."""

from dataclasses import dataclass

from stmota_protocol.steps import LineErrors, Parity, UartSettings
from stmota_simulator.sampling import SampledFrame, falling_edges, sample_frame
from stmota_simulator.wire import Burst, Wire

BAUD_TOLERANCE = 0.025
"""Host and device may deviate by less than 2.5 % (AN3155 §2.1, AN2606)."""
NO_ERRORS = LineErrors()


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes that were received back to back."""

    data: bytes
    first_us: int
    """When the first byte was complete."""
    last_us: int
    """When the last byte was complete."""
    errors: LineErrors = NO_ERRORS


class Receiver:
    """Turns what is on a wire into bytes, garbage where sender and receiver are set differently.

    It begins to look for a start bit at `from_us`; bytes that were complete before are not for it.
    """

    def __init__(self, wire: Wire, settings: UartSettings, from_us: int) -> None:
        self.settings = settings
        self._wire = wire
        self._ready_us: float = from_us
        self._taken = 0
        """Bytes of the wire's first burst that are passed."""
        self._pass_by(from_us)

    def hear(self, until_us: int, most: int) -> Heard | None:
        """Take the next bytes that are complete by a time, at most so many; None if there are none."""
        bursts = self._wire.bursts
        while bursts:
            burst = bursts[0]
            if self._taken >= len(burst.data):  # what was to follow was taken back
                self._pass_one()
                continue
            if self._is_aligned(burst):
                return self._take_run(burst, until_us, most)
            frame = self._sample_from(burst)
            if frame is not None:
                return self._take_frame(frame, until_us)
            if burst.end_us() > until_us:
                return None
            self._pass_one()
        return None

    def due_us(self, count: int) -> int | None:
        """When so many more bytes will be there, by what is on the wire; None if it is not enough.

        Where sender and receiver differ it is a time not later than that.
        """
        taken = self._taken
        for index, burst in enumerate(self._wire.bursts):
            if not index and not self._is_aligned(burst):
                frame = self._sample_from(burst)
                if frame is not None:
                    return frame.end_us
            elif not self._agrees(burst):
                return burst.start_us
            elif len(burst.data) - taken >= count:
                return burst.end_us(taken + count)
            else:
                count -= len(burst.data) - taken
            taken = 0
        return None

    def run_due_us(self, most: int) -> int | None:
        """When the next bytes that follow back to back, at most so many, will be there; None if none do."""
        bursts = self._wire.bursts
        if bursts and self._is_aligned(bursts[0]):
            return self.due_us(min(most, len(bursts[0].data) - self._taken))
        return self.due_us(1)

    def _agrees(self, burst: Burst) -> bool:
        theirs, ours = burst.settings, self.settings
        if abs(theirs.baud - ours.baud) > BAUD_TOLERANCE * ours.baud:
            return False
        same_frame = theirs.data_bits == ours.data_bits and theirs.parity == ours.parity
        return same_frame or not self._wire.carries_parity

    def _is_aligned(self, burst: Burst) -> bool:
        """Whether the rest of the burst comes out as it was sent, without looking at its bits."""
        return self._agrees(burst) and burst.end_us(self._taken) >= self._ready_us

    def _take_run(self, burst: Burst, until_us: int, most: int) -> Heard | None:
        count = min(burst.complete_by(until_us) - self._taken, most)
        if count <= 0:
            return None
        first, self._taken = self._taken, self._taken + count
        last_us = burst.end_us(self._taken)
        self._ready_us = last_us
        if self._taken == len(burst.data):
            self._pass_one()
        has_parity = self.settings.parity is not Parity.NONE
        errors = LineErrors(parity=count) if burst.has_wrong_parity and has_parity else NO_ERRORS
        return Heard(burst.data[first : first + count], burst.end_us(first + 1), last_us, errors)

    def _sample_from(self, burst: Burst) -> SampledFrame | None:
        """Sample the next frame; None when none begins in this burst."""
        if next(falling_edges([burst], self._ready_us), None) is None:
            return None
        return sample_frame(list(self._wire.bursts), self._ready_us, self.settings)

    def _take_frame(self, frame: SampledFrame, until_us: int) -> Heard | None:
        if frame.end_us > until_us:
            return None
        self._ready_us = frame.ready_us
        self._pass_by(int(frame.ready_us))
        errors = LineErrors(parity=frame.has_parity_error, framing=frame.has_framing_error)
        return Heard(bytes([frame.byte]), frame.end_us, frame.end_us, errors)

    def _pass_one(self) -> None:
        self._wire.bursts.popleft()
        self._taken = 0

    def _pass_by(self, at_us: int) -> None:
        """Forget what was complete by a time."""
        bursts = self._wire.bursts
        while bursts and bursts[0].end_us() <= at_us:
            bursts.popleft()
        self._taken = bursts[0].complete_by(at_us) if bursts else 0
