"""Protection and option bytes at the simulated ROM, byte for byte (AN3155, reference manuals)."""

import pytest

from board_rig import ACK, BYTE_US, FLASH, NACK, REACTION_US, SECOND_US, Rig, address, block, f103, packet
from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State


def test_option_bytes_of_the_f1_are_stored_with_their_complements() -> None:
    assert f103().read(0x1FFF_F800, 16).hex() == "a55a" + "ff00" * 7


def test_option_bytes_of_the_l0_are_stored_with_their_complements() -> None:
    rig = Rig.synced(make_board("L071"))

    assert rig.read(0x1FF8_0000, 20).hex() == "aa0055ff" + "70808f7f" + "0000ffff" * 3
    assert len(rig.read(0x1FF8_0000, 128)) == 128  # over the seam, as stm32loader reads the size


def sectors_of(board: VirtualBoard) -> set[int]:
    return set(board.memory.flash.protected)


def test_write_protection_is_set_for_the_listed_groups_and_holds_after_a_reset() -> None:
    rig = f103(image=b"\x55" * 16384)

    assert rig.command(b"\x63\x9c", packet(1, 0, 2)) == [ACK, ACK]
    again = Rig.synced(rig.board)

    assert sectors_of(rig.board) == {0, 1, 2, 3, 8, 9, 10, 11}  # 4 pages a bit
    assert again.command(b"\x43\xbc", packet(1, 0, 4)) == [ACK, ACK]  # acknowledged, and page 0 stays
    assert rig.board.flash[:8192] == b"\x55" * 4096 + b"\xff" * 1024 + b"\x55" * 3072
    again.write(FLASH, b"abcd")
    assert again.read(FLASH, 4) == b"\x55" * 4
    assert rig.board.counters.protected_attempts == 3

    assert again.command(b"\x73\x8c") == [ACK + ACK]
    Rig.synced(rig.board)
    assert sectors_of(rig.board) == set()


@pytest.mark.parametrize(
    ("chip", "groups", "units"),
    [
        ("F042", {1}, set(range(4, 8))),
        ("F407", {0, 11}, {0, 11}),
        ("L071", {0}, set(range(32))),
        ("H743", {9}, {9}),
        ("G071", {3, 5}, {3, 4, 5}),
        ("L476", {256, 257}, {256, 257}),
    ],
)
def test_write_protection_stands_in_the_option_bytes(chip: str, groups: set[int], units: set[int]) -> None:
    assert sectors_of(make_board(chip, write_protected=frozenset(groups))) == units


def test_the_f4_resets_itself_after_write_protection_and_wants_0x7f_again() -> None:
    rig = Rig.synced(make_board("F407"))
    resets = rig.board.chip.resets

    assert rig.command(b"\x63\x9c", packet(0, 1), within_us=SECOND_US) == [ACK, ACK]

    assert rig.board.chip.resets == resets + 1
    assert sectors_of(rig.board) == {1}
    assert rig.ask(b"\x7f") == ACK


PROTECTED = [b"\x11\xee", b"\x21\xde", b"\x31\xce", b"\x43\xbc", b"\x63\x9c", b"\x73\x8c", b"\x82\x7d"]


def test_read_protection_refuses_all_but_identification_and_its_own_end() -> None:
    rig = f103(rdp=1, image=b"\x55" * 1024)

    assert rig.command(*PROTECTED) == [NACK] * len(PROTECTED)
    assert rig.ask(b"\x02\xfd") == bytes.fromhex("7901041079")

    assert rig.command(b"\x92\x6d") == [ACK + ACK]
    assert rig.board.flash == b"\xff" * (128 * 1024)
    again = Rig.synced(rig.board)
    assert again.read(FLASH, 4) == b"\xff" * 4


def test_readout_protect_takes_effect_at_the_next_reset() -> None:
    rig = f103()

    assert rig.command(b"\x82\x7d") == [ACK + ACK]
    assert rig.ask(b"\x11\xee") == ACK + b""
    again = Rig.synced(rig.board)
    assert again.ask(b"\x11\xee") == NACK


def test_the_second_ack_of_readout_unprotect_comes_after_the_mass_erase() -> None:
    rig = Rig.synced(make_board("F407", rdp=1))

    rig.send(b"\x92\x6d")
    sent_us = rig.now_us
    heard = rig.hear(60 * SECOND_US)

    assert [(one.data, one.first_us - sent_us) for one in heard] == [
        (ACK, REACTION_US + BYTE_US),
        (ACK, REACTION_US + BYTE_US + 16_000_000 + BYTE_US),
    ]


def test_write_protection_does_not_stop_the_mass_erase_of_readout_unprotect() -> None:
    rig = Rig.synced(make_board("F407", rdp=1, write_protected=frozenset({0}), image=b"\x55" * 32))

    assert rig.command(b"\x92\x6d") == [ACK + ACK]

    assert rig.board.flash == b"\xff" * 0x100000


def test_a_written_option_block_resets_an_f0_which_goes_by_it_at_once() -> None:
    rig = Rig.synced(make_board("F042"))
    options = bytearray(rig.read(0x1FFF_F800, 16))
    options[2] &= 0x7F  # BOOT_SEL = 0

    assert rig.command(b"\x31\xce", address(0x1FFF_F800), block(bytes(options))) == [ACK, ACK, ACK]

    assert rig.board.options.bit("BOOT_SEL") == 0
    assert rig.board.state is State.BOOTLOADER  # empty
    assert rig.ask(b"\x7f") == ACK
