"""The line of a half-duplex board: who hears whom, and what becomes of bytes when both talk."""

import pytest

from board_rig import ACK, CONSOLE, ROM_UART, Rig
from sample_images import make_image
from stmota_protocol.steps import Rs485, UartSettings
from stmota_simulator.boards import make_board
from stmota_simulator.half_duplex import HalfDuplex


def on_line(line: HalfDuplex, rs485: Rs485, image: bytes = b"") -> Rig:
    settings = UartSettings(ROM_UART.baud, parity=ROM_UART.parity, rs485=rs485)
    return Rig(make_board("F103xB", half_duplex=line, image=image), settings)


@pytest.mark.parametrize(
    ("line", "rs485", "heard"),
    [
        (HalfDuplex(), Rs485.OFF, b"\x7f" + ACK),
        (HalfDuplex(), Rs485.DRIVE_HIGH, b"\x7f" + ACK),  # the direction line leads nowhere
        (HalfDuplex(Rs485.DRIVE_HIGH), Rs485.DRIVE_HIGH, b"\x7f" + ACK),
        (HalfDuplex(Rs485.DRIVE_LOW), Rs485.DRIVE_LOW, b"\x7f" + ACK),
        (HalfDuplex(Rs485.DRIVE_HIGH, echoes=False), Rs485.DRIVE_HIGH, ACK),
        (HalfDuplex(Rs485.DRIVE_HIGH), Rs485.OFF, b""),
        (HalfDuplex(Rs485.DRIVE_HIGH), Rs485.DRIVE_LOW, b""),
    ],
)
def test_the_host_hears_itself_and_the_chip_if_its_transceiver_is_turned_right(
    line: HalfDuplex, rs485: Rs485, heard: bytes
) -> None:
    rig = on_line(line, rs485)
    rig.enter()
    assert rig.ask(b"\x7f") == heard


def test_an_answer_that_meets_the_host_still_driving_is_garbled() -> None:
    rig = on_line(HalfDuplex(Rs485.DRIVE_HIGH, released_late_us=2000), Rs485.DRIVE_HIGH)
    rig.enter()
    heard = rig.ask(b"\x7f")
    assert heard[:1] == b"\x7f"
    assert ACK not in heard[1:]


def test_what_both_send_at_once_is_garbled_for_both() -> None:
    rig = on_line(HalfDuplex(), Rs485.OFF, image=make_image(1000, text="a line that is long enough to meet"))
    rig.board.listen(CONSOLE, rig.now_us)
    rig.reset(boot0=False)
    rig.board.received(rig.now_us)  # what it said when the supply came
    rig.wait(1_000)
    rig.uart = CONSOLE
    rig.send(b"hello")
    heard = b"".join(one.data for one in rig.hear(100_000))
    assert b"a line that is long enough to meet" not in heard
    assert b"hello" not in heard
