"""Which erase units hold already what they should: found for less than it costs to write them, or not at all.

First samples, a few bytes of every so manieth block, in one round trip: where they all differ, that was it.
Then the units that samples speak for, each up to its first difference; a few at first, and the others only
if one of these was unchanged. The unit with the vector table comes last, because it is erased if anything
else changes. What the daemon remembers of this chip saves questions, and is believed only where the chip
agrees.
"""

from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.link import LinkLost
from stmota_daemon.pace import Pace
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.work import Report
from stmota_protocol import an3155
from stmota_protocol.api import Phase
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.comparison import (
    FIRST_SHARE,
    FIRST_UNITS,
    OVERHEAD_SHARE,
    Evidence,
    Question,
    UnitContent,
    questions,
    samples,
)
from stmota_protocol.costs import Costs

MOST_TROUBLES = 3
"""On a line worse than that everything is written: a flash must not fail over a comparison."""
BLOCKS_AHEAD = 6
"""Reads sent ahead beyond what a round trip needs: a difference soon stops those behind it."""


class Comparison:
    """Compares one chip with what it is to hold, once. Never raises `Trouble` or `LinkLost`."""

    def __init__(
        self,
        bootloader: Bootloader,
        report: Report,
        target: Target,
        contents: Sequence[UnitContent],
        remembered: Mapping[int, str],
        pace: Pace,
        *,
        verify: bool,
    ) -> None:
        """`contents`: all of the image, the vector table's unit first; `remembered`: `Memory.held`."""
        self.troubles = 0
        self.read_bytes = 0
        self._pace = pace
        self._bootloader = bootloader
        self._report = report
        self._contents = contents
        self._remembered = remembered
        self._verify = verify
        self._by_checksum = an3155.Code.GET_CHECKSUM in target.commands
        self._costs = Costs(bootloader.settings, target.chip, round(bootloader.link.clock.round_trip_s * 1e6))
        self._full_us = sum(map(self._redo_us, contents))
        self._unchanged: set[EraseUnit] = set()
        self._changed: set[EraseUnit] = set()
        self._balance_us = 0  # what unchanged units save, less what asking for changed ones has cost
        self._done = 0

    async def run(self) -> frozenset[EraseUnit]:
        """Return the units that need neither erase nor write. Raises `WorkFailed` for a chip or link gone."""
        asked = samples(self._contents, self._costs, verify=self._verify)
        if not self._is_worth(asked):
            return frozenset()
        evidence = await self._sampled(asked)
        if evidence is None or evidence.is_all_different:
            return frozenset()
        first, *others = self._contents
        if not self._agrees(evidence):
            self._remembered = dict[int, str]()
        candidates = [one for one in others if evidence.speaks_for(one.unit) and not self._differs(one)]
        trial = [] if self._remembered else self._first_few(candidates)
        await self._compare(trial, may_waste_us=self._full_us)
        if self._unchanged or not trial:
            await self._compare(candidates, may_waste_us=round(self._full_us * FIRST_SHARE))
        may_be_all = evidence.speaks_for(first.unit) and not self._differs(first)
        if may_be_all and len(self._unchanged) == len(others):
            await self._compare([first], may_waste_us=self._full_us)
        return self._result(first.unit)

    def _result(self, first: EraseUnit) -> frozenset[EraseUnit]:
        if len(self._unchanged) < len(self._contents):
            self._unchanged.discard(first)
        return frozenset(self._unchanged)

    def _is_worth(self, asked: Iterable[Question]) -> bool:
        """Whether what is sure to be spent is little, or less than the memory promises to be saved."""
        overhead_us = sum(question.cost_us for question in asked) + self._costs.round_trip_us
        promised_us = sum(self._gain_us(one) for one in self._contents if self._is_promised(one))
        return overhead_us <= max(self._full_us * OVERHEAD_SHARE, promised_us)

    def _redo_us(self, content: UnitContent) -> int:
        return self._costs.redo_us(content.unit.size, content.lengths, verify=self._verify)

    def _asking_us(self, content: UnitContent) -> int:
        asked = questions(content, self._costs, by_checksum=self._by_checksum)
        return sum(question.cost_us for question in asked)

    def _gain_us(self, content: UnitContent) -> int:
        return self._redo_us(content) - self._asking_us(content)

    def _is_promised(self, content: UnitContent) -> bool:
        remembered = self._remembered.get(content.unit.address)
        return remembered is not None and remembered == content.digest()

    def _differs(self, content: UnitContent) -> bool:
        """Whether the memory says that the unit holds something else."""
        return content.unit.address in self._remembered and not self._is_promised(content)

    def _agrees(self, evidence: Evidence) -> bool:
        """Whether the chip's samples bear out what is remembered: else somebody else has been at it."""
        others = self._contents[1:]  # an interrupted flash leaves the first unit without its first block
        return all(evidence.speaks_for(one.unit) for one in others if self._is_promised(one))

    def _first_few(self, candidates: Sequence[UnitContent]) -> list[UnitContent]:
        """The cheapest to ask for, as many as cost `FIRST_SHARE`, at least `FIRST_UNITS`."""
        left_us = self._full_us * FIRST_SHARE
        found: list[UnitContent] = []
        for content in sorted(candidates, key=self._asking_us):
            left_us -= self._asking_us(content)
            if len(found) >= FIRST_UNITS and left_us < 0:
                break
            found.append(content)
        return found

    async def _sampled(self, asked: Sequence[Question]) -> Evidence | None:
        """Ask for samples; None when the line would not have it."""
        self._report.phase(Phase.COMPARE, 0, "looking at what the chip holds")
        while self.troubles < MOST_TROUBLES:
            evidence = Evidence()
            try:
                async with aclosing(self._answered(iter(asked), None)) as answers:
                    async for question, is_equal in answers:
                        evidence.add(question.command.address or 0, equal=is_equal)
            except (Trouble, LinkLost) as trouble:
                await self._recover(trouble)
            else:
                return evidence
        return None

    async def _compare(self, contents: Sequence[UnitContent], may_waste_us: int) -> None:
        """Sort these units into changed and unchanged, for as long as that seems to pay."""
        while self.troubles < MOST_TROUBLES:
            left = [one for one in contents if one.unit not in self._unchanged | self._changed]
            if not left:
                return
            total = self._done + sum(content.length for content in left)
            self._report.phase(Phase.COMPARE, total, f"comparing {total - self._done} bytes with the image")
            try:
                await self._compare_once(left, may_waste_us)
            except (Trouble, LinkLost) as trouble:
                await self._recover(trouble)
            else:
                return

    async def _compare_once(self, contents: Sequence[UnitContent], may_waste_us: int) -> None:
        content_of = {content.unit: content for content in contents}
        spent_us = dict.fromkeys(content_of, 0)
        asked = self._worth_asking(contents, may_waste_us)
        async with aclosing(self._answered(asked, self._ahead_us)) as answers:
            async for question, is_equal in answers:
                unit = question.unit
                spent_us[unit] += question.cost_us
                if not is_equal:
                    self._changed.add(unit)
                if unit in self._changed:
                    self._balance_us -= spent_us[unit]
                    spent_us[unit] = 0
                elif _end(question) == content_of[unit].blocks[-1].end:
                    self._unchanged.add(unit)
                    self._balance_us += self._gain_us(content_of[unit])

    @property
    def _ahead_us(self) -> int | None:
        """What to send ahead: three batches are under way, and two of them cover a round trip."""
        if self._by_checksum:
            return None
        return BLOCKS_AHEAD * self._costs.read_us(an3155.MAX_BLOCK) + self._costs.round_trip_us * 3 // 2

    def _worth_asking(self, contents: Sequence[UnitContent], may_waste_us: int) -> Iterator[Question]:
        """Yield the questions, each when the line is ready for it: by then others are answered."""
        for content in contents:
            for question in questions(content, self._costs, by_checksum=self._by_checksum):
                if self._balance_us < -may_waste_us:
                    return
                if content.unit in self._changed:
                    break
                yield question

    async def _answered(
        self, asked: Iterator[Question], most_ahead_us: int | None
    ) -> AsyncGenerator[tuple[Question, bool], None]:
        """Ask in one stream; yield each question with whether its answer was as wanted."""
        waiting: deque[Question] = deque()

        def commands() -> Iterator[an3155.Command]:
            for question in asked:
                waiting.append(question)
                yield question.command

        meter = self._pace.meter(Phase.COMPARE, self._report)
        async with aclosing(self._bootloader.stream(commands(), most_ahead_us)) as answers:
            async for packed, result in answers:
                length = sum(command.length for command in packed.commands)
                is_read = packed.commands[0].code is an3155.Code.READ_MEMORY
                self.read_bytes += length * is_read
                self._done += length
                wire_us = self._bootloader.settings.wire_time_us(length) if is_read else 0
                meter.add(length, wire_us, result, self._done)
                for reply in packed.replies(result):
                    question = waiting.popleft()
                    yield question, reply == question.answer

    async def _recover(self, trouble: Trouble | LinkLost) -> None:
        self.troubles += 1
        self._pace.interrupted()
        if isinstance(trouble, Trouble) and trouble.command.code is an3155.Code.GET_CHECKSUM:
            self._by_checksum = False  # it lists the command, and will not do it
        text = str(trouble) or "the link to the bridge was lost"
        self._report.note(f"{text}; resetting the chip and going on", warning=True)
        self._report.phase(Phase.RECOVER, 0, "resetting the chip")
        await self._bootloader.enter()
        self._costs = replace(self._costs, settings=self._bootloader.settings)  # it may have gone down


def _end(question: Question) -> int:
    return (question.command.address or 0) + question.command.length
