"""A doctor's hands: what is done at the board, step by step, and what it shows."""

from stmota_daemon.doctor_evidence import Answer, Evidence, is_heard
from stmota_daemon.entry import (
    BY_HAND_EVERY_US,
    BY_HAND_FOR_US,
    QUICK_EVERY_US,
    QUICK_REPEATS,
    RESET_LOW_US,
    START_UP_US,
    SYNC_FOR_US,
    Asking,
    into_application,
    into_bootloader,
    jump_to_application,
    listen,
    rom_settings,
    without_reset,
)
from stmota_daemon.link import Link, LinkLost, Run
from stmota_daemon.work import Report, WorkFailed
from stmota_protocol import an3155, an3155_batches
from stmota_protocol.answers import what_came
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips import Chip, chip_by_product_id
from stmota_protocol.chips.traits import traits
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Discard,
    Line,
    Outcome,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Unclaimed,
    Wait,
)

ASK_BAUD = 115_200
"""The highest rate that ST tests on all families (AN3155)."""
SLOWER_BAUDS = (57_600, 19_200, 9_600)
"""Tried where something comes that is no answer: long wires and slow opto-couplers pass these."""
LOOKS = 16
LOOK_EVERY_US = 1_300
"""No multiple of a byte time at a usual rate: a line that talks is high at one of them."""
LISTEN_US = 1_200_000
"""An application that says something each second is heard."""
RETURN_US = 100_000
"""For own bytes to come back: six latency timers of an FTDI adapter (16 ms)."""
BLANK = (b"\xff" * 4, b"\x00" * 4)
"""First word of an erased flash: L0 and L1 erase to zeros (RM0367, RM0038)."""
AFTER_RETURN = 3
"""Tries, a second each, until a ROM that starts slowly has answered on a line that returns what is sent."""

_BY_RESET = Asking.spread(SYNC_FOR_US, an3155.SYNC_EVERY_US)
_AT_ONCE = Asking(QUICK_REPEATS, QUICK_EVERY_US)
_BY_HAND = Asking.spread(BY_HAND_FOR_US, BY_HAND_EVERY_US)


