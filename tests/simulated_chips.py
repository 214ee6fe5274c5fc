"""The chips that the simulator has, as tests go through them. Import as `from simulated_chips import …`."""

from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import BoardOptions, make_board
from stmota_simulator.chips import ALL_CHIPS, CHIPS, find_chip

NAMES = [chip.name for chip in CHIPS]
"""Of the chips that behave as their families do."""
ALL_NAMES = [chip.name for chip in ALL_CHIPS]
"""With those that are there for what is wrong with their ROMs."""


def obeying_boot0(chip: str) -> dict[str, int]:
    """Option bits with which BOOT0 counts: new G0, C0 and U0 ignore it once they hold anything."""
    fields = dict(find_chip(chip).options.fields)
    return {"nBOOT_SEL": 0} if "nBOOT_SEL" in fields else {}


def board_of(chip: str, bits: dict[str, int] | None = None, **options: object) -> VirtualBoard:
    """A board that obeys BOOT0, with these option bits beside."""
    wanted: BoardOptions = {**options, "option_bits": obeying_boot0(chip) | (bits or {})}  # type: ignore[typeddict-item]
    return make_board(chip, **wanted)
