"""What each failure means: to the user, and as `stmota`'s exit code."""

from enum import Enum, unique

from stmota_protocol.api.wire import Wire


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
    SECURED_ELSEWHERE = "secured-elsewhere"
    """The bridge is in secure mode, and another daemon's."""
    NOT_SECURE = "not-secure"
    """What answers for a secured bridge is not it, or was reset: nothing was said to it."""
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
    ProblemCode.SECURED_ELSEWHERE: ExitCode.NOT_ALLOWED,
    ProblemCode.NOT_SECURE: ExitCode.NOT_ALLOWED,
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
