"""Intel HEX and Motorola S-record: the formats' own rules, and files that others made."""

import pytest

from firmware_files import hex_record, make_hex, s_record
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import ImageRefused

FLASH = 0x0800_0000
END = ":00000001FF\n"
LINEAR = ":020000040800F2\n"
S_END = "S70508000000F2\n"
WIKIPEDIA_HEX = """\
:10010000214601360121470136007EFE09D2190140
:100110002146017E17C20001FF5F16002148011928
:10012000194E79234623965778239EDA3F01B2CAA7
:100130003F0156702B5E712B722B732146013421C7
:00000001FF
"""
"""The example of Wikipedia's article on Intel HEX."""
WIKIPEDIA_SREC = """\
S00F000068656C6C6F202020202000003C
S11F00007C0802A6900100049421FFF07C6C1B787C8C23783C6000003863000026
S11F001C4BFFFFE5398000007D83637880010014382100107C0803A64E800020E9
S111003848656C6C6F20776F726C642E0A0042
S5030003F9
S9030000FC
"""
"""The example of Wikipedia's article on S-records; its text is "Hello world."."""


def parsed(text: str | bytes) -> list[tuple[int, bytes]]:
    data = text if isinstance(text, bytes) else text.encode()
    return [(segment.address, segment.data) for segment in parse_file(data).image(0).segments]


def refusal(text: str) -> str:
    with pytest.raises(ImageRefused) as caught:
        parse_file(text.encode(), None, "fw")
    assert caught.value.problem.remedy
    return caught.value.problem.message


def test_a_well_known_intel_hex_file_is_read() -> None:
    ((address, data),) = parsed(WIKIPEDIA_HEX)
    assert (address, len(data)) == (0x0100, 64)
    assert (data[:4], data[-4:]) == (b"\x21\x46\x01\x36", b"\x46\x01\x34\x21")


def test_a_well_known_s_record_file_is_read() -> None:
    ((address, data),) = parsed(WIKIPEDIA_SREC)
    assert (address, len(data)) == (0, 70)
    assert data[:4] == b"\x7c\x08\x02\xa6"
    assert data[-14:] == b"Hello world.\n\0"


@pytest.mark.parametrize(
    "text",
    [
        LINEAR + ":0400000001020304F2\n" + END,
        (LINEAR + ":0400000001020304F2\n" + END).replace("\n", "\r\n"),
        (LINEAR + ":0400000001020304F2\n" + END).replace("\n", "\r"),
        (LINEAR + ":0400000001020304F2\n" + END).lower(),
        (LINEAR + ":0400000001020304F2\n" + END).rstrip(),
        "\ufeff\n\n  " + LINEAR + "\n:0400000001020304F2  \n" + END + "\n\x1a",
        LINEAR + hex_record(5, 0, b"\x08\0\x01\x01") + ":0400000001020304F2\n" + END,
        hex_record(3, 0, b"\x08\0\x01\x01") + LINEAR + ":0400000001020304F2\n" + END,
        LINEAR + hex_record(0, 0) + ":0400000001020304F2\n" + END,
        make_hex([(FLASH, b"\1\2\3\4")], width=1).decode(),
    ],
)
def test_intel_hex_is_read_however_it_is_written(text: str) -> None:
    assert parsed(text) == [(FLASH, b"\1\2\3\4")]


def test_a_linear_base_holds_until_the_next_and_data_runs_on_across_64_kib() -> None:
    text = LINEAR + hex_record(0, 0xFFFE, b"abcd") + hex_record(0, 0x10, b"ef") + END
    assert parsed(text) == [(FLASH + 0x10, b"ef"), (FLASH + 0xFFFE, b"abcd")]


def test_a_segment_base_counts_in_16_bytes() -> None:
    text = hex_record(2, 0, b"\x12\x34") + hex_record(0, 0x0010, b"abcd") + END
    assert parsed(text) == [(0x12350, b"abcd")]
    over = hex_record(2, 0, b"\x12\x34") + hex_record(0, 0xFFFE, b"abcd") + END
    assert "line 2 crosses the end of its 64 KiB segment" in refusal(over)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_s_records_of_every_address_width_are_read(kind: int) -> None:
    text = s_record(0, 0, b"x") + s_record(kind, 0x1234, b"abcd") + s_record(10 - kind, 0)
    assert parsed(text) == [(0x1234, b"abcd")]
    assert parsed(text.replace("\n", "\r\n").lower().replace("s", "S")) == [(0x1234, b"abcd")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LINEAR + ":0400000001020304F3\n" + END, "fw: line 2 has checksum F3, but its bytes give F2"),
        (LINEAR + ":0500000001020304F1\n" + END, "line 2 is not as long as its length byte says"),
        (LINEAR + ":04\n" + END, "line 2 is not as long"),
        (LINEAR + ":04000006010203\n" + END, "line 2 is not as long"),
        (LINEAR + hex_record(6, 0) + END, "line 2 is of the unknown record type 06"),
        (LINEAR + hex_record(4, 0, b"abc") + END, "line 2 has 3 bytes, wrong for record type 04"),
        (LINEAR + hex_record(5, 0, b"abc") + END, "line 2 has 3 bytes, wrong for record type 05"),
        (LINEAR + "\n\nhello\n" + END, "line 4 is no record: it does not start with a colon"),
        (LINEAR + ":04000000010203zzF2\n" + END, "line 2 is no record: not all of it is pairs of hex"),
        (LINEAR + ":0400000001020304F\n" + END, "line 2 is no record: not all of it is pairs of hex"),
        (LINEAR + ":" + "00" * 300 + "\n" + END, "line 2 is longer than any record"),
        (LINEAR + ":0400000001020304F2\n", "fw ends without its end record"),
        (LINEAR + END, "fw holds no data"),
        (LINEAR + ":0400000001020304F2\n" + END + LINEAR, "line 4 goes on after the end record of line 3"),
        (
            LINEAR + ":0400000001020304F2\n" + hex_record(0, 0x20, b"x") + ":0400000001020304F2\n" + END,
            "line 4 gives the bytes at 0x08000000 a second time: what starts at line 2 holds them, too",
        ),
    ],
)
def test_a_broken_intel_hex_file_is_refused_with_its_line(text: str, said: str) -> None:
    message = refusal(text)
    assert said in message
    assert message.endswith(" (read as an Intel HEX file)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("S30908000000010203F0E8\nS3050800" + "\n", "line 1 has checksum E8, but its bytes give F8"),
        (s_record(3, FLASH, b"a") + "S30908000000\n", "line 2 is not as long as its length byte says"),
        (s_record(3, FLASH, b"a") + "S303080\n", "line 2 is no record: not all of it"),
        (s_record(3, FLASH, b"a") + "S3020000\n", "line 2 is not as long"),
        (s_record(3, FLASH, b"a") + "S4030000FC\n", "line 2 is of the unknown record type S4"),
        (s_record(3, FLASH, b"a") + "T3\n", "line 2 is no record: it does not start with S and a digit"),
        (s_record(3, FLASH, b"a") + s_record(5, 2), "line 2 counts 2 data records, but there are 1"),
        (s_record(3, FLASH, b"a"), "fw ends without its end record"),
        (s_record(0, 0, b"hello") + S_END, "fw holds no data"),
        (s_record(3, FLASH, b"a") + S_END + S_END, "line 3 goes on after the end record of line 2"),
    ],
)
def test_a_broken_s_record_file_is_refused_with_its_line(text: str, said: str) -> None:
    message = refusal(text)
    assert said in message
    assert message.endswith(" (read as a Motorola S-record file)")
