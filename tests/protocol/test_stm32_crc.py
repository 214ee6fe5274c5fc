"""The CRC unit's sum against its definition, bit by bit, and figures known from elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stmota_protocol.stm32_crc import crc32


def by_definition(data: bytes) -> int:
    """Shift register of 32 bits, most significant bit of each little-endian word first."""
    register = 0xFFFF_FFFF
    for at in range(0, len(data), 4):
        register ^= int.from_bytes(data[at : at + 4], "little")
        for _ in range(32):
            top = register >> 31
            register = register << 1 & 0xFFFF_FFFF
            register ^= 0x04C1_1DB7 if top else 0
    return register


@given(st.binary(max_size=64).map(lambda data: data[: len(data) // 4 * 4]))
def test_the_sum_is_that_of_the_shift_register(data: bytes) -> None:
    assert crc32(data) == by_definition(data)


def test_the_word_0x12345678_gives_what_the_hardware_is_known_to_give() -> None:
    assert crc32((0x12345678).to_bytes(4, "little")) == 0xDF8A8A2B


def test_bytes_that_make_no_whole_word_are_refused() -> None:
    with pytest.raises(ValueError, match="not 5 bytes"):
        crc32(bytes(5))
