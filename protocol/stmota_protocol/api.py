"""The messages of the daemon's HTTP API, as typed JSON (msgspec), and what each failure means.

Times are seconds since the epoch unless a name says otherwise; sizes are bytes. A message may gain
fields; a client ignores those it does not know. The routes stand in docs/api.md and the daemon's
`/v1/openapi.json`.
"""

from enum import Enum, unique
from typing import TypeAlias

from stmota_protocol.api_wire import Wire
from stmota_protocol.bridge_work import BridgeOptions, BridgeResult
from stmota_protocol.chip_work import ChipOptions, ChipResult

API_VERSION = (2, 0)
"""Major: incompatible. Minor: the daemon can more. A client newer than its daemon says so."""


@unique
class ProblemCode(Enum):
    """Every way a request or a job can fail, by what the user can do about it."""

    FAILED = "failed"
    """Something unforeseen, or trouble on the wire that recovery could not mend."""
    USAGE = "usage"
    UNKNOWN_BRIDGE = "unknown-bridge"
    AMBIGUOUS_BRIDGE = "ambiguous-bridge"
    UNKNOWN_JOB = "unknown-job"
    UNKNOWN_FIRMWARE = "unknown-firmware"
    NO_TRACE = "no-trace"
    """The job was started without one, or it was removed to make room."""
    NO_DAEMON = "no-daemon"
    OLD_DAEMON = "old-daemon"
    NOT_ALLOWED = "not-allowed"
    BUSY = "busy"
    HELD = "held"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """The chip sent nothing."""
    GARBAGE = "garbage"
    """The chip sent bytes that make no sense."""
    NACKED = "nacked"
    """The chip answered 0x1F and nothing else."""
    NOT_STARTED = "not-started"
    VERIFY_FAILED = "verify-failed"
    NOT_FIRMWARE = "not-firmware"
    """The file is no image for this chip: refused before the first erase."""
    DOES_NOT_FIT = "does-not-fit"
    WRONG_CHIP = "wrong-chip"
    PROTECTED = "protected"
    NO_COMMAND = "no-command"
    """The chip's ROM has no such command: GET does not list it."""
    PERMANENT = "permanent"
    """It could never be undone."""
    WOULD_LOCK_OUT = "would-lock-out"
    NO_IMAGE_BEFORE = "no-image-before"
    """There is nothing that a rollback could go back to: refused before the first erase."""
    EXPECTATION_FAILED = "expectation-failed"
    """The board did not say what it should after a flash."""
    WIRING = "wiring"
    """`stmota doctor` found a wire to look at."""
    BRIDGE_REFUSED = "bridge-refused"
    """The bridge does not do this to itself: not allowed, not possible, or no newer firmware."""
    CANCELLED = "cancelled"


@unique
class ExitCode(int, Enum):
    """What `stmota` exits with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    NOT_ALLOWED = 4
    BUSY = 5
    UNREACHABLE = 6
    VERIFY_FAILED = 7
    REFUSED = 8
    INTERRUPTED = 130


EXIT_CODES: dict[ProblemCode, ExitCode] = {
    ProblemCode.FAILED: ExitCode.FAILED,
    ProblemCode.USAGE: ExitCode.USAGE,
    ProblemCode.UNKNOWN_BRIDGE: ExitCode.USAGE,
    ProblemCode.AMBIGUOUS_BRIDGE: ExitCode.USAGE,
    ProblemCode.UNKNOWN_JOB: ExitCode.USAGE,
    ProblemCode.UNKNOWN_FIRMWARE: ExitCode.USAGE,
    ProblemCode.NO_TRACE: ExitCode.USAGE,
    ProblemCode.NO_DAEMON: ExitCode.NO_DAEMON,
    ProblemCode.OLD_DAEMON: ExitCode.NO_DAEMON,
    ProblemCode.NOT_ALLOWED: ExitCode.NOT_ALLOWED,
    ProblemCode.BUSY: ExitCode.BUSY,
    ProblemCode.HELD: ExitCode.BUSY,
    ProblemCode.UNREACHABLE: ExitCode.UNREACHABLE,
    ProblemCode.SILENT: ExitCode.FAILED,
    ProblemCode.GARBAGE: ExitCode.FAILED,
    ProblemCode.NACKED: ExitCode.FAILED,
    ProblemCode.NOT_STARTED: ExitCode.FAILED,
    ProblemCode.VERIFY_FAILED: ExitCode.VERIFY_FAILED,
    ProblemCode.NOT_FIRMWARE: ExitCode.REFUSED,
    ProblemCode.DOES_NOT_FIT: ExitCode.REFUSED,
    ProblemCode.WRONG_CHIP: ExitCode.REFUSED,
    ProblemCode.PROTECTED: ExitCode.REFUSED,
    ProblemCode.NO_COMMAND: ExitCode.REFUSED,
    ProblemCode.PERMANENT: ExitCode.REFUSED,
    ProblemCode.WOULD_LOCK_OUT: ExitCode.REFUSED,
    ProblemCode.NO_IMAGE_BEFORE: ExitCode.REFUSED,
    ProblemCode.EXPECTATION_FAILED: ExitCode.FAILED,
    ProblemCode.WIRING: ExitCode.FAILED,
    ProblemCode.BRIDGE_REFUSED: ExitCode.REFUSED,
    ProblemCode.CANCELLED: ExitCode.INTERRUPTED,
}
"""One exit code for each problem; a test keeps it complete."""


class Problem(Wire, frozen=True):
    """A failure as data: what, where, what to do."""

    code: ProblemCode
    message: str
    """One line: what failed and where, in the protocol's words."""
    remedy: str | None = None
    """What to do about it."""
    step: str | None = None
    """The step that failed, e.g. `erase`, `write`, `sync`."""
    address: int | None = None
    expected: str | None = None
    got: str | None = None
    overridable: bool = False
    """A matter of judgement: `--force` overrides it."""


