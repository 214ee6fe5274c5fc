"""Numbers as people type and read them."""

import pytest

from stmota_client.quantity import address, parse_number, percent, size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x08000000", 0x0800_0000),
        ("0X10", 16),
        ("115200", 115200),
        ("64k", 65536),
        ("64K", 65536),
        ("2M", 2 * 1024 * 1024),
        ("64KiB", 65536),
        ("1_000", 1000),
        ("0x0800_4000", 0x0800_4000),
        ("010", 10),
        (" 7 ", 7),
    ],
)
def test_numbers_are_hex_or_decimal_with_units(text: str, value: int) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "x", "0x", "-1", "1.5", "64q", "0xg", "k", "1__0", "1_", "٣", "0b1"])
def test_what_is_no_number_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 0x08000000, 4096 or 64k"):
        parse_number(text)


def test_sizes_addresses_and_shares_are_written_for_people() -> None:
    assert [size(n) for n in (0, 1000, 1024, 1536, 131072, 1 << 20)] == [
        "0 bytes",
        "1000 bytes",
        "1 KiB",
        "1536 bytes",
        "128 KiB",
        "1 MiB",
    ]
    assert address(0x0800_0000) == "0x08000000"
    assert [percent(share) for share in (0.0, 0.5, 0.999, 1.0)] == ["0 %", "50 %", "99 %", "100 %"]
