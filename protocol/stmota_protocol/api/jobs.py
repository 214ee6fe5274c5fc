"""Jobs: what is asked for, what they are at, and what became of them."""

from enum import Enum, unique
from typing import TypeAlias

from stmota_protocol.api.bridge_work import BridgeOptions, BridgeResult
from stmota_protocol.api.chip_work import ChipOptions, ChipResult
from stmota_protocol.api.doctor import DoctorReport
from stmota_protocol.api.flash import FlashOptions, FlashReport
from stmota_protocol.api.problems import Problem
from stmota_protocol.api.target import TargetInfo
from stmota_protocol.api.wire import Wire


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
    """What a job is at, in this order; only READ, COMPARE, ERASE, WRITE, VERIFY and SEND count bytes."""

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
    SEND = "send"
    """An image goes to the bridge itself, over the network: no byte of it crosses the line to the target."""
    PROTECT = "protect"
    """Protection or option bytes are changed; the chip may reset itself."""
    START = "start"
    RECOVER = "recover"
    """Trouble: resync, read back, go on (may come between any others)."""


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


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
