"""Brings into a chip's flash what is not there yet: compares, reads what is to be kept, programs."""

from collections.abc import Collection, Sequence

from stmota_daemon.bootloader import Bootloader
from stmota_daemon.checks import Checked
from stmota_daemon.flash_report import Flashed
from stmota_daemon.keeping import LOOK_BYTES, LOOKS, in_use, read_to_keep
from stmota_daemon.link import LinkLost
from stmota_daemon.memory import Memory
from stmota_daemon.pace import Pace
from stmota_daemon.programming import Programming
from stmota_daemon.target import Target
from stmota_daemon.trouble import Trouble
from stmota_daemon.unchanged import Comparison
from stmota_daemon.work import Report
from stmota_protocol.api import FlashOptions
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.comparison import UnitContent
from stmota_protocol.images import Image, Segment
from stmota_protocol.merging import Part, merged
from stmota_protocol.plan import FlashPlan, plan
from stmota_protocol.uncovered import Span, uncovered

LOOK_SHARE = 0.01
"""Of the wire time of the whole image, written and read: what a look at what would be lost may cost."""


class FlashChanges:
    """One flash of a chip that was identified and checked. One task, once."""

    def __init__(
        self,
        bootloader: Bootloader,
        report: Report,
        target: Target,
        checked: Checked,
        options: FlashOptions,
        memory: Memory,
    ) -> None:
        self._bootloader = bootloader
        self._report = report
        self._target = target
        self._checked = checked
        self._options = options
        self._memory = memory
        self._pace = Pace()
        self._contents = [UnitContent(unit, blocks) for unit, blocks in checked.plan.contents()]
        self._comparison = Comparison(
            bootloader,
            report,
            target,
            self._contents,
            memory.held(target.name_of_one),
            self._pace,
            verify=options.verify,
        )
        self._kept: tuple[Segment, ...] = ()
        self._recoveries = 0

    async def bring(self) -> Flashed:
        """Do it. Raises `WorkFailed`; cancelled, the chip may be amid a command."""
        unchanged = frozenset[EraseUnit]() if self._options.full else await self._comparison.run()
        done = None
        if len(unchanged) < len(self._contents):
            done = await self._plan_without(unchanged)
            await self._program(done)
        else:
            self._report.note("the flash holds the image already: nothing is erased or written")
        return Flashed(
            target=self._target,
            image=self._checked.given,
            settings=self._bootloader.settings,
            unchanged=unchanged,
            compared_bytes=self._comparison.read_bytes,
            kept_bytes=self._checked.image.size - self._checked.given.size + sum(map(_length, self._kept)),
            done=done,
            verified=self._options.verify or done is None,
            pace=self._pace,
            recoveries=self._comparison.troubles + self._recoveries,
        )

    async def _plan_without(self, unchanged: Collection[EraseUnit]) -> FlashPlan:
        """The plan for the units that changed, with what is to be kept of them."""
        if unchanged:
            count = f"{len(unchanged)} of {len(self._contents)}"
            self._report.note(f"{count} erase units hold already what they should")
        found = self._checked.plan.without(unchanged, self._target.traits)
        spans = uncovered(self._checked.image, found.units)
        if not self._options.keep:
            await self._tell_lost(spans)
        if not self._options.keep or not spans:
            return found
        chip = self._target.chip
        self._kept = await read_to_keep(self._bootloader, self._report, spans, chip.erased_value)
        if not self._kept:
            return found
        self._memory.keep(self._kept)
        parts = [Part("what is kept", _image(segment)) for segment in self._kept]
        whole = merged([Part("the image", self._checked.image), *parts])
        return plan(whole, self._checked.units, chip, self._target.traits).without(
            unchanged, self._target.traits
        )

    async def _tell_lost(self, spans: Sequence[Span]) -> None:
        """Tell what is erased though no file has it, where knowing that costs next to nothing."""
        length = sum(content.length for content in self._contents)
        settings = self._bootloader.settings
        look_us = self._bootloader.link.clock.round_trip_s * 1e6
        look_us += settings.wire_time_us(2 * LOOK_BYTES) * min(len(spans), LOOKS)  # its own bytes, AN3155's
        if not spans or look_us > settings.wire_time_us(2 * length) * LOOK_SHARE:
            return
        try:
            lost = await in_use(self._bootloader, spans, self._target.chip.erased_value)
        except (Trouble, LinkLost) as trouble:
            self._report.note(f"{str(trouble) or 'the link to the bridge was lost'}; going on", warning=True)
            await self._bootloader.enter()
            return
        for span in lost:
            self._report.note(
                f"0x{span.start:08X} to 0x{span.end - 1:08X} is not empty and in no file: it is erased with"
                " its unit (--keep restores it)"
            )

    async def _program(self, found: FlashPlan) -> None:
        held = {content.unit.address: content.digest() for content in self._contents}
        self._memory.remember(self._target.name_of_one, held)
        programming = Programming(
            self._bootloader, self._report, self._target, found, self._pace, verify=self._options.verify
        )
        await programming.run()
        self._recoveries = programming.recoveries


def _image(segment: Segment) -> Image:
    return Image((segment,))


def _length(segment: Segment) -> int:
    return len(segment.data)
