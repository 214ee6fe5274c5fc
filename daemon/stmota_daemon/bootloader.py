"""A chip's ROM bootloader over a board's link: enter, command, stream of commands, leave.

Straight-line code for one task. After `Trouble` or `LinkLost` nothing is known of the chip's state, and
the only way on is `enter`, which resets it. Cancellation leaves the run open: call `leave` under a
shield.
"""

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from itertools import chain

from stmota_daemon.caution import with_caution
from stmota_daemon.edge_trouble import RateRefused, check_edge, not_out_of_an_erase
from stmota_daemon.entry import (
    BY_HAND_EVERY_US,
    BY_HAND_FOR_US,
    QUICK_EVERY_US,
    QUICK_REPEATS,
    SYNC_FOR_US,
    Asking,
    Heard,
    ask_every_us,
    into_application,
    into_bootloader,
    jump_to_application,
    listen,
    rom_settings,
    without_reset,
)
from stmota_daemon.link import Link, LinkLost, Run
from stmota_daemon.other_dialect import chip_of_other_dialect, refused
from stmota_daemon.rates import Rates
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Board, Report, WorkFailed
from stmota_protocol import an3155, an3155_batches
from stmota_protocol.api import Problem
from stmota_protocol.chips.defects import DefectKind
from stmota_protocol.chips.traits import Traits, traits
from stmota_protocol.steps import Batch, Cause, Line, Result, UartSettings, Unclaimed

LINK_WITHIN_S = 10.0
"""How long a job waits for a bridge at its start: the daemon's longest back-off between two attempts."""
LINK_BACK_WITHIN_S = 120.0
"""How long a job that has begun waits for a lost bridge: a restarted router or bridge is back by then."""
ATTEMPTS = 3
"""Resets with sync until the ROM answers GET: one for the usual case, one for a glitch, one to be sure."""
ATTEMPTS_AT_A_GUESS = 2
"""The same at a rate that is only being tried."""
ANSWERS_MAY_BE_LATE_US = (0, 50_000, 250_000)
"""By attempt: a port behind a network that nobody could measure shows itself by answers out of step."""

_TAKES_UNITS = an3155.ERASES | {an3155.Code.WRITE_PROTECT}
"""Commands whose arguments are numbers of erase units: half of them given, any byte may name one more."""


