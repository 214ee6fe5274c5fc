"""Defects of ROM versions (AN2606 and reference/stm32/protocol.md §6), each shown by its bytes."""

import pytest

from board_rig import ACK, FLASH, NACK, SECOND_US, Rig, address, block, packet, state_of
from sample_images import make_image
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State

PIN_DECIDES = {"nBOOT_SEL": 0}


@pytest.mark.parametrize(
    ("version", "reply"), [("9.1", NACK), ("9.0", NACK + NACK), ("3.1", NACK + NACK), ("3.0", NACK)]
)
def test_old_f4_roms_refuse_read_and_write_twice_when_read_protected(version: str, reply: bytes) -> None:
    rig = Rig.synced(make_board("F407", bootloader_version=version, rdp=1))

    assert rig.command(b"\x11\xee", b"\x31\xce", b"\x44\xbb") == [reply, reply, NACK]


def test_the_f4_rom_3_0_is_silent_on_a_bad_address_and_hears_the_next_bytes_as_a_command() -> None:
    rig = Rig.synced(make_board("F407", bootloader_version="3.0"))

    assert rig.command(b"\x11\xee", address(0x3000_0000)) == [ACK, b""]
    assert rig.ask(b"\x02\xfd") == bytes.fromhex("7901041379")
    assert rig.ask(b"\x01\xfe") == bytes.fromhex("7930000079")


def test_the_f4_refuses_to_read_the_two_bytes_of_its_flash_size() -> None:
    rig = Rig.synced(make_board("F407"))

    assert rig.command(b"\x11\xee", address(0x1FFF_7A22), b"\x01\xfe") == [ACK, ACK, NACK]
    assert rig.read(0x1FFF_7A00, 256)[0x22:0x24] == (1024).to_bytes(2, "little")


def test_the_g0_rom_11_3_erases_only_the_first_page_of_a_list() -> None:
    board = make_board("G071", bootloader_version="11.3", option_bits=PIN_DECIDES, image=b"\x55" * 8192)
    rig = Rig.synced(board)

    rig.erase_units(1, 2)

    assert board.flash[:8192] == b"\x55" * 2048 + b"\xff" * 2048 + b"\x55" * 4096


def test_the_g0_rom_11_3_clears_the_empty_flag_when_it_starts() -> None:
    board = make_board("G071", bootloader_version="11.3")
    assert state_of(board) is State.BOOTLOADER
    rig = Rig(board)

    rig.reset(boot0=False)

    assert state_of(board) is State.DEAD


def test_the_g0_rom_11_2_does_not_reload_option_bytes() -> None:
    for version, level in (("11.2", 0), ("11.3", 1)):
        board = make_board("G071", bootloader_version=version, option_bits=PIN_DECIDES)
        rig = Rig.synced(board)
        assert rig.command(b"\x82\x7d", within_us=SECOND_US) == [ACK + ACK]
        assert board.options.rdp_level == level, version
        board.power_cycle(rig.now_us)
        assert board.options.rdp_level == 1, version


def test_the_h7_rom_9_x_sends_no_first_ack_of_go() -> None:
    image = make_image()
    rig = Rig.synced(make_board("H743", image=image))

    assert rig.command(b"\x21\xde", address(FLASH), within_us=1_000) == [b"", ACK]

    assert state_of(rig.board) is State.APPLICATION


def test_the_h7_rom_13_x_acknowledges_go_and_stays() -> None:
    rig = Rig.synced(make_board("H743", bootloader_version="13.2", image=make_image()))

    assert rig.command(b"\x21\xde", address(FLASH)) == [ACK, ACK]

    assert state_of(rig.board) is State.BOOTLOADER
    assert rig.ask(b"\x02\xfd") == bytes.fromhex("7901045079")


def test_the_h7_rom_13_x_acknowledges_a_bank_erase_and_erases_nothing() -> None:
    rig = Rig.synced(make_board("H743", bootloader_version="13.3", image=b"\x55" * 64))

    assert rig.command(b"\x44\xbb", b"\xff\xfe\x01") == [ACK, ACK]

    assert rig.board.flash[:64] == b"\x55" * 64


def test_the_h7_rom_9_0_announces_two_bytes_more_than_it_sends() -> None:
    rig = Rig.synced(make_board("H743", bootloader_version="9.0"))

    assert rig.ask(b"\x00\xff").hex() == "790d31000102112131446373829279"


