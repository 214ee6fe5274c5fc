"""Intel HEX as it is written, against the bytes of the specification and our own reader."""

from hypothesis import given
from hypothesis import strategies as st

from stmota_protocol.formats.intel_hex_writer import intel_hex
from stmota_protocol.image_files import parse_file
from stmota_protocol.images import Segment


def test_a_base_record_comes_where_the_upper_half_of_the_address_changes() -> None:
    assert intel_hex([Segment(0x0800_FFFE, b"\x01\x02\x03\x04")]).decode().splitlines() == [
        ":020000040800F2",
        ":02FFFE000102FE",
        ":020000040801F1",
        ":020000000304F7",
        ":00000001FF",
    ]


@given(
    st.lists(st.tuples(st.integers(1, 70_000), st.binary(min_size=1, max_size=100)), min_size=1, max_size=5)
)
def test_what_is_written_is_read_back(runs: list[tuple[int, bytes]]) -> None:
    segments: list[Segment] = []
    at = 0x0800_0000
    for gap, data in runs:
        segments.append(Segment(at + gap, data))
        at = segments[-1].end
    assert parse_file(intel_hex(segments), None, "x.hex").image(0).segments == tuple(segments)
