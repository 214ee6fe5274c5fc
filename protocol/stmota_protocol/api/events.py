"""What the daemon's streams carry: of a job, of a board's log, of everything."""

from typing import TypeAlias

from stmota_protocol.api.bridges import Bridge
from stmota_protocol.api.jobs import Job, Phase
from stmota_protocol.api.wire import Wire


class StateEvent(Wire, frozen=True, tag="state", tag_field="type"):
    """The job moved to another state; an ending state carries the whole job."""

    number: int
    """Counts from 0 within the job; gaps mean that progress events were merged."""
    at: float
    job: Job


class PhaseEvent(Wire, frozen=True, tag="phase", tag_field="type"):
    """The job entered a phase. `total` bytes of progress to come, 0 where there is none."""

    number: int
    at: float
    phase: Phase
    total: int
    text: str
    """For people: `erasing 32 pages`."""


class ProgressEvent(Wire, frozen=True, tag="progress", tag_field="type"):
    """Bytes of the phase done so far; merged for a slow reader."""

    number: int
    at: float
    phase: Phase
    done: int
    total: int
    bytes_per_s: float
    line_rate_share: float


class NoteEvent(Wire, frozen=True, tag="note", tag_field="type"):
    """Something people want to know: a retry, a doubt about the chip, a link that came back."""

    number: int
    at: float
    text: str
    warning: bool


JobEvent: TypeAlias = StateEvent | PhaseEvent | ProgressEvent | NoteEvent


class LogRecord(Wire, frozen=True, tag="log", tag_field="type"):
    """Console text of one board: a line, or a part of one. `text` has no line end."""

    number: int
    """Counts this board's records; the id to resume from."""
    at: float
    """When its first byte came, by the host's clock."""
    text: str
    """UTF-8; undecodable bytes as `\\xNN`. Control characters are kept: the client escapes them."""
    complete: bool
    """Whether a line end followed; else the rest comes in the next record."""
    lost: int = 0
    """Bytes lost before this record (the bridge's ring overflowed while nobody was connected)."""


class MissedEvent(Wire, frozen=True, tag="missed", tag_field="type"):
    """This subscriber was too slow: so many events were dropped; read them back from the store."""

    count: int
    resume_from: int


class BridgeEvent(Wire, frozen=True, tag="bridge", tag_field="type"):
    """A bridge appeared or changed."""

    at: float
    bridge: Bridge


class BridgeGone(Wire, frozen=True, tag="bridge-gone", tag_field="type"):
    """A bridge is no longer known."""

    at: float
    id: str | None
    name: str


class JobChanged(Wire, frozen=True, tag="job", tag_field="type"):
    """A job moved to another state."""

    at: float
    job: Job


DaemonEvent: TypeAlias = BridgeEvent | BridgeGone | JobChanged | MissedEvent