def test_the_h7_rom_9_x_acknowledges_an_erase_of_bank_2_before_it_is_done() -> None:
    rig = Rig.synced(make_board("H743"))
    bank_2 = FLASH + 0x10_0000

    rig.command(b"\x44\xbb", within_us=1_000)
    assert rig.ask_timed(packet(0, 0, 0, 8), within_us=1_000) == (ACK, 116)
    erased_us = rig.now_us + 2 * SECOND_US
    rig.command(b"\x31\xce", address(bank_2), block(b"\x55" * 32), within_us=10_000)
    assert rig.read(bank_2, 4) == b"\xff" * 4  # acknowledged, and not written

    rig.wait(erased_us - rig.now_us)
    rig.write(bank_2, b"\x55" * 32)
    assert rig.read(bank_2, 4) == b"\x55" * 4


@pytest.mark.parametrize(("version", "is_sound"), [("9.2", True), ("10.1", False), ("9.0", False)])
def test_old_l4_roms_corrupt_what_is_written_to_ram(version: str, is_sound: bool) -> None:
    rig = Rig.synced(make_board("L476", bootloader_version=version))

    rig.write(0x2000_8000, b"\x01\x02\x03\x04")

    assert (rig.read(0x2000_8000, 4) == b"\x01\x02\x03\x04") is is_sound


@pytest.mark.parametrize(("has_crystal", "start_up_us"), [(True, 55_000), (False, 2_560_000)])
def test_the_l4_takes_longer_to_start_without_its_crystal(has_crystal: bool, start_up_us: int) -> None:
    board = make_board("L476", has_crystal=has_crystal, boot0=True)

    early = Rig(board)
    early.wait(start_up_us - 1_000)
    assert early.ask(b"\x7f", within_us=5_000) == b""
    assert early.ask(b"\x7f") == ACK


def test_the_f042_leaves_no_ram_to_the_host() -> None:
    rig = Rig.synced(make_board("F042"))

    assert rig.command(b"\x31\xce", address(0x2000_1000)) == [ACK, NACK]


def test_the_l412_rom_13_1_acknowledges_0x7f_twice() -> None:
    rig = Rig(make_board("L412"))
    rig.enter()

    assert rig.ask(b"\x7f") == ACK + ACK
    assert rig.ask(b"\x02\xfd") == bytes.fromhex("7901046479")


def test_the_h723_rom_9_2_loses_the_first_32_bytes_of_a_write_that_follows_a_read() -> None:
    for version, lost in (("9.2", 32), ("9.3", 0)):
        rig = Rig.synced(make_board("H723", bootloader_version=version))
        rig.read(FLASH, 4)
        rig.write(FLASH, b"\x55" * 64)
        rig.write(FLASH + 64, b"\x55" * 64)
        assert rig.board.flash[:128] == b"\xff" * lost + b"\x55" * (128 - lost), version


def test_the_h7_rom_9_x_does_not_go_where_the_stack_begins_at_the_end_of_ram() -> None:
    for stack_top, state in ((0x2002_0000, State.BOOTLOADER), (0x2001_FF00, State.APPLICATION)):
        rig = Rig.synced(make_board("H743", image=make_image(stack_top=stack_top)))
        rig.command(b"\x21\xde", address(FLASH), within_us=1_000)
        assert state_of(rig.board) is state


def test_the_g0b1_rom_erases_no_page_of_bank_2_in_a_list() -> None:
    image = b"\x55" * 0x4_1000
    board = make_board("G0B1", option_bits=PIN_DECIDES, image=image)
    rig = Rig.synced(board)

    rig.erase_units(127, 128, 129)
    assert board.flash[0x4_0000 - 2048 : 0x4_1000] == b"\xff" * 2048 + b"\x55" * 0x1000

    rig.erase_units(128)
    assert board.flash[0x4_0000:0x4_1000] == b"\xff" * 2048 + b"\x55" * 2048


def test_the_l031_rom_refuses_ram() -> None:
    rig = Rig.synced(make_board("L031"))

    assert rig.command(b"\x11\xee", address(0x2000_1800)) == [ACK, NACK]
    assert rig.command(b"\x31\xce", address(0x2000_1800)) == [ACK, NACK]


def test_the_c051_rom_hangs_after_a_reset_with_empty_flash_until_its_supply_fails() -> None:
    board = make_board("C051")
    assert state_of(board) is State.BOOTLOADER
    rig = Rig(board)
    rig.reset(boot0=True)
    assert state_of(board) is State.DEAD

    board.power_cycle(rig.now_us)
    assert state_of(board) is State.BOOTLOADER


def test_the_f105_with_vbus_starts_and_answers_late() -> None:
    rig = Rig.synced(make_board("F105"))
    rig.enter()

    assert rig.ask_timed(b"\x7f")[1] > 105_000