class Examination:
    """One board, examined by one task. Methods raise `LinkLost`; `WorkFailed` when the edge's port fails."""

    def __init__(self, link: Link, console: UartSettings, report: Report) -> None:
        self.seen = Evidence(lines=link.identity.lines)
        self.left_running = False
        """Whether the chip was told to start its application at the end."""
        self._link = link
        self._console = console
        self._report = report
        self._run: Run | None = None
        self._chip: Chip | None = None

    @property
    def _rom(self) -> UartSettings:
        return rom_settings(self.seen.baud or ASK_BAUD, self._console)

    async def look(self) -> None:
        """Read the levels as they are, and listen at the console's settings."""
        steps: list[Step] = [Configure(self._console)]
        if self.seen.lines & Line.NRST:
            steps.append(SetLines(Line.NRST, Line.NRST))
        result = await self._execute([*steps, _listen()])
        self.seen.heard_before = result.output(len(steps))
        self.seen.readable, self.seen.idle = await self._levels()

    async def _levels(self) -> tuple[Line, Line]:
        """Lines that can be read, and those that were high at any of some looks."""
        result = await self._execute([step for _ in range(LOOKS) for step in (Sense(), Wait(LOOK_EVERY_US))])
        readable = high = Line(0)
        for output in result.outputs:
            if len(output.data) == 2:
                readable, high = Line(output.data[0]), high | Line(output.data[1])
        return readable, high

    async def hold_and_start(self) -> None:
        """Hold NRST low and listen, then start the application and listen."""
        lines, seen = self.seen.lines, self.seen
        if not lines & Line.NRST:
            return
        low = SetLines(lines & (Line.NRST | Line.BOOT0), Line(0))
        settled = Discard(quiet_us=1_000, within_us=50_000)
        held = await self._execute([low, Configure(self._console), Wait(RESET_LOW_US), settled, _listen()])
        seen.heard_held = held.output(4)
        released = SetLines(Line.NRST, Line.NRST)
        seen.heard_after = (await self._execute([released, _listen()])).output(1)

    async def enter(self) -> None:
        """Reset with BOOT0 high, or wait for somebody to, and send 0x7F; at lower rates after noise."""
        for baud in (ASK_BAUD, *SLOWER_BAUDS):
            self.seen.baud = baud
            await self._ask_to_sync()
            if self.seen.answer is not Answer.NOISE or is_heard(self.seen.heard_in_rom):
                return

    async def _ask_to_sync(self) -> None:
        seen, lines = self.seen, self.seen.lines
        result = await self._sync(_BY_RESET if lines & Line.NRST else _AT_ONCE)
        if result.cause is Cause.SILENCE and not lines & Line.NRST:
            self._report.note(
                "this bridge has no NRST line: reset the board now, with BOOT0 high", warning=True
            )
            result = await self._sync(_BY_HAND)
        seen.answer = _answer(result)
        seen.returns = result.got == an3155.SYNC
        if seen.returns:
            seen.answer = await self._answer_behind_returned_bytes()
        elif seen.answer is Answer.NOISE:
            got = b"" if result.got is None else bytes((result.got & 0xFF,))
            seen.noise, seen.errors = got + result.residue, result.errors
            batch = listen(lines, self._console)
            heard = await self._execute(batch.steps)
            seen.heard_in_rom = heard.output(len(batch.steps) - 1)

    async def _sync(self, asking: Asking) -> Result:
        return await self._execute(into_bootloader(self.seen.lines, self._rom, asking).steps)

    async def _answer_behind_returned_bytes(self) -> Answer:
        """Whether the ROM answers on a line that returns what is sent: 0x7F twice brings an ACK or a NACK."""
        heard = ReceiveUntilQuiet(RETURN_US, cap=16, within_us=1_000_000)
        for _ in range(AFTER_RETURN):
            result = await self._execute([Send(bytes((an3155.SYNC,)) * 2), heard])
            answers = result.output(1).replace(bytes((an3155.SYNC,)), b"")
            if answers[:1] in {bytes((an3155.ACK,)), bytes((an3155.NACK,))}:
                return Answer.ACK
        return Answer.SILENCE

    async def ask(self) -> None:
        """GET, GET ID and the first word of flash: bytes in which parity counts."""
        if self.seen.answer is Answer.NACK:
            await self._execute(an3155.realign())
        reply = await self._command(an3155.get(self._rom))
        if reply is None:
            return
        self.seen.get_failure = None
        product_id = await self._command(an3155.get_id())
        if product_id is None:
            return
        self._chip = chip_by_product_id(an3155.parse_get_id(product_id))
        if self._chip is None:
            return
        self.seen.chip = self._chip.name
        self.seen.boots_rom_when_blank = traits(self._chip, None).empty_check
        failure = self.seen.get_failure
        word = await self._command(an3155.read_memory(self._chip.flash_start, 4, self._rom))
        self.seen.get_failure = failure  # a protected chip refuses to be read
        self.seen.has_blank_flash = word in BLANK if word is not None else None

    async def _command(self, command: an3155.Command) -> bytes | None:
        """Run a command; None when it failed, which is kept."""
        packed = an3155_batches.packed(command)
        result = await self._execute(packed.batch.steps)
        if result.is_done and not result.errors:
            return packed.replies(result)[0]
        step = result.failed_step or 0
        self.seen.get_failure = what_came(step, command.steps[step], result)
        return None

    async def ask_while_held(self) -> None:
        """Drive NRST low and ask: a chip that answers is not in reset."""
        if not self.seen.lines & Line.NRST or self.seen.get_failure is not None:
            return
        low = (SetLines(Line.NRST, Line(0)), Wait(RESET_LOW_US))
        result = await self._execute([*low, *an3155.get_id().steps])
        self.seen.answered_while_held = result.is_done

    async def try_boot0_low(self) -> None:
        """Reset with BOOT0 low: the ROM must not answer then. An application that was heard says it, too."""
        lines, seen = self.seen.lines, self.seen
        if lines & (Line.NRST | Line.BOOT0) != Line.NRST | Line.BOOT0 or is_heard(seen.heard_after):
            return
        settled = Discard(quiet_us=1_000, within_us=50_000)
        reset = into_application(lines, self._rom).steps
        sync = an3155.synchronise(_BY_RESET.repeats)
        result = await self._execute([*reset, Wait(START_UP_US), settled, *sync])
        seen.rom_without_boot0 = _answer(result) in {Answer.ACK, Answer.NACK}

    async def leave(self) -> None:
        """Start the application, by GO where the bridge cannot reset; the UART is console again."""
        lines = self.seen.lines
        can_go = self.seen.is_in_rom and self._chip is not None and self.seen.has_blank_flash is False
        if lines & Line.NRST:
            batch = into_application(lines, self._console)
        elif can_go and self._chip is not None:
            batch = jump_to_application(lines, an3155.go(self._chip.flash_start), self._console)
        else:
            batch = without_reset(lines, self._console)
        self._run = self._link.begin_run(Unclaimed.CONSOLE)
        result = await self._run.execute(batch)
        self._run.end()
        self.left_running = result.is_done and (bool(lines & Line.NRST) or can_go or not self.seen.is_in_rom)

    def abort(self) -> None:
        """End what the edge has in hand. Never raises, never waits."""
        if self._run is not None:
            self._run.abort()

    async def _execute(self, steps: "list[Step] | tuple[Step, ...]") -> Result:
        self._run = self._link.begin_run(Unclaimed.RESIDUE)
        result = await self._run.execute(Batch(tuple(steps)))
        if result.outcome is Outcome.ABORTED:
            raise LinkLost
        if result.cause is Cause.PORT:
            raise WorkFailed(_port_failed())
        return result


def _listen() -> ReceiveUntilQuiet:
    return ReceiveUntilQuiet(quiet_us=LISTEN_US, cap=64, within_us=LISTEN_US)


def _answer(result: Result) -> Answer:
    if result.is_done:
        return Answer.ACK
    if result.cause is Cause.UNSUPPORTED:
        return Answer.NO_PARITY
    if result.cause is Cause.WRONG_BYTE:
        return Answer.NACK if result.got == an3155.NACK else Answer.NOISE
    return Answer.SILENCE


def _port_failed() -> Problem:
    return Problem(
        code=ProblemCode.UNREACHABLE,
        message="the bridge's serial port failed",
        remedy="was its adapter unplugged? Check it at the bridge, then ask the doctor again",
        step="port",
    )
