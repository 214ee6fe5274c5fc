"""A half-duplex line between host and chip: RS-485 with a transceiver at each end.

The chip's transceiver turns by itself while the chip sends: no ROM drives a direction line. The host's is
turned by its direction line, or by itself. Where both drive the line, what either sends is garbled.
"""

from dataclasses import dataclass

from stmota_protocol.steps import Rs485, UartSettings
from stmota_simulator.wire import Wire

_OPPOSITE = {Rs485.DRIVE_HIGH: Rs485.DRIVE_LOW, Rs485.DRIVE_LOW: Rs485.DRIVE_HIGH}


@dataclass(frozen=True, slots=True)
class HalfDuplex:
    """The line's host end."""

    direction: Rs485 = Rs485.OFF
    """The level of the direction line at which the host's transceiver sends; OFF: it turns by itself."""
    echoes: bool = True
    """The host's receiver stays on while it sends, and hears it."""
    released_late_us: int = 0
    """From the last stop bit until the host lets go of the line."""


class HalfDuplexLine:
    """The line at work, between the two wires of a full-duplex board."""

    def __init__(self, model: HalfDuplex, to_chip: Wire, to_host: Wire) -> None:
        self.settings = UartSettings()
        """How the host's UART is set."""
        self._model = model
        self._to_chip = to_chip
        self._to_host = to_host
        self._host_until_us = 0
        self._chip_until_us = 0

    def host_sends(self, length: int, at_us: int, settings: UartSettings) -> bool:
        """The host drives the line for so many bytes; False where its transceiver does not send them.

        What the chip has under way then is garbled. Call it before the bytes are put on their wire.
        """
        if self._model.direction not in {Rs485.OFF, settings.rs485}:
            return False
        start_us = max(at_us, self._to_chip.end_us)
        if start_us < self._chip_until_us:
            self._to_host.garble(start_us)
        sent_by_us = start_us + settings.wire_time_us(length)
        self._host_until_us = sent_by_us + self._model.released_late_us
        return True

    def host_sent(self, data: bytes, at_us: int, settings: UartSettings) -> None:
        """The bytes are on their wire: the host hears them, garbled where the chip sends, too."""
        if at_us < self._chip_until_us:
            self._to_chip.garble(at_us)
        if self._model.echoes:
            self._to_host.send(data, at_us, settings)
            if at_us < self._chip_until_us:
                self._to_host.garble(at_us)

    def chip_sends(self, at_us: int) -> bool:
        """The chip begins to send; False where the host drives the line against it."""
        is_wrong_way_round = self._model.direction is _OPPOSITE.get(self.settings.rs485)
        if is_wrong_way_round or at_us < self._host_until_us:
            self._to_chip.garble(at_us)
            return False
        return True

    def chip_sent(self) -> None:
        """The chip's bytes are on their wire."""
        self._chip_until_us = self._to_host.end_us
