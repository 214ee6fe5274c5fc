"""What a doctor's examination saw of a board's wiring; judged by `doctor_verdict`."""

from dataclasses import dataclass, field
from enum import Enum, unique

from stmota_protocol.steps import Line, LineErrors

SHORTEST_HEARD = 4
"""Bytes: fewer may be what a pin did when somebody else's lines moved."""

NO_LINES = Line(0)


@unique
class Answer(Enum):
    """What the chip made of 0x7F."""

    SILENCE = "silence"
    ACK = "ack"
    NACK = "nack"
    NOISE = "noise"
    """Bytes that are no answer."""
    NOT_ASKED = "not asked"
    NO_PARITY = "no parity"
    """The edge's port cannot be set to 8E1 at all."""


@dataclass(slots=True)
class Evidence:
    """All of it. None: was not looked at, or could not be."""

    lines: Line
    """What the bridge can drive."""
    readable: Line = NO_LINES
    """What it can read."""
    idle: Line = NO_LINES
    """Lines that were high at least once while nothing was driven low."""
    heard_before: bytes = b""
    """At the console's settings, before anything was done."""
    heard_held: bytes = b""
    """While NRST was driven low."""
    heard_after: bytes = b""
    """After a reset with BOOT0 low."""
    returns: bool | None = None
    """Own bytes came back; None: no byte was sent."""
    answer: Answer = Answer.NOT_ASKED
    noise: bytes = b""
    errors: LineErrors = field(default_factory=LineErrors)
    baud: int = 0
    """At which the ROM was asked last."""
    heard_in_rom: bytes = b""
    """At the console's settings, after a reset with BOOT0 high."""
    get_failure: str | None = None
    """Why GET was not answered after a sync that was."""
    chip: str | None = None
    has_blank_flash: bool | None = None
    boots_rom_when_blank: bool = False
    """The chip's family starts its ROM by itself while flash is empty (empty check)."""
    answered_while_held: bool | None = None
    """The ROM answered while NRST was driven low."""
    rom_without_boot0: bool | None = None
    """The ROM answered after a reset with BOOT0 low."""

    @property
    def was_heard(self) -> bool:
        """Whether the application was heard at any time: so RX is wired, and to the chip's TX."""
        heard = (self.heard_before, self.heard_held, self.heard_after, self.heard_in_rom)
        return any(is_heard(data) for data in heard)

    @property
    def is_in_rom(self) -> bool:
        """Whether the ROM was reached."""
        return self.answer in {Answer.ACK, Answer.NACK}

    def is_low(self, line: Line) -> bool | None:
        """Whether a line stayed low while nothing drove it; None if that cannot be read."""
        return None if line not in self.readable else line not in self.idle


def is_heard(data: bytes) -> bool:
    """Whether it is enough to be somebody's."""
    return len(data) >= SHORTEST_HEARD
