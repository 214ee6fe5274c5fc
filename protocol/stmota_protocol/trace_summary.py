"""What a trace adds up to."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from stmota_protocol.trace import Exchange, TraceEnd, TraceFull, TraceHeader, TraceNote, TraceRecord, Wire


@dataclass(slots=True)
class CommandTotal:
    """All exchanges of one kind."""

    count: int = 0
    took_us: int = 0
    longest_us: int = 0
    trouble: int = 0

    def add(self, exchange: Exchange) -> None:
        """Take in one of them."""
        self.count += 1
        self.took_us += exchange.took_us
        self.longest_us = max(self.longest_us, exchange.took_us)
        self.trouble += exchange.trouble


@dataclass(slots=True)
class TraceSummary:
    """Totals of a whole trace; in its order where it has one."""

    header: TraceHeader | None = None
    end: TraceEnd | None = None
    is_full: bool = False
    """The file's bound was reached: the totals are of what is in it."""
    first_at: float | None = None
    last_at: float = 0.0
    """From the first exchange's begin to the last one's end."""
    sent_bytes: int = 0
    came_bytes: int = 0
    unclaimed_bytes: int = 0
    commands: dict[str, CommandTotal] = field(default_factory=dict[str, CommandTotal])
    slowest: list[Exchange] = field(default_factory=list[Exchange])
    """The longest first."""
    trouble: list[Exchange | TraceNote] = field(default_factory=list[Exchange | TraceNote])
    """Exchanges that failed, and warnings."""

    @property
    def seconds(self) -> float:
        """What the exchanges span."""
        return 0.0 if self.first_at is None else self.last_at - self.first_at

    @property
    def exchanges(self) -> int:
        """How many there are."""
        return sum(total.count for total in self.commands.values())

    def add(self, record: TraceRecord, slowest: int) -> None:
        """Take in one record; the `slowest` longest exchanges are kept."""
        match record:
            case TraceHeader():
                self.header = record
            case TraceEnd():
                self.end = record
            case TraceFull():
                self.is_full = True
            case TraceNote(warning=True):
                self.trouble.append(record)
            case Exchange():
                self._add_exchange(record)
                self.slowest = sorted([*self.slowest, record], key=_took_us, reverse=True)[:slowest]
            case _:
                pass

    def _add_exchange(self, exchange: Exchange) -> None:
        self.commands.setdefault(exchange.command, CommandTotal()).add(exchange)
        self.sent_bytes += exchange.count(Wire.SENT)
        self.came_bytes += exchange.count(Wire.CAME)
        self.unclaimed_bytes += exchange.count(Wire.UNCLAIMED)
        if exchange.trouble:
            self.trouble.append(exchange)
        if exchange.wire:  # a skipped one has no time of its own
            self.first_at = exchange.at if self.first_at is None else self.first_at
            self.last_at = max(self.last_at, exchange.at + exchange.took_us / 1e6)


def summarise(records: Iterable[TraceRecord], slowest: int = 5) -> TraceSummary:
    """Add up a trace. Raises what reading it raises."""
    summary = TraceSummary()
    for record in records:
        summary.add(record, slowest)
    return summary


def _took_us(exchange: Exchange) -> int:
    return exchange.took_us
