"""AN3155's examples, byte for byte, at the simulated ROM. Times: §2.1 and the data sheets."""

import pytest

from board_rig import (
    ACK,
    BYTE_US,
    FLASH,
    NACK,
    REACTION_US,
    ROM_UART,
    SECOND_US,
    Rig,
    address,
    block,
    f103,
    packet,
)
from sample_images import boot_output, make_image
from simulated_chips import board_of
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.chips import CHIPS

RAM = 0x2000_4000
PATTERN = bytes(range(256))
ROM_CHIPS = [chip.name for chip in CHIPS]


def test_the_first_0x7f_is_acknowledged_after_300_us() -> None:
    rig = Rig(make_board("F103xB", boot0=True))
    rig.wait(2_000)

    assert rig.ask_timed(b"\x7f") == (ACK, 300 + BYTE_US)


def test_a_second_0x7f_is_silent_and_a_third_one_is_refused() -> None:
    rig = f103()

    assert rig.command(b"\x7f", b"\x7f", b"\x00\xff") == [
        b"",
        NACK,
        bytes.fromhex("790b22000102112131436373829279"),
    ]


@pytest.mark.parametrize(
    ("chip", "reply"),
    [
        ("F103xB", "790b22000102112131436373829279"),
        ("F103x8", "790b22000102112131436373829279"),
        ("F042", "790b31000102112131446373829279"),
        ("F407", "790b31000102112131446373829279"),
        ("G071", "790b31000102112131446373829279"),
        ("H743", "790b31000102112131446373829279"),
        ("L071", "790b31000102112131446373829279"),
        ("L476", "790b31000102112131446373829279"),
    ],
)
def test_get_lists_the_commands(chip: str, reply: str) -> None:
    assert Rig.synced(make_board(chip)).ask(b"\x00\xff").hex() == reply


def test_get_version_has_two_old_option_bytes() -> None:
    assert f103().ask(b"\x01\xfe") == bytes.fromhex("7922000079")


@pytest.mark.parametrize(
    ("chip", "product_id"),
    [
        ("F103xB", "0410"),
        ("F103x8", "0410"),
        ("F042", "0445"),
        ("F407", "0413"),
        ("G071", "0460"),
        ("H743", "0450"),
        ("L071", "0447"),
        ("L476", "0415"),
    ],
)
def test_get_id_tells_the_product(chip: str, product_id: str) -> None:
    assert Rig.synced(make_board(chip)).ask(b"\x02\xfd") == bytes.fromhex(f"7901{product_id}79")


def test_replies_come_20_us_after_the_last_byte() -> None:
    assert f103().ask_timed(b"\x02\xfd") == (bytes.fromhex("7901041079"), REACTION_US + BYTE_US)


def test_a_command_with_a_wrong_complement_is_refused_and_the_next_one_is_heard() -> None:
    assert f103().command(b"\x00\xfe", b"\x02\xfd") == [NACK, bytes.fromhex("7901041079")]


@pytest.mark.parametrize("unknown", [b"\x44\xbb", b"\xa1\x5e", b"\x50\xaf", b"\xff\x00"])
def test_a_command_that_the_rom_lacks_is_refused(unknown: bytes) -> None:
    assert f103().ask(unknown) == NACK


def test_a_written_block_is_read_back() -> None:
    rig = f103()

    rig.write(FLASH + 0x100, PATTERN)

    assert rig.read(FLASH + 0x100, 256) == PATTERN
    assert rig.read(FLASH + 0x1FF, 2) == b"\xff\xff"
    assert rig.board.flash == (b"\xff" * 0x100 + PATTERN).ljust(128 * 1024, b"\xff")


def test_a_read_reply_is_one_run_of_bytes() -> None:
    rig = f103()
    rig.command(b"\x11\xee", address(FLASH))
    rig.send(b"\xff\x00")
    sent_us = rig.now_us

    heard = rig.hear()

    assert [(one.data, one.first_us - sent_us, one.last_us - sent_us) for one in heard] == [
        (ACK + b"\xff" * 256, REACTION_US + BYTE_US, REACTION_US + ROM_UART.wire_time_us(257))
    ]


