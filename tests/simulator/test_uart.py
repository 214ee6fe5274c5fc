"""The physical UART: bytes take their time, wrong settings give garbage, a deaf receiver loses bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_rig import ACK, CONSOLE, FLASH, NACK, ROM_UART, Rig, address, block
from sample_images import make_image
from stmota_protocol.steps import LineErrors, Parity, StopBits, UartSettings
from stmota_simulator.boards import make_board
from stmota_simulator.receiver import Heard, Receiver
from stmota_simulator.sampling import frame_bits
from stmota_simulator.wire import Wire

GET_ID_REPLY = bytes.fromhex("7901041079")
UARTS = st.builds(
    UartSettings,
    baud=st.sampled_from([9600, 57600, 115200, 250_000, 921_600]),
    parity=st.sampled_from(list(Parity)),
    stop_bits=st.sampled_from(list(StopBits)),
)


def all_heard(wire: Wire, uart: UartSettings, from_us: int = 0, until_us: int = 1 << 40) -> list[Heard]:
    receiver = Receiver(wire, uart, from_us)
    heard: list[Heard] = []
    while (one := receiver.hear(until_us, 1 << 20)) is not None:
        heard.append(one)
    return heard


def test_a_frame_is_start_bit_data_from_the_lowest_bit_parity_stop() -> None:
    assert frame_bits(0x7F, ROM_UART, has_wrong_parity=False) == (0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1)
    assert frame_bits(0x79, ROM_UART, has_wrong_parity=False) == (0, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1)
    assert frame_bits(0x03, ROM_UART, has_wrong_parity=False) == (0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1)
    odd = UartSettings(parity=Parity.ODD, stop_bits=StopBits.TWO)
    assert frame_bits(0x03, odd, has_wrong_parity=False) == (0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1)


@given(data=st.binary(min_size=1, max_size=20), uart=UARTS)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_sampling_bit_by_bit_agrees_with_the_short_cut(data: bytes, uart: UartSettings) -> None:
    short, sampled = Wire(), Wire()
    short.send(data, 1_000, uart)
    sampled.send(data, 1_000, uart)
    receiver = Receiver(sampled, uart, 0)
    receiver._is_aligned = lambda burst: False  # type: ignore[method-assign]

    got = bytearray()
    while (heard := receiver.hear(1 << 40, 1)) is not None:
        got += heard.data
        assert heard.errors == LineErrors()

    assert bytes(got) == data
    assert [one.data for one in all_heard(short, uart)] == [data]


@given(data=st.binary(min_size=1, max_size=20), sender=UARTS, receiver=UARTS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_any_mismatch_gives_some_bytes_in_order_and_ends(
    data: bytes, sender: UartSettings, receiver: UartSettings
) -> None:
    wire = Wire()
    wire.send(data, 0, sender)
    predicted = Receiver(wire, receiver, 0).due_us(1)

    heard = all_heard(wire, receiver)

    times = [time for one in heard for time in (one.first_us, one.last_us)]
    assert times == sorted(times)
    assert not wire.bursts
    assert predicted == (times[0] if times else None)


def test_bytes_of_a_sender_without_parity_are_framing_and_parity_errors() -> None:
    wire = Wire()
    wire.send(b"\x00\xff", 0, CONSOLE)

    heard = all_heard(wire, ROM_UART)

    # 0x00 without its parity bit: the stop bit is taken for parity (wrong), the next start bit for the stop
    # bit; 0xFF then never falls.
    assert [(one.data, one.errors) for one in heard] == [(b"\x00", LineErrors(parity=1, framing=1))]


def test_a_slower_sender_gives_zeros_with_framing_errors() -> None:
    wire = Wire()
    wire.send(b"\x00", 0, UartSettings(9600))

    assert [(one.data, one.errors) for one in all_heard(wire, UartSettings(115200))] == [
        (b"\x00", LineErrors(framing=1))
    ]


def test_a_receiver_that_is_set_in_the_middle_of_a_byte_finds_its_way_at_the_next_pause() -> None:
    wire = Wire()
    wire.send(b"\x55\x55", 0, CONSOLE)
    wire.pause(5, 0, CONSOLE)
    wire.send(b"\x55hello", 0, CONSOLE)

    heard = b"".join(one.data for one in all_heard(wire, CONSOLE, from_us=50))

    assert heard.endswith(b"Uhello")


def test_a_deviation_below_two_and_a_half_percent_is_borne() -> None:
    wire = Wire()
    wire.send(b"hello", 0, UartSettings(115200))

    assert [one.data for one in all_heard(wire, UartSettings(117_000))] == [b"hello"]


def test_bytes_that_have_not_begun_can_be_taken_back() -> None:
    wire = Wire()
    wire.send(b"hello", 0, CONSOLE)  # 86.8 us each

    wire.cut(100)

    assert [(one.data, one.last_us) for one in all_heard(wire, CONSOLE)] == [(b"he", 174)]
    assert wire.end_us == 174


def test_wire_time_is_exact_over_a_long_run() -> None:
    rig = Rig.synced(make_board("F103xB"))
    start_us = rig.now_us

    rig.send(bytes(11520))

    assert rig.now_us - start_us == 1_100_000


@pytest.mark.parametrize("baud", [1200, 9600, 57600, 115200, 230_400, 250_000])
def test_the_rom_takes_the_baud_of_the_first_0x7f(baud: int) -> None:
    rig = Rig.synced(make_board("F103xB"), UartSettings(baud, parity=Parity.EVEN))

    assert rig.ask(b"\x02\xfd") == GET_ID_REPLY
    assert rig.board.uart.framing_errors == 0


@pytest.mark.parametrize(("chip", "hears"), [("F103xB", False), ("G071", True), ("H743", True)])
def test_921600_baud_is_only_for_those_that_measure_in_hardware(chip: str, hears: bool) -> None:
    rig = Rig(make_board(chip, option_bits={"nBOOT_SEL": 0} if chip == "G071" else {}))
    rig.uart = UartSettings(921_600, parity=Parity.EVEN)
    rig.board.listen(rig.uart, 0)
    rig.enter()

    assert (rig.ask(b"\x7f") == ACK) is hears


def test_0x7f_without_parity_is_answered_and_get_then_goes_wrong() -> None:
    rig = Rig(make_board("F103xB"), CONSOLE)
    rig.enter()

    assert rig.ask(b"\x7f") == ACK
    assert rig.ask(b"\x00\xff") != bytes.fromhex("790b22000102112131436373829279")
    assert rig.board.uart.framing_errors == 1


def test_another_first_byte_locks_the_rom_until_reset() -> None:
    rig = Rig(make_board("F103xB"))
    rig.enter()

    assert rig.ask(b"\x00\x00") != ACK
    assert b"".join(rig.ask(b"\x7f", within_us=100_000) for _ in range(5)).count(ACK) == 0

    assert Rig.synced(rig.board).ask(b"\x02\xfd") == GET_ID_REPLY


def test_a_0x7f_before_the_rom_listens_is_lost() -> None:
    rig = Rig(make_board("F407", boot0=True))

    assert rig.ask(b"\x7f", within_us=80_000) == b""
    assert rig.ask(b"\x7f") == ACK


def test_a_0x7f_that_is_on_its_way_when_the_rom_begins_to_listen_disturbs_it() -> None:
    rig = Rig(make_board("F103xB", boot0=True))
    rig.wait(1_150)  # the ROM listens from 1200 us on: it sees this one's bit 7 as the first fall

    first = rig.ask(b"\x7f", within_us=50_000)
    second = rig.ask(b"\x7f", within_us=50_000)

    assert first == b""
    assert second != ACK
    assert Rig.synced(rig.board).ask(b"\x02\xfd") == GET_ID_REPLY


def test_while_the_rom_programs_one_byte_is_held_and_the_next_ones_are_lost() -> None:
    rig = Rig.synced(make_board("F103xB"))
    rig.command(b"\x31\xce", address(FLASH))
    rig.send(block(bytes(256)))
    rig.send(b"\x02\xfd\x02\xfd")  # 382 us, while 128 half words take 6720 us

    assert b"".join(one.data for one in rig.hear()) == ACK
    assert rig.board.uart.overruns == 3
    assert rig.ask(b"\xfd") == GET_ID_REPLY  # 0x02 was held: this completes the command


def test_a_host_that_does_not_wait_for_the_ack_of_a_block_loses_the_next_command() -> None:
    rig = Rig.synced(make_board("F103xB"))
    rig.command(b"\x31\xce", address(FLASH))

    rig.send(block(b"\x55" * 256) + b"\x31\xce" + address(FLASH + 256) + block(b"\xaa" * 256))
    rig.hear()

    assert rig.board.uart.overruns > 60
    assert rig.board.flash[:512] == b"\x55" * 256 + b"\xff" * 256


def test_nothing_is_lost_by_a_host_that_waits() -> None:
    rig = Rig.synced(make_board("F103xB"))

    rig.write(FLASH, bytes(range(256)))
    rig.read(FLASH, 256)

    assert rig.board.uart.overruns == 0


def test_a_rom_that_waits_for_the_rest_of_a_packet_waits_for_ever() -> None:
    rig = Rig.synced(make_board("F103xB"))
    rig.command(b"\x11\xee")

    assert rig.ask(b"\x08\x00\x00", within_us=600_000_000) == b""
    assert rig.ask(b"\x00\x08") == ACK
    assert rig.ask(b"\x00\xfe") == NACK


def test_the_console_is_garbage_at_another_baud() -> None:
    board = make_board("F103xB", image=make_image(text="plain text", heartbeat_ms=0))
    board.listen(UartSettings(57600), 0)

    heard = board.received(1_000_000)

    assert b"plain text" not in b"".join(one.data for one in heard)
    assert sum(one.errors.framing for one in heard) > 0


@given(data=st.binary(min_size=2, max_size=20), uart=UARTS, taken=st.integers(1, 19))
def test_a_receiver_goes_on_where_a_sender_was_stopped_between_two_bytes(
    data: bytes, uart: UartSettings, taken: int
) -> None:
    wire = Wire()
    wire.send(data, 1_000, uart)
    receiver = Receiver(wire, uart, 0)
    stopped_us = wire.bursts[0].end_us(min(taken, len(data)))

    first = receiver.hear(stopped_us, 1 << 20)
    wire.cut(stopped_us)
    wire.send(b"again", stopped_us + 1_000, uart)
    second = receiver.hear(stopped_us + 1_000_000, 1 << 20)

    assert first is not None
    assert second is not None
    assert (first.data, second.data) == (data[:taken], b"again")
