"""Faults between bridge and chip, and how they are written on the command line."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_rig import CONSOLE, NACK, SECOND_US, Rig, address
from sample_images import make_image
from stmota_protocol.steps import Line, LineErrors
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.errors import BadFault
from stmota_simulator.fault_syntax import faults_help, parse_faults
from stmota_simulator.faults import ByteFault, ByteFaultKind, ByteFaults, Direction, Faults, RateFault

DROP, CORRUPT, EXTRA = ByteFaultKind.DROP, ByteFaultKind.CORRUPT, ByteFaultKind.EXTRA
TO_CHIP, TO_HOST = Direction.TO_CHIP, Direction.TO_HOST
IMAGE = make_image(text="fault", heartbeat_ms=0)


def rig_with(*faults: str, synced: bool = True) -> Rig:
    board = make_board("F103xB", faults=parse_faults(faults))
    return Rig.synced(board) if synced else Rig(board)


def test_a_byte_lost_on_its_way_to_the_chip_leaves_the_rom_waiting() -> None:
    rig = rig_with("drop-to-chip=3")

    assert rig.ask(b"\x02\xfd") == b""
    assert rig.ask(b"\xfd") == bytes.fromhex("7901041079")


def test_a_byte_with_a_flipped_bit_makes_a_wrong_command() -> None:
    rig = rig_with("corrupt-to-chip=2")

    assert rig.command(b"\x02\xfd", b"\x02\xfd") == [NACK, bytes.fromhex("7901041079")]
    assert rig.board.uart.parity_errors == 1


def test_an_extra_byte_shifts_the_command() -> None:
    rig = rig_with("extra-to-chip=2")

    # 00 02 is no command, nor is what is left: FD and the next 02
    replies = rig.command(b"\x02\xfd", b"\x02", b"\x02\xfd")

    assert replies == [NACK, NACK, bytes.fromhex("7901041079")]


def test_a_byte_lost_on_its_way_to_the_host_leaves_a_gap_of_its_length() -> None:
    rig = rig_with("drop-to-host=3")

    rig.send(b"\x02\xfd")
    heard = rig.hear()

    assert [one.data.hex() for one in heard] == ["79", "041079"]
    assert heard[1].first_us - heard[0].last_us == 192  # two bytes of 95.5 us, rounded up


def test_a_corrupt_byte_to_the_host_is_a_parity_error() -> None:
    rig = rig_with("corrupt-to-host=3")

    rig.send(b"\x02\xfd")
    heard = rig.hear()

    assert [(one.data.hex(), one.errors) for one in heard] == [
        ("79", LineErrors()),
        ("11", LineErrors(parity=1)),
        ("041079", LineErrors()),
    ]


def test_without_parity_a_corrupt_byte_is_not_noticed() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["corrupt-to-host=1"]))
    rig = Rig(board, CONSOLE)

    heard = rig.hear(20_000)

    assert heard[0].data == b"v"
    assert sum(one.errors.parity + one.errors.framing for one in heard) == 0


def test_an_extra_byte_comes_before_the_reply() -> None:
    assert rig_with("extra-to-host=2").ask(b"\x02\xfd") == bytes.fromhex("007901041079")


def test_a_mute_chip_still_works() -> None:
    rig = rig_with("mute=2")

    assert rig.command(b"\x31\xce", address(0x0800_0000), b"\x03\x01\x02\x03\x04\x07") == [b"", b"", b""]

    assert rig.board.flash[:4] == b"\x01\x02\x03\x04"


def test_an_unpowered_board_does_nothing() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["unpowered"]))
    rig = Rig(board)
    rig.enter()

    assert rig.ask(b"\x7f") == b""
    assert board.state is State.OFF
    assert board.sense(rig.now_us) == Line.TX | Line.BOOT0


def test_with_boot0_unwired_a_reset_always_starts_the_flash() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["boot0-unwired"]))

    Rig(board).enter()

    assert board.state is State.APPLICATION


def test_with_nrst_unwired_nothing_resets_the_chip() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["nrst-unwired"]))

    Rig(board).enter()

    assert board.state is State.APPLICATION
    assert board.chip.resets == 1


def test_with_rx_and_tx_swapped_nothing_arrives() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["rx-tx-swapped"]))
    rig = Rig(board)

    assert rig.console(SECOND_US) == b""
    rig.enter()
    assert rig.ask(b"\x7f") == b""


def test_faults_of_a_rate_are_the_same_with_the_same_seed() -> None:
    def struck(seed: int) -> list[int]:
        faults = Faults(rates=(RateFault(DROP, TO_CHIP, 0.01),), seed=seed)
        pieces = ByteFaults(faults, TO_CHIP).apply(bytes(10_000))
        position = 0
        found: list[int] = []
        for piece in pieces:
            position += len(piece.data)
            if piece.fate is DROP:
                found.append(position)
        return found

    assert struck(1) == struck(1) != struck(2)
    assert 60 < len(struck(1)) < 140


@given(
    data=st.binary(max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=5),
    faults=st.lists(
        st.builds(ByteFault, st.sampled_from(list(ByteFaultKind)), st.just(TO_CHIP), st.integers(1, 250)),
        max_size=6,
        unique_by=lambda fault: fault.number,
    ),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_faults_strike_the_same_bytes_however_they_are_sent(
    data: bytes, cuts: list[int], faults: list[ByteFault]
) -> None:
    expected: list[tuple[int, ByteFaultKind | None]] = []
    by_number = {fault.number: fault.kind for fault in faults}
    for number, byte in enumerate(data, 1):
        kind = by_number.get(number)
        if kind is EXTRA:
            expected += [(0, EXTRA), (byte, None)]
        else:
            expected.append((byte ^ 0x10 if kind is CORRUPT else byte, kind))

    wire = ByteFaults(Faults(bytes=tuple(faults)), TO_CHIP)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    got = [
        (byte, piece.fate)
        for first, last in pairwise(edges)
        for piece in wire.apply(data[first:last])
        for byte in piece.data
    ]

    assert got == expected
    assert wire.count == len(data)


def test_faults_are_read_from_text() -> None:
    texts = ["drop-to-chip=1234", "corrupt-to-host=0.001", "mute=9", "SEED=7", "boot0-unwired", "unpowered"]

    assert parse_faults(texts) == Faults(
        bytes=(ByteFault(DROP, TO_CHIP, 1234),),
        rates=(RateFault(CORRUPT, TO_HOST, 0.001),),
        mute_from=9,
        seed=7,
        boot0_unwired=True,
        is_unpowered=True,
    )


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "drop-to-chip", "drop-to-chip=", "drop-to-chip=0", "drop-to-chip=-1", "drop-to-chip=1.5",
     "drop-to-chip=0.x", "mute=x", "unpowered=1", "drop-to-moon=1", "seed=²"],
)  # fmt: skip
def test_a_bad_fault_is_answered_with_those_that_there_are(text: str) -> None:
    with pytest.raises(BadFault) as raised:
        parse_faults([text])
    assert str(raised.value) == f"{text!r} is no fault; there are:\n{faults_help()}"


def test_with_tx_unwired_the_chip_is_heard_and_hears_nothing() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["tx-unwired"]))
    rig = Rig(board)

    assert rig.console(SECOND_US)
    rig.enter()
    assert rig.ask(b"\x7f") == b""
    assert board.state is State.BOOTLOADER


def test_with_rx_unwired_the_chip_hears_and_the_receiver_stays_high() -> None:
    board = make_board("F103xB", faults=parse_faults(["rx-unwired"]))
    rig = Rig(board)
    rig.enter()

    assert rig.ask(b"\x7f") == b""
    rig.command(b"\x31\xce", address(0x0800_0000), b"\x03\x01\x02\x03\x04\x07")
    assert board.flash[:4] == b"\x01\x02\x03\x04"
    assert Line.RX in board.sense(rig.now_us)


@pytest.mark.parametrize(("fault", "level"), [("rx-low", Line.NRST), ("nrst-low", Line.RX)])
def test_a_line_that_is_held_low_reads_low(fault: str, level: Line) -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults([fault]))

    assert board.sense(1) & (Line.NRST | Line.RX) == level
    assert Rig(board).console(SECOND_US) == b""


def test_shorted_wires_return_what_is_sent_and_lose_what_the_chip_says() -> None:
    rig = Rig(make_board("F103xB", faults=parse_faults(["tx-rx-shorted"])))
    rig.enter()

    assert rig.ask(b"\x7f") == b"\x7f"
    assert rig.ask(b"\x00\xff") == b"\x00\xff"


def test_a_half_duplex_line_returns_what_is_sent_before_the_answer() -> None:
    board = make_board("F103xB", faults=parse_faults(["echoes"]))
    rig = Rig(board)
    rig.enter()

    assert rig.ask(b"\x7f") == b"\x7f\x79"


def test_with_boot0_high_a_reset_never_starts_the_flash() -> None:
    board = make_board("F103xB", image=IMAGE, faults=parse_faults(["boot0-high"]))
    rig = Rig(board)

    rig.reset(boot0=False)
    rig.wait(SECOND_US)
    assert board.state is State.BOOTLOADER


def test_a_uart_without_parity_is_heard_where_the_parity_bit_is_one() -> None:
    board = make_board("F103xB", faults=parse_faults(["parity-lost"]))
    rig = Rig(board)
    rig.enter()

    assert rig.ask(b"\x7f") == b"\x79"  # seven ones: the even parity bit is 1, as a stop bit is
    assert rig.ask(b"\x00\xff") != bytes.fromhex("79 0b 22")
    assert board.uart.parity_errors + board.uart.framing_errors > 0