class DaemonGreeting(Wire, frozen=True):
    """`GET /v1/greeting`: who answers."""

    product: str
    version: str
    api_version: tuple[int, int]
    pid: int
    uid: int
    started_at: float


@unique
class BridgeState(Enum):
    """What a bridge is doing, as far as the daemon can tell."""

    CONNECTING = "connecting"
    IDLE = "idle"
    BUSY = "busy"
    """A job other than a flash runs."""
    FLASHING = "flashing"
    HELD = "held"
    """Another controller holds it."""
    UNREACHABLE = "unreachable"


@unique
class BridgeOrigin(Enum):
    """How the daemon knows of a bridge."""

    MDNS = "mdns"
    STATIC = "static"
    SERIAL = "serial"


class Bridge(Wire, frozen=True):
    """One bridge, as `discover` shows it."""

    id: str | None
    """Unique id in hex; None while a static bridge has not been reached yet."""
    name: str
    origins: tuple[BridgeOrigin, ...]
    address: str
    """`host:port`, or the serial URL."""
    state: BridgeState
    firmware: str | None = None
    protocol: str | None = None
    round_trip_ms: float | None = None
    holder: str | None = None
    chip: str | None = None
    """Once known: what the last job found, e.g. `STM32F103 medium density (0x410)`."""
    job: str | None = None
    """Id of the job that runs."""
    queued_jobs: int = 0
    problem: Problem | None = None
    """Why it is unreachable or held."""


class NetworkPlace(Wire, frozen=True, tag="network", tag_field="kind"):
    """A static bridge on the network."""

    host: str
    port: int


class SerialPlace(Wire, frozen=True, tag="serial", tag_field="kind"):
    """A serial port of the daemon's machine. `reset` and `boot0` are `rts`, `dtr`, `!rts`, `!dtr` or None."""

    url: str
    reset: str | None = None
    boot0: str | None = None


class SecureBridge(Wire, frozen=True):
    """`POST /v1/bridges/{ref}/security`: put a bridge into secure mode."""

    fingerprint: str
    """Of its key, as its console shows it: SHA-256 in 64 lower-case hex digits."""


class BridgeKey(Wire, frozen=True):
    """A bridge and the fingerprint of its key."""

    id: str
    fingerprint: str


class AddBridge(Wire, frozen=True):
    """`POST /v1/bridges`: add a bridge to the daemon's configuration."""

    name: str
    place: NetworkPlace | SerialPlace


@unique
class JobKind(Enum):
    """What a job does."""

    FLASH = "flash"
    INFO = "info"
    RESET = "reset"
    DOCTOR = "doctor"
    READ = "read"
    VERIFY = "verify"
    ERASE = "erase"
    GO = "go"
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    OPTION_BYTES = "option-bytes"
    BRIDGE_SETTINGS = "bridge-settings"
    BRIDGE_UPDATE = "bridge-update"


JobOptions: TypeAlias = ChipOptions | BridgeOptions
JobResult: TypeAlias = ChipResult | BridgeResult


class FlashFile(Wire, frozen=True):
    """One of the files of a flash."""

    firmware: str
    """SHA-256 in hex of a firmware in the store (`PUT /v1/firmware/{sha256}`)."""
    filename: str
    address: int | None = None
    """Where a raw binary goes; None is the chip's flash start."""
    kept: bool = False
    """Not given by a user: raw bytes that `keep` read from the chip, to be restored. The daemon adds it."""


class FlashOptions(Wire, frozen=True):
    """What to flash and how."""

    files: tuple[FlashFile, ...]
    """At least one; no two may give the same byte."""
    baud: int | None = 115200
    """None: the fastest at which the chip answers right, and a lower one after trouble."""
    verify: bool = True
    start: bool = True
    force: bool = False
    full: bool = False
    """Erase and write also what is in the flash already."""
    keep: bool = False
    """Read and restore what the files do not cover of the units that are erased."""
    supply_mv: int | None = None
    """The chip's VDD, for F2 and F4: they erase and program faster when they know it. None: byte by byte."""
    expect: str | None = None
    """A regular expression (Python's) that a line of the board's log must match after the start."""
    within_s: float = 10.0
    """Seconds that `expect` has, from the start on."""
    rollback: bool = False
    """If `expect` is not met, put back the image last verified on this chip; the job fails all the same."""


