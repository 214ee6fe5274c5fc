"""Steps, batches and results: the only language between a host and an edge.

The host composes *batches* of *steps* and sends them ahead; the edge executes them at its own UART by
its own clock and answers one *result* a batch. The edge knows nothing of the target's protocol.

Times are microseconds by the edge's clock. A time that follows a send counts from the end of the last
stop bit sent. The wire form of all of this is in `wire.py` and BRIDGE_PROTOCOL.md.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from typing import NamedTuple, TypeAlias

from stmota_protocol.upkeep import FirmwareTrial, NetworkRights

MAX_STEPS = 1024
"""Steps in one batch: a 2 KiB page in 256-byte blocks needs 48; bounded so that an edge can index them."""
MAX_WAIT_US = 0xFFFF_FFFF
"""Longest time a step can name: 32 bits, 71 minutes."""


@unique
class Line(IntFlag):
    """The edge's lines to the target. A level is the electrical one at the target's pin."""

    NRST = 0x01
    """Open drain: high means released, low holds the target in reset."""
    BOOT0 = 0x02
    """Push-pull: high selects system memory at the next reset."""
    SPARE1 = 0x04
    SPARE2 = 0x08
    TX = 0x10
    """The edge's transmitter, for `Sense` only: high when idle."""
    RX = 0x20
    """The edge's receiver, for `Sense` only: high when the target is idle."""


DRIVABLE_LINES = Line.NRST | Line.BOOT0 | Line.SPARE1 | Line.SPARE2


@unique
class Parity(IntEnum):
    """Parity of a UART frame."""

    NONE = 0
    EVEN = 1
    ODD = 2


@unique
class StopBits(IntEnum):
    """Stop bits of a UART frame."""

    ONE = 1
    TWO = 2


@unique
class Rs485(IntEnum):
    """What the edge does with a half-duplex transceiver's direction line."""

    OFF = 0
    DRIVE_HIGH = 1
    """The direction line is high while the edge sends, and released within a bit time."""
    DRIVE_LOW = 2
    """The same, low while the edge sends."""


