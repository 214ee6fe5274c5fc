"""Flash that is programmed in 64-bit words with ECC: G0, G4, L4, L5, WB, WL, C0 and U0."""

from stmota_simulator.chip_model import Duration, FlashModel, ProgramRule
from stmota_simulator.layout import Layout, LayoutByOption

_ERASE = Duration(
    22_020, 24_470
)  # DS10198; the page times of DS12288, DS12737, DS11929 and DS13105 from memory
_SLOWER_ERASE = Duration(22_000, 40_000)  # DS12991, DS13867


def double_word_flash(page: int, layout: Layout, *by_option: LayoutByOption) -> FlashModel:
    """The L4's flash, and that of G4, L5, WB and WL: PROGERR as RM0351 §3.7.5 has it."""
    sizes = {page, *(size for one in by_option for size in one.layout.sizes)}
    return FlashModel(
        start=0x0800_0000,
        layout=layout,
        program_bytes=8,
        program=Duration(81.69, 90.76),
        erase_by_size=tuple((size, _ERASE) for size in sorted(sizes)),
        mass_erase=Duration(22_130, 24_590),
        bank_erase=Duration(22_130, 24_590),
        rule=ProgramRule.REFUSES_TWICE,
        zero_over_any=True,
        layouts_by_option=by_option,
    )


def slower_double_word_flash(page: int, layout: Layout, *by_option: LayoutByOption) -> FlashModel:
    """The same with the times of G0, C0 and U0."""
    return FlashModel(
        start=0x0800_0000,
        layout=layout,
        program_bytes=8,
        program=Duration(85, 125),
        erase_by_size=((page, _SLOWER_ERASE),),
        mass_erase=_SLOWER_ERASE,
        bank_erase=_SLOWER_ERASE,
        rule=ProgramRule.REFUSES_TWICE,
        zero_over_any=True,
        layouts_by_option=by_option,
    )
