"""What `stmota` exits with, for people; docs/exit-codes.md says the same with the problems behind each."""

from stmota_protocol.api import ExitCode

MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage: an option, a file or a bridge that is not there",
    ExitCode.NO_DAEMON: "no daemon answers, or one of another version",
    ExitCode.NOT_ALLOWED: "not allowed",
    ExitCode.BUSY: "the bridge is busy or held by somebody else",
    ExitCode.UNREACHABLE: "the bridge cannot be reached",
    ExitCode.VERIFY_FAILED: "the flash holds something else than was written",
    ExitCode.REFUSED: "refused before the chip was touched",
    ExitCode.INTERRUPTED: "interrupted, or the job was cancelled",
}

EPILOG = "\n".join(["\b", "Exit codes:", *(f"  {code.value:<4} {text}" for code, text in MEANINGS.items())])
"""For `stmota --help`; the `\\b` keeps the lines."""
