"""GET CHECKSUM at the simulated ROM, byte for byte from AN3155's text."""

import pytest

from board_rig import ACK, FLASH, NACK, Rig, address, packet
from stmota_simulator.boards import make_board
from stmota_simulator.rom_checksum import crc_unit

OPENING = b"\xa1\x5e"
POLYNOMIAL, INITIAL = address(0x04C1_1DB7), address(0xFFFF_FFFF)
WORD = (0x1234_5678).to_bytes(4, "little")
WORD_CRC = bytes.fromhex("df8a8a2b")
"""What the CRC unit gives for 0x12345678, by many users' accounts."""


def rig(image: bytes = WORD, rdp: int = 0) -> Rig:
    return Rig.synced(make_board("F407", image=image, rdp=rdp, has_checksum=True))


def test_get_lists_it_and_protocol_3_3() -> None:
    assert rig().ask(b"\x00\xff").hex() == "790c330001021121314463738292a179"


def test_each_packet_is_acknowledged_and_the_sum_comes_with_its_own_checksum() -> None:
    replies = rig().command(OPENING, address(FLASH), address(1), POLYNOMIAL, INITIAL)

    assert replies == [ACK, ACK, ACK, ACK, ACK + ACK + packet(*WORD_CRC)]


def test_the_whole_flash_can_be_summed() -> None:
    content = WORD + b"\xff" * (1024 * 1024 - 4)
    replies = rig().command(OPENING, address(FLASH), address(256 * 1024), POLYNOMIAL, INITIAL)

    assert replies[-1] == ACK + ACK + packet(*crc_unit(content, 0x04C1_1DB7, 0xFFFF_FFFF).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("numbers", "refused"),
    [
        ((address(0x0900_0000),), 1),
        ((address(FLASH + 2),), 1),
        ((address(FLASH), address(0)), 2),
        ((address(FLASH), address(256 * 1024 + 1)), 2),
        ((address(FLASH), packet(0, 0, 0, 1)[:4] + b"\x00"), 2),
    ],
)
def test_what_is_not_in_memory_or_wrongly_summed_is_refused(numbers: tuple[bytes, ...], refused: int) -> None:
    board = rig()

    assert board.command(OPENING, *numbers) == [*[ACK] * refused, NACK]
    assert board.ask(b"\x02\xfd")[:1] == ACK


def test_a_protected_chip_refuses_it() -> None:
    assert rig(rdp=1).ask(OPENING) == NACK


def test_a_rom_without_it_refuses_it() -> None:
    assert Rig.synced(make_board("G071")).ask(OPENING) == NACK