@dataclass(frozen=True, slots=True)
class UartSettings:
    """How a UART is set: `8E1` at 115200 for the ROM, `8N1` for most consoles."""

    baud: int = 115200
    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: StopBits = StopBits.ONE
    rs485: Rs485 = Rs485.OFF
    echo: bool = False
    """The line returns what is sent: the edge swallows exactly that, and fails the batch where it differs."""

    @property
    def bits_per_byte(self) -> int:
        """Bit times one byte takes on the wire, start bit included."""
        return 1 + self.data_bits + (self.parity is not Parity.NONE) + int(self.stop_bits)

    def wire_time_us(self, length_bytes: int) -> int:
        """Microseconds that many bytes take on the wire, rounded up."""
        return -(-length_bytes * self.bits_per_byte * 1_000_000 // self.baud)

    def __str__(self) -> str:
        """`115200 8E1`, as people write it."""
        return f"{self.baud} {self.data_bits}{'NEO'[self.parity]}{int(self.stop_bits)}"


@dataclass(frozen=True, slots=True)
class Send:
    """Write bytes to the UART. Done when the last stop bit has left."""

    data: bytes


@unique
class OnSilence(IntEnum):
    """What an `Expect` does when nothing came in time."""

    FAIL = 0
    GO_ON = 1
    REPEAT = 2
    """Go back `repeat_back` steps, at most `repeat_times` times; then fail."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Read one byte within a time.

    `good` goes on; a byte in `skip` is passed over (the time keeps running); silence does what
    `on_silence` says; any other byte fails the batch. At most one `Expect` of a batch may repeat.
    """

    good: int
    within_us: int
    skip: bytes = b""
    on_silence: OnSilence = OnSilence.FAIL
    repeat_back: int = 0
    """Steps to go back from this one: 1 is the step just before it."""
    repeat_times: int = 0


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive exactly `length` bytes, the last one within `within_us`; else the batch fails."""

    length: int
    within_us: int


@dataclass(frozen=True, slots=True)
class ReceiveCounted:
    """Receive a big-endian count of `count_bytes` (1 or 2), then count + `extra` bytes.

    The output holds the count's bytes too. More than `cap` bytes in all fail the batch (`CAP`)
    before any of the surplus is read; not all within `within_us` fails it (`SILENCE`).
    """

    count_bytes: int
    extra: int
    cap: int
    within_us: int


@dataclass(frozen=True, slots=True)
class ReceiveUntilQuiet:
    """Receive until nothing came for `quiet_us`, `cap` bytes are there, or `within_us` is over.

    Never fails: nothing received is an empty output. Before the first byte only `within_us` counts.
    """

    quiet_us: int
    cap: int
    within_us: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop what comes until quiet for `quiet_us`, for `within_us` at most. How much is the output (u32)."""

    quiet_us: int
    within_us: int


@dataclass(frozen=True, slots=True)
class SetLines:
    """Drive lines: those in `mask` to the levels in `levels`. A line the edge lacks fails the batch."""

    mask: Line
    levels: Line

    @staticmethod
    def of(**high: bool) -> "SetLines":
        """`SetLines.of(nrst=False, boot0=True)`: by name, True for high."""
        named = {Line[name.upper()]: level for name, level in high.items()}
        mask = levels = Line(0)
        for line, level in named.items():
            mask |= line
            levels |= line if level else Line(0)
        return SetLines(mask, levels)


@dataclass(frozen=True, slots=True)
class Sense:
    """Read the levels of the lines and of TX and RX. The output is two bytes: readable mask, levels."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a time. What arrives meanwhile stays in the receiver's buffer."""

    wait_us: int


@dataclass(frozen=True, slots=True)
class Configure:
    """Set the UART, once what was sent has left. Received bytes in the buffer stay."""

    settings: UartSettings


@dataclass(frozen=True, slots=True)
class UnknownStep:
    """A step from the wire that this version does not understand: its number, length or a value in it.

    A batch that holds one is never begun: it fails at this step with `Cause.UNSUPPORTED`.
    """

    number: int
    payload: bytes


Step: TypeAlias = (
    Send
    | Expect
    | Receive
    | ReceiveCounted
    | ReceiveUntilQuiet
    | Discard
    | SetLines
    | Sense
    | Wait
    | Configure
    | UnknownStep
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One or more whole commands of the target's protocol, executed without the host's help."""

    steps: tuple[Step, ...]


@unique
class Outcome(IntEnum):
    """How a batch ended."""

    DONE = 0
    FAILED = 1
    SKIPPED = 2
    """An earlier batch of its run failed or was aborted, or a later run began: never started."""
    ABORTED = 3
    """Ended by the host's abort, between two bytes."""


@unique
class Cause(IntEnum):
    """Why a step failed."""

    SILENCE = 1
    """Not enough came in time."""
    WRONG_BYTE = 2
    """`Result.got` came instead of the expected byte."""
    ECHO = 3
    """The line did not return what was sent (`UartSettings.echo`); `Result.got` is the first difference."""
    CAP = 4
    """A counted reply announced more than the step's cap; `Result.got` is the count."""
    UNSUPPORTED = 5
    """This edge lacks the step, the line or the UART setting."""
    PORT = 6
    """The edge's own UART failed (a USB adapter was unplugged)."""
    OTHER = 0xFF
    """A cause that this version does not know, from an edge newer than the host."""


class Output(NamedTuple):
    """What one step brought back. A step that ran again replaces its output."""

    step: int
    data: bytes


class Arrival(NamedTuple):
    """When an `Expect` got its good byte: microseconds from the batch's start."""

    step: int
    after_us: int


@dataclass(frozen=True, slots=True)
class LineErrors:
    """What the receiver complained about during a batch; counts stop at 65535."""

    parity: int = 0
    framing: int = 0
    overrun: int = 0

    def __bool__(self) -> bool:
        """Whether there was any."""
        return bool(self.parity or self.framing or self.overrun)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one batch.

    `outputs` hold all bytes received, partial ones of a failed step too, in step order. `residue` is
    what no step consumed since the run's previous result, when the run asked for it; `residue_lost`
    counts what exceeded `MAX_RESIDUE`.
    """

    outcome: Outcome
    failed_step: int | None = None
    cause: Cause | None = None
    got: int | None = None
    started_us: int = 0
    ended_us: int = 0
    outputs: tuple[Output, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    errors: LineErrors = LineErrors()
    residue: bytes = b""
    residue_lost: int = 0

    @property
    def is_done(self) -> bool:
        """Whether every step did what it should."""
        return self.outcome is Outcome.DONE

    def output(self, step: int) -> bytes:
        """The bytes step number `step` brought back; empty if it brought none."""
        return next((output.data for output in self.outputs if output.step == step), b"")


MAX_RESIDUE = 64
"""Residue bytes a result carries: enough to recognise a late ACK, NACK or boot text; bounds the result."""


@unique
class Unclaimed(IntEnum):
    """Where bytes go that no step of a run consumed. What arrived before the run began is console."""

    CONSOLE = 0
    RESIDUE = 1


@dataclass(frozen=True, slots=True)
class EdgeIdentity:
    """What an edge says of itself."""

    name: str
    unique_id: bytes
    """8 bytes; stays the same for the device's life."""
    boot_id: bytes
    """8 random bytes, new at each start: positions and times of another boot mean nothing."""
    firmware: str
    """Version of the edge's own software, e.g. `soft-0.1.0`."""
    lines: Line
    """Lines that are there."""
    credit: int
    """Bytes of batches (each the larger of request and largest result) that may be under way."""
    max_batch: int
    """Largest batch message in bytes."""
    supported_steps: frozenset[int]
    """Wire numbers of the steps it executes."""
    console_ring: int = 0
    """Bytes of console it keeps for a controller that has not acknowledged them; 0: not told."""
    rights: NetworkRights = NetworkRights.NONE
    """What the network may do to it."""
    project: str = ""
    """What its firmware is, as an image's description names it; empty: not told."""
    chip: str = ""
    """What it runs on, e.g. `esp32c3`; empty: not told."""
    trial: FirmwareTrial = FirmwareTrial.NONE
    """What became of its newest update."""
