"""What came instead of the answer to a command, in words: the same in a job's problem and in its trace."""

from stmota_protocol.an3155 import NACK
from stmota_protocol.steps import Cause, Expect, LineErrors, Outcome, Receive, ReceiveCounted, Result, Step

_PARTS = ("the command", "the address or count", "the data")


def what_came(index: int, step: Step, result: Result) -> str:
    """Say what came instead: `no answer to the data in 0.5 s`, `NACK (0x1F) in answer to the address`.

    `step` is the one that failed, `index` its number within the command.
    """
    if result.outcome is Outcome.ABORTED:
        return "aborted"
    part = _PARTS[min(index // 2, len(_PARTS) - 1)]
    said = {
        Cause.SILENCE: f"no answer to {part} in {_within_s(step):g} s",
        Cause.WRONG_BYTE: _wrong_byte(result.got, part),
        Cause.ECHO: "the line did not return what was sent; is it really a half-duplex line with echo?",
        Cause.CAP: f"the chip announced {result.got} bytes, more than its reply can have",
        Cause.UNSUPPORTED: "the bridge cannot execute this step",
        Cause.PORT: "the bridge's serial port failed; was its adapter unplugged?",
    }
    text = said.get(result.cause, "the batch failed") if result.cause else "the reply was garbled"
    return text + errors_text(result.errors)


def _wrong_byte(got: int | None, part: str) -> str:
    if got is None:
        return f"a wrong byte in answer to {part}"
    name = "NACK (0x1F)" if got == NACK else f"0x{got:02X} instead of ACK"
    return f"{name} in answer to {part}"


def _within_s(step: Step) -> float:
    if isinstance(step, Expect | Receive | ReceiveCounted):
        return round(step.within_us / 1e6, 2)
    return 0.0


def errors_text(errors: LineErrors) -> str:
    """` (3 parity errors, 1 overrun)`, or nothing."""
    kinds = (
        (errors.parity, "parity error"),
        (errors.framing, "framing error"),
        (errors.overrun, "overrun"),
    )
    found = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in kinds if count]
    return f" ({', '.join(found)})" if found else ""
