"""Recognise chips whose ROM answers 0x7F as AN3155 has it, and speaks another protocol from there on.

WB0, WL3x and BlueNRG (AN5471, AN4872): 8 data bits without parity, and a product id of one byte. Where
exactly it stands in GET ID's reply the sources tell differently, so each place is looked at.
"""

from dataclasses import replace

from stmota_daemon.entry import QUICK_EVERY_US, QUICK_REPEATS, Asking, into_bootloader
from stmota_daemon.link import Link
from stmota_protocol import an3155
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips import Chip, Dialect, chip_by_product_id
from stmota_protocol.steps import Batch, Parity, UartSettings, Unclaimed


async def chip_of_other_dialect(link: Link, settings: UartSettings) -> Chip | None:
    """Enter the ROM without parity and ask who it is; None: nobody of that kind. Raises `LinkLost`."""
    without_parity = replace(settings, parity=Parity.NONE)
    entry = into_bootloader(link.identity.lines, without_parity, Asking(QUICK_REPEATS, QUICK_EVERY_US))
    command = an3155.get_id()
    result = await link.begin_run(Unclaimed.RESIDUE).execute(Batch((*entry.steps, *command.steps)))
    if not result.is_done:
        return None
    reply = result.output(len(entry.steps) + command.reply_step)
    for product_id in reply[1:-1]:
        chip = chip_by_product_id(product_id)
        if chip is not None and chip.dialect is Dialect.BLUENRG:
            return chip
    return None


def refused(chip: Chip) -> Problem:
    """The refusal, by name."""
    return Problem(
        code=ProblemCode.WRONG_CHIP,
        message=f"{chip.name} speaks another bootloader protocol than AN3155",
        remedy="this family is not supported; use ST's own tools",
        step=an3155.Code.GET_ID.title,
    )
