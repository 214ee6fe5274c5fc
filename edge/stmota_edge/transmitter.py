"""When the bytes written to a port have left it, reckoned from their time on the wire."""

from stmota_protocol.steps import UartSettings

SLACK_US = 1000
"""A byte may leave this much later than reckoned: a frame of USB full speed."""


class Transmitter:
    """The wire's side of a port's transmit queue."""

    def __init__(self) -> None:
        self.sent_us = 0
        """When the last stop bit leaves, if nothing delays it."""

    def add(self, now_us: int, length_bytes: int, settings: UartSettings) -> None:
        """Bytes were handed to the port."""
        self.sent_us = max(self.sent_us, now_us) + settings.wire_time_us(length_bytes)

    def drop(self, now_us: int) -> None:
        """What has not left will not."""
        self.sent_us = min(self.sent_us, now_us)

    def sent_by_us(self, now_us: int) -> int:
        """By when the last stop bit has left, USB's delay included."""
        return self.sent_us + SLACK_US if self.sent_us > now_us - SLACK_US else now_us
