import pytest

from stmota_edge.errors import PortUnsupported
from stmota_edge.listen import ListenAddress
from stmota_edge.open_port import unique_id_of
from stmota_edge.port import SAFE_LEVELS
from stmota_edge.wiring import ModemLine, Wiring
from stmota_protocol.steps import Line

RTS, DTR = ModemLine.RTS, ModemLine.DTR
BOTH = Line.NRST | Line.BOOT0


def test_asserting_the_reset_line_asserts_nrst_and_the_boot0_line_drives_boot0_high() -> None:
    wiring = Wiring.parse("rts", "dtr")
    assert wiring.lines == BOTH
    assert wiring.modem_levels(BOTH, Line.BOOT0) == {RTS: True, DTR: True}
    assert wiring.modem_levels(BOTH, Line.NRST) == {RTS: False, DTR: False}


def test_an_exclamation_mark_inverts() -> None:
    wiring = Wiring.parse("!dtr", "!rts")
    assert wiring.modem_levels(BOTH, Line.BOOT0) == {DTR: False, RTS: False}
    assert wiring.modem_levels(BOTH, SAFE_LEVELS) == {DTR: True, RTS: True}


def test_only_masked_and_wired_lines_are_touched() -> None:
    assert Wiring.parse("rts", "dtr").modem_levels(Line.BOOT0, Line.BOOT0) == {DTR: True}
    assert Wiring.parse(None, "dtr").modem_levels(BOTH, Line.BOOT0) == {DTR: True}
    assert Wiring.parse(None, None).lines == Line(0)
    assert Wiring.parse("rts", None).lines == Line.NRST


@pytest.mark.parametrize("text", ["", "cts", "!", "!!rts", "rts "])
def test_what_is_no_modem_line_is_refused(text: str) -> None:
    with pytest.raises(PortUnsupported, match="it can be rts, dtr, !rts or !dtr"):
        Wiring.parse(text, None)


def test_one_modem_line_cannot_drive_both() -> None:
    with pytest.raises(PortUnsupported, match="rts cannot drive both"):
        Wiring.parse("rts", "!rts")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7000", ListenAddress("127.0.0.1", 7000)),
        ("lab.local", ListenAddress("lab.local", 7820)),
        ("[::1]:0", ListenAddress("::1", 0)),
        ("[::1]", ListenAddress("::1", 7820)),
        ("::1", ListenAddress("::1", 7820)),
        (":7000", ListenAddress("0.0.0.0", 7000)),  # noqa: S104  (what is meant)
    ],
)
def test_where_to_listen_is_read_as_people_write_it(text: str, address: ListenAddress) -> None:
    assert ListenAddress.parse(text) == address


@pytest.mark.parametrize("text", ["host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_a_bad_place_to_listen_says_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        ListenAddress.parse(text)


def test_the_unique_id_is_the_ports_and_stays() -> None:
    assert unique_id_of("/dev/ttyUSB0") == unique_id_of("/dev/ttyUSB0")
    assert unique_id_of("/dev/ttyUSB0") != unique_id_of("/dev/ttyUSB1")
    assert len(unique_id_of("x")) == 8
