"""Many commands that change nothing, asked at wire speed until each one is answered."""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.pace import Meter, Pace
from stmota_daemon.recovery import Recovery
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155, an3155_batches
from stmota_protocol.api import Phase, Problem, ProblemCode
from stmota_protocol.steps import Result


class Asking:
    """Asks one chip, through trouble on the wire, and measures how fast that goes."""

    def __init__(self, bootloader: Bootloader, report: Report, recovery: Recovery) -> None:
        self.pace = Pace()
        self.wire_us = 0
        """Wire time of the replies' own bytes."""
        self._bootloader = bootloader
        self._report = report
        self._recovery = recovery
        self._refused: an3155.Command | None = None

    async def ask(
        self, phase: Phase, text: str, commands: Iterable[an3155.Command]
    ) -> AsyncGenerator[tuple[an3155.Command, bytes], None]:
        """Yield each command with its reply, in order.

        Raises `WorkFailed` for one that the chip refuses twice, or when the line is too bad.
        """
        left = deque(commands)
        total = sum(command.length for command in left)
        done = 0
        while left:
            self._report.phase(phase, total, text)
            meter = self.pace.meter(phase, self._report)
            try:
                async with aclosing(self._bootloader.stream(tuple(left))) as answers:
                    async for packed, result in answers:
                        replies = self._replies(packed, result)
                        done += self._count(meter, packed, result, done)
                        for command, reply in replies:
                            left.popleft()
                            yield command, reply
            except (Trouble, LinkLost) as trouble:
                await self._recover(trouble)

    def _replies(self, packed: an3155_batches.Packed, result: Result) -> list[tuple[an3155.Command, bytes]]:
        """Raises `Trouble` for replies that were garbled: most have no checksum of their own."""
        if result.errors:
            raise Trouble(packed.commands[0], packed.commands[0].reply_step, result)
        return list(zip(packed.commands, packed.replies(result), strict=True))

    def _count(self, meter: Meter, packed: an3155_batches.Packed, result: Result, done: int) -> int:
        self._recovery.progressed()
        length = sum(command.length for command in packed.commands)
        is_read = packed.commands[0].code is an3155.Code.READ_MEMORY
        wire_us = self._bootloader.settings.wire_time_us(length) if is_read else 0
        self.wire_us += wire_us
        meter.add(length, wire_us, result, done + length)
        return length

    async def _recover(self, trouble: Trouble | LinkLost) -> None:
        if isinstance(trouble, Trouble) and trouble.was_refused:
            if trouble.command == self._refused:  # the second NACK is no accident of the line
                raise WorkFailed(_refusal(trouble)) from trouble
            self._refused = trouble.command
        self.pace.interrupted()
        await self._recovery.recover(trouble)


def _refusal(trouble: Trouble) -> Problem:
    """The chip said NACK twice to the same command."""
    if trouble.was_refused_at_once:
        return Problem(
            code=ProblemCode.PROTECTED,
            message=str(trouble),
            remedy="the chip is protected against being read: `stmota unprotect readout` lifts that, and"
            " erases the whole chip",
            step=trouble.command.code.title,
            address=trouble.command.address,
        )
    return Problem(
        code=ProblemCode.DOES_NOT_FIT,
        message=str(trouble),
        remedy="the chip has no memory there, or its ROM does not show it: look at the range",
        step=trouble.command.code.title,
        address=trouble.command.address,
        got="0x1F",
    )
