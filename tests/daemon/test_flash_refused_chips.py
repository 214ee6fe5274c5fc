"""What is refused by name or by address: the second core's flash of WB and WL, chips of another protocol."""

import pytest
from trio.testing import MockClock

from flash_rig import flashed, refused
from sample_images import make_image
from simulated_chips import board_of
from stmota_protocol.api import ProblemCode
from stmota_protocol.chips import CHIPS
from stmota_protocol.chips.layout import LayoutUnknown, units_of
from stmota_protocol.chips.secure_flash import SecureFlashUnknown, secure_flash_start
from stmota_simulator.boards import make_board

FLASH = 0x0800_0000
PAGE = 4096
WB55, WB15, WL = 0x495, 0x494, 0x497


def option_words(optr_at: int, optr: int, sfr: int | None) -> dict[int, bytes]:
    area = bytearray(b"\xff" * (0x80 if sfr is not None else 0x6C))
    area[0:4] = optr.to_bytes(4, "little")
    if sfr is not None:
        area[0x70:0x74] = sfr.to_bytes(4, "little")
    return {optr_at: bytes(area)}


@pytest.mark.parametrize("force", [False, True])
async def test_an_image_that_reaches_into_the_radio_cores_flash_is_refused_before_the_first_erase(
    *, force: bool, autojump_clock: MockClock
) -> None:
    board = board_of("WB55", {"SFSA": 0xCB})
    secure_from = FLASH + 0xCB * PAGE
    failure = await refused(board, make_image(PAGE + 8), address=secure_from - PAGE, force=force)
    assert board.counters.protected_attempts == 0
    assert failure.problem.code is ProblemCode.DOES_NOT_FIT
    assert "from 0x080CB000 on (SFSA) the flash of STM32WB3x/WB5x (0x495) belongs" in failure.problem.message
    assert "end below 0x080CB000" in (failure.problem.remedy or "")
    assert failure.problem.address == secure_from
    assert not failure.problem.overridable


async def test_the_last_page_below_it_is_flashed_and_nothing_above_is_touched(
    autojump_clock: MockClock,
) -> None:
    board = board_of("WB55", {"SFSA": 0xCB}, image=b"\x5a" * 0x10_0000)
    secure_from = 0xCB * PAGE
    image = make_image(PAGE, flash_start=FLASH + secure_from - PAGE)
    await flashed(board, image, address=FLASH + secure_from - PAGE)
    assert board.flash[secure_from - PAGE : secure_from] == image
    assert board.flash[secure_from:] == b"\x5a" * (0x10_0000 - secure_from)
    assert board.counters.protected_attempts == 0


@pytest.mark.parametrize(
    ("product_id", "sfr", "start"),
    [
        (WB55, 0xFFFF_FEF4, FLASH + 0xF4 * PAGE),
        (WB55, 0xFFFF_FFF4, None),  # FSD
        (WB15, 0xFFFF_FE9A, FLASH + 0x9A * 2048),
        (WL, 0xFFFF_FF40, FLASH + 0x40 * 2048),
        (WL, 0xFFFF_FFC0, None),  # FSD
    ],
)
def test_sfsa_counts_pages_unless_fsd_turns_it_off(product_id: int, sfr: int, start: int | None) -> None:
    optr_at = 0x1FFF_8000 if product_id == WB55 else 0x1FFF_7800
    assert secure_flash_start(CHIPS[product_id], option_words(optr_at, 0x3DFF_F1AA, sfr)) == start


def test_a_wl_whose_sfsa_cannot_be_read_is_whole_where_ese_says_that_nothing_is_secure() -> None:
    assert secure_flash_start(CHIPS[WL], option_words(0x1FFF_7800, 0x3FFF_F0AA, None)) is None


@pytest.mark.parametrize("option_bytes", [option_words(0x1FFF_7800, 0x3FFF_F1AA, None), {}])
def test_where_it_cannot_be_known_what_is_secure_the_chip_is_refused(option_bytes: dict[int, bytes]) -> None:
    with pytest.raises(SecureFlashUnknown, match="does not tell from where on"):
        secure_flash_start(CHIPS[WL], option_bytes)
    with pytest.raises(LayoutUnknown) as unknown:
        units_of(CHIPS[WL], 256 * 1024, option_bytes)
    assert "debugger" in unknown.value.remedy


def test_a_chip_all_of_whose_flash_is_secure_is_refused() -> None:
    with pytest.raises(LayoutUnknown, match="SFSA is 0"):
        units_of(CHIPS[WB55], 1024 * 1024, option_words(0x1FFF_8000, 0x3DFF_F1AA, 0xFFFF_FE00))


async def test_a_wl_without_secure_flash_is_flashed_to_its_end(autojump_clock: MockClock) -> None:
    board = board_of("WLE5")
    image = make_image(2048, flash_start=FLASH + 254 * 1024)
    await flashed(board, image, address=FLASH + 254 * 1024)
    assert board.flash[254 * 1024 :] == image


@pytest.mark.parametrize("version", ["2.0", "2.1"])
async def test_a_chip_that_speaks_the_bluenrg_protocol_is_refused_by_name(
    version: str, autojump_clock: MockClock
) -> None:
    board = make_board("WB05", bootloader_version=version)
    failure = await refused(board, make_image(1000), address=0x1004_0000)
    assert board.counters.protected_attempts == 0
    assert failure.problem.code is ProblemCode.WRONG_CHIP
    assert failure.problem.message == "STM32WB05 (0x03B) speaks another bootloader protocol than AN3155"
    assert failure.problem.remedy == "this family is not supported; use ST's own tools"
