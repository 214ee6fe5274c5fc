"""What the batch engine asks of whoever drives a port: one effect at a time, each answered with `Received`.

`SetLines`, `Sense` and `Configure` are effects as they stand. The answer to `Sense` holds the two bytes of
its output; effects that bring nothing back are answered with `NOTHING`.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from stmota_protocol.steps import Configure, Line, LineErrors, Sense, SetLines


class Received(NamedTuple):
    """Bytes the receiver got, and when the first of them came (edge time)."""

    at_us: int
    data: bytes


NOTHING = Received(0, b"")


@dataclass(frozen=True, slots=True)
class Write:
    """Hand bytes to the transmitter."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drain:
    """Wait until the last stop bit has left."""


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for received bytes; the answer is empty when there were none until `until_us`.

    A time in the past polls once.
    """

    until_us: int


@dataclass(frozen=True, slots=True)
class SleepUntil:
    """Wait until the edge's clock says `until_us`."""

    until_us: int


Effect: TypeAlias = Write | Drain | Read | SleepUntil | SetLines | Sense | Configure


class Gauges(Protocol):
    """What the engine reads off a port without waiting."""

    lines: Line

    def now_us(self) -> int:
        """The edge's clock."""
        ...

    def sent_by_us(self) -> int | None:
        """When the last stop bit leaves, if the port can tell ahead."""
        ...

    def take_errors(self) -> LineErrors:
        """The receiver's error counts since the last call."""
        ...
