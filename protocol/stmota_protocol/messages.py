"""The messages between a controller (a daemon) and a bridge, as values.

Their bytes are in `wire.py`, who may send what and when in `connection.py`, the rules for people in
BRIDGE_PROTOCOL.md. Positions count console bytes since the bridge's boot; times are microseconds of
the bridge's clock since its boot; both are 64 bits. `port` numbers the bridge's UARTs: 0 is the first.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import TypeAlias

from stmota_protocol.secure_messages import SecureMessage
from stmota_protocol.steps import Batch, EdgeIdentity, Outcome, Result, Unclaimed
from stmota_protocol.upkeep import Upkeep

DEFAULT_TCP_PORT = 7820
"""Where a bridge listens unless told otherwise; not registered with IANA, none is near."""
MDNS_SERVICE = "_stmota-bridge._tcp.local."
MDNS_KEYS = ("name", "id", "protocol", "firmware", "secure")
"""TXT keys; `id` is the unique id in hex, `protocol` is major.minor, `secure` is 0 or 1."""


@dataclass(frozen=True, slots=True)
class LastBatch:
    """The newest batch that ended, of whichever controller: its numbers and outcome, not its bytes."""

    run: int
    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Greeting:
    """The bridge's first message."""

    identity: EdgeIdentity
    console_oldest: int
    """Position of the oldest byte still in the ring."""
    console_next: int
    """Position the next console byte will have."""
    now_us: int
    last_batch: LastBatch | None = None
    holder: str = ""
    """Name of the controller that holds the bridge now; empty: nobody does."""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Hello:
    """The controller's first message: who it is, and from where it wants the console."""

    controller_id: bytes
    """16 bytes, the same for a controller's life: it replaces its own dead connection."""
    name: str
    take_over: bool = False
    console_from: int = 0
    """First console position wanted; 0 on a boot id not seen before."""
    port: int = 0


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one batch, in the order of the batches."""

    run: int
    number: int
    result: Result
    port: int = 0


@dataclass(frozen=True, slots=True)
class Welcome:
    """The hello is accepted: this connection is the controller now.

    `last_result` is the newest result of the *same* controller id, sent again because it may have been
    lost with the connection.
    """

    last_result: BatchResult | None = None
    port: int = 0


@dataclass(frozen=True, slots=True)
class Busy:
    """The hello is refused: another controller holds the bridge. A hello with `take_over` may follow."""

    holder_name: str
    holder_id: bytes
    held_for_us: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class BeginRun:
    """Begin a run. What is left of an earlier run is skipped, its batch in hand aborted."""

    run: int
    """Chosen by the controller, larger than that of any of its earlier runs on this boot."""
    unclaimed: Unclaimed
    port: int = 0


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One batch of a run; numbers count from 0 in each run."""

    run: int
    number: int
    batch: Batch
    port: int = 0


@dataclass(frozen=True, slots=True)
class Abort:
    """End the batch in hand at the next byte and skip the rest of the run."""

    run: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class EndRun:
    """After the run's last batch has ended, what the UART receives is console again."""

    run: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class Console:
    """Bytes the UART received outside a run's steps; `at_us` is when the first of them came."""

    position: int
    at_us: int
    data: bytes
    port: int = 0


@dataclass(frozen=True, slots=True)
class ConsoleGap:
    """Console bytes that did not fit the ring and are lost: from `position`, `length` of them."""

    position: int
    length: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class ConsoleAck:
    """All console bytes before `position` are safe with the controller; the ring may forget them."""

    position: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class Ping:
    """Either side: are you there? Answered by `Pong` with the same token."""

    token: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer; `now_us` is the sender's clock (0 from a controller)."""

    token: int
    now_us: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A message of an unknown type was received and ignored."""

    message_type: int
    port: int = 0


@unique
class CloseReason(IntEnum):
    """Why a side closes."""

    SHUTDOWN = 1
    REPLACED = 2
    """The same controller id came with a new connection."""
    TAKEN_OVER = 3
    """Another controller took over; `text` is its name."""
    PROTOCOL_ERROR = 4
    VERSION = 5
    """No common protocol version; `text` says who must be updated."""
    TOO_MANY = 6
    """Too many connections wait for a hello."""
    TOO_SLOW = 7
    """No hello in time, or no sign of life in time."""
    SECURED = 8
    """The bridge is in secure mode: it speaks TLS only."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The last message before a close. An unknown reason is kept as its number."""

    reason: CloseReason | int
    text: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type this version does not know: to be answered with `Unsupported`."""

    message_type: int
    payload: bytes
    port: int = 0


Message: TypeAlias = (
    Greeting
    | Hello
    | Welcome
    | Busy
    | BeginRun
    | BatchRequest
    | BatchResult
    | Abort
    | EndRun
    | Console
    | ConsoleGap
    | ConsoleAck
    | Ping
    | Pong
    | Unsupported
    | Closing
    | Upkeep
    | SecureMessage
    | Unknown
)