class JobRequest(Wire, frozen=True):
    """`POST /v1/jobs`. `bridge` is a name or an id; None is the only one known."""

    kind: JobKind
    bridge: str | None = None
    flash: FlashOptions | None = None
    """For `FLASH`, and only there."""
    options: JobOptions | None = None
    """For the kinds behind `RESET`: of the job's own kind."""
    wait: bool = True
    """Queue behind running jobs; False: fail with `busy` instead."""
    trace: bool = False
    """Keep every byte on the board's UART with its time: `GET /v1/jobs/{id}/trace`."""


@unique
class JobState(Enum):
    """A job's life; the table of moves is the daemon's `job_states.py`."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@unique
class Phase(Enum):
    """What a job is at, in this order; only READ, COMPARE, ERASE, WRITE and VERIFY have progress in bytes."""

    CONNECT = "connect"
    ENTER = "enter"
    IDENTIFY = "identify"
    CHECK = "check"
    READ = "read"
    COMPARE = "compare"
    """Which erase units hold already what they should."""
    ERASE = "erase"
    WRITE = "write"
    VERIFY = "verify"
    PROTECT = "protect"
    """Protection or option bytes are changed; the chip may reset itself."""
    START = "start"
    RECOVER = "recover"
    """Trouble: resync, read back, go on (may come between any others)."""


class TargetInfo(Wire, frozen=True):
    """What a chip said of itself; None where it could not be read."""

    product_id: int
    chip: str
    family: str
    bootloader_version: str
    commands: tuple[int, ...]
    flash_start: int
    flash_size: int | None
    flash_size_source: str
    """`chip` when the size register was read, `table` when the table's largest had to do."""
    unique_id: str | None
    read_protected: bool | None
    write_protected: str | None
    """Which sectors, in words; None: unknown; empty: none."""
    boot_options: dict[str, str]
    """Option bits that decide booting, by the reference manual's name."""
    notes: tuple[str, ...] = ()
    """Known defects and doubts that matter for this chip."""


class FlashReport(Wire, frozen=True):
    """What a finished flash did. Only what was seen is claimed."""

    target: TargetInfo
    address: int
    length: int
    """Bytes of the image."""
    written: int
    erased_units: int
    verified: bool
    started: bool | None
    """True: seen running. None: reset, but nothing was seen that proves it. False: not asked for."""
    started_evidence: str | None
    """What was seen, e.g. the first line of the log."""
    seconds: float
    """First comparison or erase to last check, by the edge's clock where it was one connection."""
    phase_seconds: dict[str, float]
    bytes_per_s: float
    line_rate_share: float
    """Wire time of the image's own bytes, as often as they were written or read, as a share of `seconds`."""
    recoveries: int
    """Times that trouble on the wire had to be mended."""
    baud: int | None = None
    """Of the bootloader, at the job's end."""
    unchanged_units: int = 0
    """Erase units that held already what they should: neither erased nor written."""
    unchanged_bytes: int = 0
    """Bytes of the image in them."""
    kept_bytes: int = 0
    """Read before the erase and restored, as `keep` asks; what was empty does not count."""
    note: str | None = None
    """What the user should know or still do, e.g. power-cycle the board."""


class DoctorCheck(Wire, frozen=True):
    """One thing that the doctor looked at."""

    name: str
    """`bridge`, `RX level`, `echo`, …"""
    ok: bool | None
    """None: it cannot be told."""
    text: str


class DoctorReport(Wire, frozen=True):
    """What the doctor found."""

    healthy: bool
    """Nothing is wrong, as far as it can be seen."""
    verdict: str
    suspects: tuple[str, ...]
    """The wires to look at, the likeliest first: `TX` and `RX` by the bridge's names; empty when healthy."""
    remedies: tuple[str, ...]
    checks: tuple[DoctorCheck, ...]
    bridge_firmware: str
    chip: str | None
    left_running: bool
    """The application was started again."""
    problem: Problem | None
    """The verdict as a problem (`wiring`), unless healthy."""


class Job(Wire, frozen=True):
    """A job and, once it has ended, what became of it."""

    id: str
    kind: JobKind
    bridge: str
    """Name of the bridge."""
    bridge_id: str | None
    state: JobState
    created_at: float
    restarts: int = 0
    """Times that a daemon found it begun and went on with it."""
    started_at: float | None = None
    ended_at: float | None = None
    flash: FlashOptions | None = None
    options: JobOptions | None = None
    problem: Problem | None = None
    report: FlashReport | None = None
    target: TargetInfo | None = None
    """The chip, for all kinds but `FLASH`, whose report has it, and `RESET`."""
    result: JobResult | None = None
    """For the kinds that have `options`."""
    doctor: DoctorReport | None = None
    """For `DOCTOR`."""
    trace: bool = False
    """Whether a trace was asked for."""


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
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


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