class Bootloader:
    """The ROM bootloader of one board, as one job talks to it."""

    def __init__(self, board: Board, report: Report, baud: int | None) -> None:
        """`baud` None: the fastest that works."""
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
        self._rates = Rates(baud, board.known_chip)
        self._answer_delay_us = 0
        self._is_amid_erase = False

    @property
    def settings(self) -> UartSettings:
        """How the ROM is talked to now."""
        return rom_settings(self._rates.baud, self._board.console)

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
        """Reset into the ROM, sync, and ask what it can do, until GET is answered; at lower rates if need be.

        Raises `WorkFailed`: named after what was seen when the chip does not answer, `UNREACHABLE` when the
        link does not come back.
        """
        searched = self._rates.is_searching
        while (problem := await self._failure_to_enter()) is not None:
            if not (self._rates.may_be_to_blame(problem) and self._rates.step_down()):
                raise WorkFailed(problem)
            self._report.note(f"{problem.message}; trying {self._rates.baud} baud", warning=not searched)
        self._rates.worked()
        if searched:
            self._report.note(f"the bootloader answers at {self._rates.baud} baud")

    def step_down(self) -> bool:
        """Talk more slowly from the next `enter` on; False when there is no lower rate to try."""
        return self._rates.step_down()

    async def _failure_to_enter(self) -> Problem | None:
        """Enter at the present rate; return why that failed, None when it did not. Raises `WorkFailed`."""
        heard = Heard(self.settings, self._board.known_chip)
        attempt = 0
        most = ATTEMPTS_AT_A_GUESS if self._rates.is_guess else ATTEMPTS
        while attempt < most:
            link = await self.attach()
            self._check_can_reset(link)
            try:
                if await self._synchronised(link, heard) and await self._answers_get(heard):
                    return None
            except LinkLost:
                self._report.note("the link to the bridge was lost; waiting for it", warning=True)
                continue
            except RateRefused as refused:
                return refused.problem
            attempt += 1
            if not heard.noise and not heard.nacks and (attempt == 2 or not link.identity.lines & Line.NRST):
                break  # 6 s of silence, or 30 s by hand: once more would hear the same
            self._answer_delay_us = max(self._answer_delay_us, ANSWERS_MAY_BE_LATE_US[attempt % ATTEMPTS])
        if heard.was_acknowledged:
            await self._refuse_other_dialect()
        return with_caution(heard.problem(self.link.identity.lines), self.traits or self._known_traits())

    def _known_traits(self) -> Traits | None:
        """What holds for the chip that this board had last time."""
        chip = self._board.known_chip
        return None if chip is None else traits(chip, None)

    def _check_can_reset(self, link: Link) -> None:
        """Refuse to talk to a ROM that may wait for an erase's arguments, where only a reset ends that."""
        if self._is_amid_erase and not link.identity.lines & Line.NRST:
            raise WorkFailed(not_out_of_an_erase())
        self._is_amid_erase = False

    async def _refuse_other_dialect(self) -> None:
        """The sync was acknowledged and GET never answered: name a chip that speaks otherwise."""
        with suppress(LinkLost):
            self._run = None
            chip = await chip_of_other_dialect(self.link, self.settings)
            if chip is not None:
                raise WorkFailed(refused(chip))

    async def attach(self) -> Link:
        """Take the board's link as it is now, or wait for it. Raises `WorkFailed` (`UNREACHABLE`)."""
        self._link = await self._board.link(self._link_within_s)
        self._link_within_s = LINK_BACK_WITHIN_S
        return self._link

    async def _synchronised(self, link: Link, heard: Heard) -> bool:
        lines = link.identity.lines
        every_us = ask_every_us(max(link.answer_delay_us, self._answer_delay_us))
        asking = Asking(QUICK_REPEATS, max(every_us, QUICK_EVERY_US))
        if lines & Line.NRST:
            asking = Asking.spread(self._rates.sync_for_us(SYNC_FOR_US), every_us)
        result = await self._try_sync(link, asking)
        if result.cause is Cause.SILENCE and not lines & Line.NRST:
            self._report.note(
                "this bridge has no NRST line: reset the board now, with BOOT0 high", warning=True
            )
            result = await self._try_sync(
                link, Asking.spread(BY_HAND_FOR_US, max(every_us, BY_HAND_EVERY_US))
            )
        if result.is_done:
            heard.was_acknowledged = True
            return True
        self._run = None
        check_edge(result, self.settings)
        heard.add_attempt(result)
        if result.got == an3155.NACK:  # in step already: a byte was pending (AN3155 §2)
            return True
        if result.cause is Cause.WRONG_BYTE and not heard.application and not self._rates.is_guess:
            batch = listen(lines, self._board.console)
            listened = await self._open_run(link).execute(batch)
            heard.add_application(listened.output(len(batch.steps) - 1))
        return False

    async def _try_sync(self, link: Link, asking: Asking) -> Result:
        self._has_read = False
        batch = into_bootloader(link.identity.lines, self.settings, asking)
        return await self._open_run(link).execute(batch)

    def _open_run(self, link: Link) -> Run:
        self._run = link.begin_run(Unclaimed.RESIDUE)
        return self._run

    async def _answers_get(self, heard: Heard) -> bool:
        """Ask GET; a second time after one filler byte, should the ROM hold half a command."""
        delay_us = max(self.link.answer_delay_us, self._answer_delay_us)
        for realigned in (False, True):
            if realigned:
                await self._open_run(self.link).execute(Batch(an3155.realign(ask_every_us(delay_us))))
            try:
                replies = [await self._get(delay_us) for _ in range(self._rates.gets)]
            except Trouble as trouble:
                heard.add_attempt(trouble.result)
            except an3155.BadReply:
                continue
            else:
                self.version, self.commands = replies[0].version, replies[0].commands
                self.has_miscounted_get = replies[0].is_miscounted
                return replies.count(replies[0]) == len(replies) and await self._is_prepared(heard)
        return False

    async def _get(self, answer_delay_us: int) -> an3155.GetReply:
        return an3155.parse_get(await self.execute(an3155.get(self.settings, answer_delay_us)))

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
        packed = an3155_batches.packed(command)
        self._has_read |= command.code is an3155.Code.READ_MEMORY
        result = await self._usable_run().execute(packed.batch)
        _, trouble = self._judged(packed, result)
        if trouble is None and result.errors:
            trouble = Trouble(command, command.reply_step, result)
        if trouble is not None:
            raise trouble
        return packed.replies(result)[0]

    async def stream(
        self, commands: Iterable[an3155.Command], most_ahead_us: int | None = None
    ) -> AsyncGenerator[tuple[an3155_batches.Packed, Result], None]:
        """Run many commands, sent ahead to the edge as far as the credit goes; yield each batch when done.

        `most_ahead_us`: blocks of no more wire time than that are sent ahead, as they may turn out idle.
        Raises `Trouble` for the first command that fails, after yielding those of its batch that were done;
        what was sent behind it was skipped by the edge.
        """
        credit = self.link.identity.credit
        most_bytes = min(self.link.identity.max_batch, credit // 4)  # one in hand, one ready, two on the way
        most_blocks = an3155_batches.blocks_per_batch(self.settings, most_bytes)
        most_batches = None
        if most_ahead_us is not None:
            most_batches = 3  # one in hand, one ready, one on the way
            few = most_ahead_us // (most_batches * self.settings.wire_time_us(an3155.MAX_BLOCK))
            most_blocks = max(1, min(most_blocks, few))
        run = self._usable_run()
        waiting: deque[an3155_batches.Packed] = deque()
        for packed in chain(an3155_batches.pack(commands, most_blocks), (None,)):
            while waiting and (
                packed is None or len(waiting) == most_batches or not run.has_room_for(packed.batch)
            ):
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

    def _judged(
        self, packed: an3155_batches.Packed, result: Result
    ) -> tuple[an3155_batches.Packed, Trouble | None]:
        """The commands of a batch that were done, and what went wrong with the next."""
        if result.is_done:
            return packed, None
        self._run = None
        check_edge(result, self.settings)
        index, step = packed.locate(result.failed_step or 0)
        self._is_amid_erase = packed.commands[index].code in _TAKES_UNITS
        return an3155_batches.packed(*packed.commands[:index]), Trouble(packed.commands[index], step, result)

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
        check_edge(result, console)

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
