"""A chip's ROM bootloader over a board's link: enter, command, stream of commands, leave.

Straight-line code for one task. After `Trouble` or `LinkLost` nothing is known of the chip's state, and
the only way on is `enter`, which resets it. Cancellation leaves the run open: call `leave` under a
shield.
"""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from itertools import chain

from stmota_daemon.caution import with_caution
from stmota_daemon.entry import (
    BY_HAND_REPEATS,
    QUICK_REPEATS,
    SYNC_REPEATS,
    Heard,
    into_application,
    into_bootloader,
    jump_to_application,
    listen,
    without_reset,
)
from stmota_daemon.link import Link, LinkLost, Run
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol import an3155
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.traits import Traits
from stmota_protocol.steps import Batch, Cause, Line, Outcome, Result, Unclaimed

LINK_WITHIN_S = 10.0
"""How long a job waits for a bridge at its start: the daemon's longest back-off between two attempts."""
LINK_BACK_WITHIN_S = 120.0
"""How long a job that has begun waits for a lost bridge: a restarted router or bridge is back by then."""
ATTEMPTS = 3
"""Resets with sync until the ROM answers GET: one for the usual case, one for a glitch, one to be sure."""


class Bootloader:
    """The ROM bootloader of one board, as one job talks to it."""

    def __init__(self, board: Board, report: Report, baud: int) -> None:
        self.settings = an3155.rom_uart(baud)
        self.version = 0
        self.commands: frozenset[int] = frozenset()
        self.has_miscounted_get = False
        self.traits: Traits | None = None
        """The ROM's habits, once the chip is known."""
        self.at_entry: an3155.Command | None = None
        """Follows each entry: what the ROM forgets at a reset."""
        self.before_leaving: an3155.Command | None = None
        """Takes that back before the chip is left without a reset."""
        self._board = board
        self._report = report
        self._link: Link | None = None
        self._run: Run | None = None
        self._link_within_s = LINK_WITHIN_S
        self._has_read = False
        """Whether READ MEMORY was used since the chip's reset."""

    @property
    def is_attached(self) -> bool:
        """Whether there has been a link, and so lines that may have been driven."""
        return self._link is not None

    @property
    def link(self) -> Link:
        """The link that the last `enter` used."""
        if self._link is None:
            message = "the bootloader has not been entered"
            raise RuntimeError(message)
        return self._link

    async def enter(self) -> None:
        """Reset into the ROM, sync, and ask what it can do, until GET is answered.

        Raises `WorkFailed`: named after what was seen when the chip does not answer, `UNREACHABLE` when the
        link does not come back.
        """
        heard = Heard(self.settings)
        attempt = 0
        while attempt < ATTEMPTS:
            link = await self.attach()
            try:
                if await self._synchronised(link, heard) and await self._answers_get(heard):
                    return
            except LinkLost:
                self._report.note("the link to the bridge was lost; waiting for it", warning=True)
                continue
            attempt += 1
            if not heard.noise and not heard.nacks and attempt == 2:
                break  # 6 s of silence: a third reset would hear the same
        raise WorkFailed(with_caution(heard.problem(self.link.identity.lines), self.traits))

    async def attach(self) -> Link:
        """Take the board's link as it is now, or wait for it. Raises `WorkFailed` (`UNREACHABLE`)."""
        self._link = await self._board.link(self._link_within_s)
        self._link_within_s = LINK_BACK_WITHIN_S
        return self._link

    async def _synchronised(self, link: Link, heard: Heard) -> bool:
        lines = link.identity.lines
        result = await self._try_sync(link, SYNC_REPEATS if lines & Line.NRST else QUICK_REPEATS)
        if result.cause is Cause.SILENCE and not lines & Line.NRST:
            self._report.note(
                "this bridge has no NRST line: reset the board now, with BOOT0 high", warning=True
            )
            result = await self._try_sync(link, BY_HAND_REPEATS)
        if result.is_done:
            return True
        self._run = None
        _check_edge(result, self.settings.baud)
        heard.add_attempt(result)
        if result.got == an3155.NACK:  # in step already: a byte was pending (AN3155 §2)
            return True
        if result.cause is Cause.WRONG_BYTE and not heard.application:
            batch = listen(lines, self._board.console)
            listened = await self._open_run(link).execute(batch)
            heard.add_application(listened.output(len(batch.steps) - 1))
        return False

    async def _try_sync(self, link: Link, repeats: int) -> Result:
        self._has_read = False
        batch = into_bootloader(link.identity.lines, self.settings, repeats)
        return await self._open_run(link).execute(batch)

    def _open_run(self, link: Link) -> Run:
        self._run = link.begin_run(Unclaimed.RESIDUE)
        return self._run

    async def _answers_get(self, heard: Heard) -> bool:
        """Ask GET; a second time after one filler byte, should the ROM hold half a command."""
        for realigned in (False, True):
            if realigned:
                await self._open_run(self.link).execute(Batch(an3155.realign()))
            try:
                reply = an3155.parse_get(await self.execute(an3155.get(self.settings)))
            except Trouble as trouble:
                heard.add_attempt(trouble.result)
            except an3155.BadReply:
                continue
            else:
                self.version, self.commands = reply.version, reply.commands
                self.has_miscounted_get = reply.is_miscounted
                return await self._is_prepared(heard)
        return False

    async def _is_prepared(self, heard: Heard) -> bool:
        try:
            if self.at_entry is not None:
                await self.execute(self.at_entry)
        except Trouble as trouble:
            heard.add_attempt(trouble.result)
            return False
        return True

    async def execute(self, command: an3155.Command) -> bytes:
        """Run one command, lock step; return its reply's data.

        A reply with parity or framing errors is trouble, as most replies have no checksum of their own.
        Raises `Trouble`, after which only commands that do no harm when misread may follow (a NACK leaves
        the ROM idle, AN3155 §3), or `LinkLost`.
        """
        packed = an3155.packed(command)
        self._has_read |= command.code is an3155.Code.READ_MEMORY
        result = await self._usable_run().execute(packed.batch)
        _, trouble = self._judged(packed, result)
        if trouble is None and result.errors:
            trouble = Trouble(command, command.reply_step, result)
        if trouble is not None:
            raise trouble
        return packed.replies(result)[0]

    async def stream(
        self, commands: Iterable[an3155.Command]
    ) -> AsyncGenerator[tuple[an3155.Packed, Result], None]:
        """Run many commands, sent ahead to the edge as far as the credit goes; yield each batch when done.

        Raises `Trouble` for the first command that fails, after yielding those of its batch that were done;
        what was sent behind it was skipped by the edge.
        """
        credit = self.link.identity.credit
        most_bytes = min(self.link.identity.max_batch, credit // 4)  # one in hand, one ready, two on the way
        most_blocks = an3155.blocks_per_batch(self.settings, most_bytes)
        run = self._usable_run()
        waiting: deque[an3155.Packed] = deque()
        for packed in chain(an3155.pack(commands, most_blocks), (None,)):
            while waiting and (packed is None or not run.has_room_for(packed.batch)):
                result = await run.result()
                done, trouble = self._judged(waiting.popleft(), result)
                if done.commands:
                    yield done, result
                if trouble is not None:
                    raise trouble
            if packed is not None:
                self._has_read |= packed.commands[0].code is an3155.Code.READ_MEMORY
                run.submit(packed.batch)
                waiting.append(packed)

    def _usable_run(self) -> Run:
        """The open run, or a new one where a failed batch stopped it."""
        if self._run is None or self._run.under_way:
            return self._open_run(self.link)
        return self._run

    def _judged(self, packed: an3155.Packed, result: Result) -> tuple[an3155.Packed, Trouble | None]:
        """The commands of a batch that were done, and what went wrong with the next."""
        if result.is_done:
            return packed, None
        self._run = None
        _check_edge(result, self.settings.baud)
        index, step = packed.locate(result.failed_step or 0)
        return an3155.packed(*packed.commands[:index]), Trouble(packed.commands[index], step, result)

    async def settle(self) -> None:
        """After a NACK: drop a second one that some ROMs send (protocol.md §6: F05x, F2, F40x, L1)."""
        await self._usable_run().execute(Batch(an3155.realign()[1:]))

    async def forget_reads(self) -> None:
        """Before writing: reset a ROM that spoils a write which follows a read. Raises as `enter` does."""
        if self._has_read and self.traits is not None and self.traits.has(DefectKind.WRITE_AFTER_READ):
            await self.enter()

    def abort(self) -> None:
        """End what the edge has in hand. Never raises, never waits."""
        if self._run is not None:
            self._run.abort()

    async def leave(self, go_address: int | None = None) -> None:
        """Start the application: by reset with BOOT0 low, or by GO where `go_address` says so.

        From here on the UART is console again. Raises `LinkLost`, or `Trouble` when GO was refused.
        """
        if go_address is not None:
            await self._take_back()
        link = self.link
        run = link.begin_run(Unclaimed.CONSOLE)
        self._run = None
        lines, console = link.identity.lines, self._board.console
        if go_address is None:
            result = await run.execute(into_application(lines, console))
            run.end()
        else:
            lacks_ack = self.traits is not None and self.traits.has(DefectKind.GO_FIRST_ACK)
            go = an3155.go(go_address, has_first_ack=not lacks_ack)
            result = await run.execute(jump_to_application(lines, go, console))
            run.end()
            if not result.is_done:
                low_steps = 1 if lines & Line.BOOT0 else 0
                raise Trouble(go, max((result.failed_step or 0) - low_steps, 0), result)
        _check_edge(result, console.baud)

    async def _take_back(self) -> None:
        if self.before_leaving is not None:
            await self.execute(self.before_leaving)

    async def stay(self) -> None:
        """Leave the chip in the ROM with BOOT0 low, for the next reset; the UART is console again."""
        await self._take_back()
        link = self.link
        run = link.begin_run(Unclaimed.CONSOLE)
        self._run = None
        await run.execute(without_reset(link.identity.lines, self._board.console))
        run.end()


def _check_edge(result: Result, baud: int) -> None:
    """Turn what only the edge's owner can mend into the job's failure."""
    if result.cause is Cause.UNSUPPORTED:
        raise WorkFailed(
            Problem(
                code=ProblemCode.FAILED,
                message=f"the bridge cannot do step {result.failed_step} of this batch at {baud} baud",
                remedy="try another --baud; a bridge on a plain socket:// port cannot change parity or baud",
                step="configure",
            )
        )
    if result.cause is Cause.PORT:
        raise WorkFailed(
            Problem(
                code=ProblemCode.UNREACHABLE,
                message="the bridge's serial port failed",
                remedy="was its adapter unplugged? Check it at the bridge, then try again",
                step="port",
            )
        )
    if result.outcome is Outcome.ABORTED:
        raise LinkLost
