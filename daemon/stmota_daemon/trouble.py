"""What went wrong on the wire between the edge and the chip, in words that say which step and what came."""

from stmota_protocol.an3155 import NACK, Command
from stmota_protocol.answers import what_came
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.steps import Cause, Expect, Result


class Trouble(Exception):
    """A command of the ROM failed: nothing is known of the chip's state until it is reset and read back."""

    def __init__(self, command: Command, step: int, result: Result) -> None:
        self.command = command
        self.step = step
        self.result = result
        super().__init__(f"{command}: {what_came(step, command.steps[step], result)}")

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


def _remedy(result: Result) -> str:
    if result.cause is Cause.PORT:
        return "check the adapter at the bridge, then try again"
    if result.errors or result.cause is Cause.WRONG_BYTE:
        return "check ground and the length of the wires, or try a lower --baud"
    return "check the wiring and the board's supply, or try a lower --baud"
