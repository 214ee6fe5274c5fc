"""The virtual board in C beside the Python one, its original: the same bytes at the same microseconds."""

from collections.abc import Callable

import pytest

from board_rig import address, block
from sample_images import boot_output, make_image
from stmota_protocol.steps import UartSettings
from stmota_simulator.board_file import NotInC, board_lines
from stmota_simulator.boards import make_board
from virtual_twins import CHIPS, FLASH, SECOND_US, Both


@pytest.mark.parametrize("chip", CHIPS)
def test_identification_and_facts_are_the_same(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.command(b"\x00\xff", b"\x01\xfe", b"\x02\xfd", b"\x00\xfe", b"\x44\x44", b"\xa1\x5e")
    model = both.python.model
    for where in (model.flash_size_register, model.unique_id_register, model.options.areas[0][0]):
        both.read(where, 4)
    if model.bootloader_id_register is not None:
        both.read(model.bootloader_id_register, 1)
    both.read(FLASH + model.flash.size - 2, 2)
    both.command(b"\x11\xee", address(0x9000_0000))
    both.command(b"\x11\xee", address(FLASH), b"\x00\x00")
    both.command(b"\x11\xee", address(FLASH + model.flash.size - 2), b"\x03\xfc")
    both.command(b"\x11\xee", b"\x08\x00\x00\x00\x00")


@pytest.mark.parametrize("chip", CHIPS)
def test_blocks_are_written_read_and_refused_alike(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    data = bytes(range(256))
    assert both.write(FLASH + 0x100, data) == [b"\x79"] * 3
    assert both.read(FLASH + 0x100, 256)[2] == b"\x79" + data
    both.write(FLASH + 0x180, b"\x0f" * 256)  # half of it is programmed already
    both.write(FLASH + 0x100, bytes(64))
    both.write(FLASH + 0x400, b"\xff" * 32)
    both.write(FLASH + 0x400, b"\x55" * 32)
    both.write(FLASH + 0x500, b"\x01\x02\x03")  # no whole unit
    both.write(FLASH + both.python.memory.flash.size - 32, bytes(64))  # beyond the end
    both.same_flash()
    both.write(FLASH + 0x601, bytes(8))  # misaligned: later ones fail
    both.write(FLASH + 0x700, bytes(8))
    both.command(b"\x31\xce", address(FLASH), b"\x01\x02\x03\x04")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_ram_is_written_where_the_rom_does_not_use_it(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    for area in both.python.model.ram:
        for start in (area.first, area.last - 7, area.last - 3):
            both.write(start, b"12345678")
            both.read(start, 4)


@pytest.mark.parametrize("chip", CHIPS)
def test_units_are_erased_alike_and_can_be_written_again(chip: str, boards: Callable[..., Both]) -> None:
    image = bytes(range(1, 256)) * 40
    both = boards(chip, image)
    both.write(FLASH, b"\xf0" * 64)
    both.erase(0, 2)
    both.write(FLASH, b"\xf0" * 64)
    both.erase(1, 60_000 if both.python.chip.rom.has_extended_erase else 250)
    both.command(b"\x43\xbc", b"\x00\x00\x00")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_special_erases_are_alike(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip, b"old" * 3000)
    if both.python.chip.rom.has_extended_erase:
        for code in (b"\xff\xf0\x0f", b"\xff\xfd\x02", b"\xff\xfe\x01", b"\xff\xff\x01", b"\xff\xff\x00"):
            both.command(b"\x44\xbb", code, within_us=60 * SECOND_US)
            both.command(b"\x02\xfd")
    else:
        both.command(b"\x43\xbc", b"\xff", b"\x01")
        both.command(b"\x43\xbc", b"\xff", b"\x00")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_a_block_that_comes_while_flash_is_programmed_is_lost(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.command(b"\x31\xce", address(FLASH))
    both.send(block(b"\xa5" * 256))
    both.send(b"\x31\xce" + address(FLASH + 256))  # the chip is deaf: one byte stays, the rest is overrun
    both.hear()
    both.ask(b"\x00")
    both.ask(b"\x02\xfd")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_a_reset_in_the_middle_leaves_what_was_programmed_by_then(
    chip: str, boards: Callable[..., Both]
) -> None:
    both = boards(chip)
    both.command(b"\x31\xce", address(FLASH))
    both.send(block(b"\xa5" * 256))
    both.now_us += 1_000
    both.enter()
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
def test_an_image_starts_after_a_reset_and_by_go(chip: str, boards: Callable[..., Both]) -> None:
    image = make_image(2048, text="twins")
    both = boards(chip, image)
    if both.ask(b"\x21\xde") == b"":
        assert chip == "H743"  # its ROM lacks the first ACK of GO
    both.send(address(FLASH))
    assert both.hear(500) == b"\x79"  # before the application's first bit, which is set differently
    both.listen(UartSettings(115_200))
    both.hear(3 * SECOND_US)
    both.reset(boot0=False)
    said = both.hear(3 * SECOND_US)
    assert boot_output(image, "twins", both.python.memory.flash.size) in said


@pytest.mark.parametrize("chip", CHIPS)
def test_a_receiver_that_is_set_as_it_was_loses_no_byte(chip: str, boards: Callable[..., Both]) -> None:
    image = make_image(2048, text="twins", heartbeat_ms=0)
    both = boards(chip, image)
    said = boot_output(image, "twins", both.python.memory.flash.size)
    console = UartSettings(115_200)
    both.listen(console)
    both.reset(boot0=False)
    heard = both.hear(1_000 + console.wire_time_us(len(said) // 2) + console.wire_time_us(1) // 2)
    both.listen(console)  # in the middle of a byte
    assert 0 < len(heard) < len(said)
    assert heard + both.hear() == said


def test_a_board_that_c_cannot_be_is_refused() -> None:
    with pytest.raises(NotInC, match="L071: the virtual board in C has no rows of flash; use the Python one"):
        list(board_lines(make_board("L071")))