@pytest.mark.parametrize(
    ("packets", "replies"),
    [
        ((b"\x11\xee", b"\x08\x00\x00\x00\x09"), [ACK, NACK]),
        ((b"\x11\xee", address(0x0802_0000)), [ACK, NACK]),
        ((b"\x11\xee", address(FLASH), b"\x00\xfe"), [ACK, ACK, NACK]),
        ((b"\x11\xee", address(0x0801_FFFF), b"\x01\xfe"), [ACK, ACK, NACK]),
        ((b"\x21\xde", address(0x1FFF_F000)), [ACK, NACK]),
        ((b"\x21\xde", address(FLASH + 1)), [ACK, NACK]),
        ((b"\x31\xce", address(0x2000_0100)), [ACK, NACK]),
        ((b"\x31\xce", address(0x1FFF_F804)), [ACK, NACK]),
        ((b"\x31\xce", address(FLASH), block(PATTERN)[:-1] + b"\x00"), [ACK, ACK, NACK]),
        ((b"\x31\xce", address(0x0801_FFFC), block(PATTERN)), [ACK, ACK, NACK]),
        ((b"\x43\xbc", b"\x00\x05\x04"), [ACK, NACK]),
        ((b"\x43\xbc", packet(0x00, 0x80)), [ACK, NACK]),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else None,
)
def test_what_is_wrong_is_refused_and_leaves_the_rom_idle(
    packets: tuple[bytes, ...], replies: list[bytes]
) -> None:
    rig = f103()

    assert rig.command(*packets) == replies
    assert rig.ask(b"\x02\xfd") == bytes.fromhex("7901041079")
    assert rig.board.flash == b"\xff" * (128 * 1024)


def test_ram_that_the_rom_does_not_use_can_be_written() -> None:
    rig = f103()

    rig.write(RAM, PATTERN)

    assert rig.read(RAM, 256) == PATTERN


def test_a_misaligned_write_makes_every_later_one_fail_until_reset() -> None:
    rig = f103()

    assert rig.command(b"\x31\xce", address(FLASH + 2), block(b"abcd")) == [ACK, ACK, NACK]
    assert rig.command(b"\x31\xce", address(FLASH), block(b"abcd")) == [ACK, ACK, NACK]

    again = Rig.synced(rig.board)
    again.write(FLASH, b"abcd")


def test_programming_takes_the_data_sheets_time() -> None:
    rig = f103()
    rig.command(b"\x31\xce", address(FLASH))

    assert rig.ask_timed(block(PATTERN)) == (ACK, REACTION_US + 6_720 + BYTE_US)  # 128 x 52.5 us

    slow = f103(is_slow=True)
    slow.command(b"\x31\xce", address(FLASH))
    assert slow.ask_timed(block(PATTERN)) == (ACK, REACTION_US + 8_960 + BYTE_US)  # 128 x 70 us


def test_erase_clears_the_listed_pages_in_20_ms_each() -> None:
    rig = f103(image=b"\x55" * 8192)
    rig.command(b"\x43\xbc")

    assert rig.ask_timed(packet(1, 2, 5)) == (ACK, REACTION_US + 40_000 + BYTE_US)
    pages = [b"\x55" * 1024] * 8
    pages[2] = pages[5] = b"\xff" * 1024
    assert rig.board.flash[:8192] == b"".join(pages)
    assert rig.board.counters.unit_erases == 2


def test_global_erase_is_ff_00_and_anything_else_after_ff_erases_nothing() -> None:
    rig = f103(image=b"\x55" * 8192)

    assert rig.command(b"\x43\xbc", b"\xff\x01") == [ACK, ACK]
    assert rig.board.flash[:8192] == b"\x55" * 8192
    assert rig.command(b"\x43\xbc", b"\xff\x00") == [ACK, ACK]
    assert rig.board.flash == b"\xff" * (128 * 1024)
    assert rig.board.counters.mass_erases == 1


def test_extended_erase_of_f4_sectors_takes_seconds_each() -> None:
    rig = Rig.synced(make_board("F407", image=b"\x55" * 0x40000))
    rig.command(b"\x44\xbb")

    reply = rig.ask_timed(packet(0, 2, 0, 0, 0, 4, 0, 5), within_us=5 * SECOND_US)

    assert reply == (ACK, REACTION_US + 400_000 + 1_200_000 + 2_000_000 + BYTE_US)
    assert rig.board.flash[:0x4000] == b"\xff" * 0x4000
    assert rig.board.flash[0x4000:0x10000] == b"\x55" * 0xC000
    assert rig.board.flash[0x10000:] == b"\xff" * (0x100000 - 0x10000)


def test_mass_erase_of_the_f4_takes_16_s_at_x8_and_8_s_at_x32() -> None:
    rig = Rig.synced(make_board("F407"))

    rig.command(b"\x44\xbb")
    assert rig.ask_timed(b"\xff\xff\x00", 60 * SECOND_US) == (ACK, REACTION_US + 16_000_000 + BYTE_US)

    assert rig.command(b"\x31\xce", address(0xFFFF_0000), block(b"\x03")) == [ACK, ACK, ACK]
    rig.command(b"\x44\xbb")
    assert rig.ask_timed(b"\xff\xff\x00", 60 * SECOND_US) == (ACK, REACTION_US + 8_000_000 + BYTE_US)


@pytest.mark.parametrize(
    ("chip", "code", "reply"),
    [
        ("F407", "ffff00", ACK),
        ("F407", "fffe01", NACK),
        ("F407", "fffc03", NACK),
        ("F407", "ffff01", NACK),
        ("L476", "fffe01", ACK),
        ("L476", "fffd02", ACK),
        ("L071", "ffff00", NACK),
        ("L071", "fffe01", NACK),
    ],
)
def test_special_erase_codes_are_those_of_the_family(chip: str, code: str, reply: bytes) -> None:
    assert Rig.synced(make_board(chip)).command(b"\x44\xbb", bytes.fromhex(code)) == [ACK, reply]


def test_a_bank_erase_leaves_the_other_bank_alone() -> None:
    rig = Rig.synced(make_board("L476", image=b"\x55" * 0x100000))

    assert rig.command(b"\x44\xbb", b"\xff\xfd\x02") == [ACK, ACK]

    assert rig.board.flash == b"\x55" * 0x80000 + b"\xff" * 0x80000


def test_more_than_511_pages_in_one_command_are_refused() -> None:
    rig = Rig.synced(make_board("L071", image=b"\x55" * 0x10000))
    rig.erase_units(*range(511))
    assert rig.board.flash[: 511 * 128] == bytes(511 * 128)

    listed = packet(*(511).to_bytes(2, "big"), *b"".join(n.to_bytes(2, "big") for n in range(512)))
    assert rig.command(b"\x44\xbb", listed) == [ACK, NACK]


def test_go_starts_the_image_which_prints_its_text_and_the_flash_s_crc() -> None:
    image = make_image(text="started by GO", heartbeat_ms=0)
    board = make_board("F103xB")
    rig = Rig.synced(board)
    for at in range(0, len(image), 256):
        rig.write(FLASH + at, image[at : at + 256])

    assert rig.command(b"\x21\xde", within_us=1_000) == [ACK]
    rig.send(address(FLASH))
    acknowledged_us = rig.now_us + REACTION_US + BYTE_US
    assert b"".join(one.data for one in rig.hear(200)) == ACK
    assert rig.console(SECOND_US) == boot_output(image, "started by GO", 128 * 1024)

    assert board.state is State.APPLICATION
    assert [(boot.by_go, boot.text, boot.at_us) for boot in board.boots[1:]] == [
        (True, "started by GO", acknowledged_us)
    ]


def test_go_to_a_vector_table_that_is_none_kills_the_board() -> None:
    rig = f103()

    assert rig.command(b"\x21\xde", address(FLASH)) == [ACK, ACK]

    assert rig.board.state is State.DEAD
    assert rig.ask(b"\x00\xff") == b""


@pytest.mark.parametrize("chip", ROM_CHIPS)
def test_size_id_and_option_bytes_can_be_read(chip: str) -> None:
    board = board_of(chip, serial="one")
    rig = Rig.synced(board)
    model = board.model

    size = rig.read(model.flash_size_register & ~0xF, 0x10)[model.flash_size_register & 0xF :][:2]
    assert int.from_bytes(size, "little") * 1024 == len(board.flash)
    words = [rig.read(model.unique_id_register + offset, 4) for offset in model.unique_id_offsets]
    assert b"".join(words) == board.memory.unique_id
    assert make_board(chip, serial="two").memory.unique_id != board.memory.unique_id
    if model.bootloader_id_register is not None:
        assert rig.read(model.bootloader_id_register, 1) == bytes([board.chip.rom.id_byte])
    for start, factory in model.options.areas:
        content = rig.read(start, len(factory))
        assert content == board.options.read(start, len(factory))


def test_one_time_memory_goes_from_1_to_0_only() -> None:
    rig = Rig.synced(make_board("F407"))

    rig.write(0x1FFF_7800, b"\x0f\x0f\x0f\x0f")
    rig.write(0x1FFF_7800, b"\xf1\xf1\xf1\xf1")

    assert rig.read(0x1FFF_7800, 4) == b"\x01\x01\x01\x01"


def test_data_eeprom_of_the_l0_needs_no_erase() -> None:
    rig = Rig.synced(make_board("L071"))

    rig.write(0x0808_0000, b"\x0f\x0f\x0f\x0f")
    rig.write(0x0808_0000, b"\xf1\xf1\xf1\xf1")

    assert rig.read(0x0808_0000, 4) == b"\xf1\xf1\xf1\xf1"
