"""What went wrong on the wire between the edge and the chip, in words that say which step and what came."""

from stmota_protocol.an3155 import NACK, Command
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.steps import Cause, Expect, LineErrors, Outcome, Receive, ReceiveCounted, Result

_PARTS = ("the command", "the address or count", "the data")


class Trouble(Exception):
    """A command of the ROM failed: nothing is known of the chip's state until it is reset and read back."""

    def __init__(self, command: Command, step: int, result: Result) -> None:
        self.command = command
        self.step = step
        self.result = result
        super().__init__(f"{command}: {what_came(command, step, result)}")

    @property
    def was_refused(self) -> bool:
        """Whether the chip said NACK, rather than nothing or nonsense."""
        return self.result.cause is Cause.WRONG_BYTE and self.result.got == NACK

    @property
    def was_refused_at_once(self) -> bool:
        """Whether the NACK came for the command itself: the ROM does not allow it now (AN3155: RDP)."""
        return self.was_refused and self.step == 1

    def problem(self, remedy: str | None = None) -> Problem:
        """The failure as the user is to see it."""
        result = self.result
        return Problem(
            code=ProblemCode.FAILED,
            message=str(self),
            remedy=remedy or _remedy(result),
            step=self.command.code.title,
            address=self.command.address,
            expected="ACK (0x79)" if isinstance(self.command.steps[self.step], Expect) else None,
            got="nothing" if result.got is None else f"0x{result.got:02X}",
        )


def what_came(command: Command, step: int, result: Result) -> str:
    """Say what came instead: `no answer to the data in 0.5 s`, `NACK (0x1F) in answer to the address`."""
    if result.outcome is Outcome.ABORTED:
        return "aborted"
    part = _PARTS[min(step // 2, len(_PARTS) - 1)]
    said = {
        Cause.SILENCE: f"no answer to {part} in {_within_s(command, step):g} s",
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


def _within_s(command: Command, step: int) -> float:
    awaited = command.steps[step]
    if isinstance(awaited, Expect | Receive | ReceiveCounted):
        return round(awaited.within_us / 1e6, 2)
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


def _remedy(result: Result) -> str:
    if result.cause is Cause.PORT:
        return "check the adapter at the bridge, then try again"
    if result.errors or result.cause is Cause.WRONG_BYTE:
        return "check ground and the length of the wires, or try a lower --baud"
    return "check the wiring and the board's supply, or try a lower --baud"
