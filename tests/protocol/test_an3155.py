"""AN3155 as batches and parsers: whole bytes, from the byte sequences of protocol.md section 3."""

import pytest

from stmota_protocol import an3155, an3155_batches
from stmota_protocol.an3155 import Command
from stmota_protocol.steps import (
    Arrival,
    Cause,
    Expect,
    OnSilence,
    Outcome,
    Output,
    Parity,
    Receive,
    Result,
    Send,
    UartSettings,
)
from stmota_protocol.wire import charge

ROM = an3155.rom_uart(115200)


def sent(command: Command) -> list[bytes]:
    return [step.data for step in command.steps if isinstance(step, Send)]


def test_the_rom_talks_8e1() -> None:
    assert an3155.rom_uart(57600) == UartSettings(57600, 8, Parity.EVEN)
    assert str(an3155.rom_uart(57600)) == "57600 8E1"


def test_sync_is_repeated_at_the_edge_and_passes_over_a_stray_zero() -> None:
    send, expect = an3155.synchronise(150)
    assert send == Send(b"\x7f")
    assert expect == Expect(0x79, 20_000, b"\x00", OnSilence.REPEAT, repeat_back=1, repeat_times=150)


def test_write_memory_sends_command_address_and_data_each_with_its_checksum() -> None:
    command = an3155.write_memory(0x08000400, bytes((1, 2, 3, 4)), 25_600)
    assert sent(command) == [
        bytes.fromhex("31 ce"),
        bytes.fromhex("08 00 04 00 0c"),
        bytes.fromhex("03 01 02 03 04 07"),
    ]
    assert command.steps[-1] == Expect(0x79, 525_600)
    assert str(command) == "WRITE MEMORY 0x08000400, 4 bytes"


def test_an_acknowledgement_that_an_adapter_holds_back_is_waited_for() -> None:
    for command in (an3155.write_memory(0, bytes(4), 13_500), an3155.erase(0x43, [0], 13_500, 0, 1024)):
        acknowledgement = command.steps[-1]
        assert isinstance(acknowledgement, Expect)
        assert acknowledgement.within_us >= 13_500 + 16_000  # FTDI's latency timer


def test_every_packet_is_acknowledged_before_the_next_is_sent() -> None:
    for command in (
        an3155.write_memory(0x08000000, bytes(256), 1),
        an3155.read_memory(0x08000000, 256, ROM),
        an3155.erase(0x44, [0, 1], 1, 0x08000000, 2048),
        an3155.go(0x08000000),
    ):
        for step, following in zip(command.steps, command.steps[1:], strict=False):
            if isinstance(step, Send):
                assert isinstance(following, Expect)
                assert following.good == an3155.ACK


def test_read_memory_receives_exactly_what_it_asked_for() -> None:
    command = an3155.read_memory(0x1FFFF7E0, 2, ROM)
    assert sent(command) == [bytes.fromhex("11 ee"), bytes.fromhex("1f ff f7 e0 f7"), bytes.fromhex("01 fe")]
    received = command.steps[-1]
    assert isinstance(received, Receive)
    assert received.length == 2


def test_erase_counts_pages_in_one_byte_and_extended_erase_in_two() -> None:
    assert sent(an3155.erase(0x43, [4, 5], 1, 0, 0)) == [bytes.fromhex("43 bc"), bytes.fromhex("01 04 05 00")]
    extended = sent(an3155.erase(0x44, [0x0104], 1, 0, 0))
    assert extended == [bytes.fromhex("44 bb"), bytes.fromhex("00 00 01 04 05")]


@pytest.mark.parametrize(("code", "most"), [(0x43, 255), (0x44, 0xFFF0)])
def test_an_erase_never_names_so_many_units_that_the_count_means_mass_erase(code: int, most: int) -> None:
    an3155.erase(code, [0] * most, 1, 0, 0)
    for count in (0, most + 1):
        with pytest.raises(ValueError, match=f"1 to {most} units, not {count}"):
            an3155.erase(code, [0] * count, 1, 0, 0)


@pytest.mark.parametrize("length", [0, 257])
def test_a_block_is_1_to_256_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 256 bytes, not {length}"):
        an3155.write_memory(0, bytes(length), 1)
    with pytest.raises(ValueError, match=f"1 to 256 bytes, not {length}"):
        an3155.read_memory(0, length, ROM)


def test_get_lists_version_and_commands() -> None:
    reply = an3155.parse_get(bytes.fromhex("0b 31 00 01 02 11 21 31 44 63 73 82 92 79"))
    assert reply.version == 0x31
    assert reply.commands == {0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82, 0x92}


def test_get_is_believed_in_spite_of_the_wrong_count_of_the_h743() -> None:
    reply = an3155.parse_get(bytes.fromhex("0d 31 00 01 02 11 21 31 44 63 73 82 92 79"))
    assert reply.commands == {0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82, 0x92}


@pytest.mark.parametrize("data", ["", "0b 31", "0b 31 00 01 02", "01 31 11 79"])
def test_a_get_reply_that_is_none_says_what_came(data: str) -> None:
    with pytest.raises(an3155.BadReply, match="GET answered " + (data or "nothing")):
        an3155.parse_get(bytes.fromhex(data))


def test_get_id_gives_the_product_id_of_both_dialects() -> None:
    assert an3155.parse_get_id(bytes.fromhex("01 04 10 79")) == 0x410
    assert an3155.parse_get_id(bytes.fromhex("02 01 00 3b 79")) == 0x3B


def test_a_failed_step_is_located_in_its_command() -> None:
    commands = [an3155.write_memory(0x08000000 + 256 * i, bytes(256), 1) for i in range(3)]
    packed = an3155_batches.packed(*commands)
    assert packed.locate(0) == (0, 0)
    assert packed.locate(5) == (0, 5)
    assert packed.locate(9) == (1, 3)
    with pytest.raises(IndexError):
        packed.locate(18)


def test_each_command_finds_its_own_reply() -> None:
    packed = an3155_batches.packed(
        an3155.read_memory(0, 2, ROM), an3155.get_id(), an3155.read_memory(8, 1, ROM)
    )
    outputs = (Output(6, b"ab"), Output(9, b"\x01\x04\x10\x79"), Output(16, b"c"))
    result = Result(Outcome.DONE, outputs=outputs, arrivals=(Arrival(1, 100),))
    assert packed.replies(result) == (b"ab", b"\x01\x04\x10\x79", b"c")
    failed = Result(Outcome.FAILED, failed_step=8, cause=Cause.SILENCE, outputs=outputs[:1])
    assert packed.replies(failed) == (b"ab", b"", b"")


def test_pack_keeps_the_order_and_fills_batches_of_one_kind() -> None:
    writes = [an3155.write_memory(256 * i, bytes(256), 1) for i in range(20)]
    reads = [an3155.read_memory(256 * i, 256, ROM) for i in range(3)]
    packed = list(an3155_batches.pack([*writes, *reads], 8))
    assert [len(one.commands) for one in packed] == [8, 8, 4, 3]
    assert [command for one in packed for command in one.commands] == [*writes, *reads]
    erases = [an3155.erase(an3155.Code.ERASE, (page,), 1, 0, 1024) for page in (1, 2)]
    assert [len(one.commands) for one in an3155_batches.pack(erases, 8)] == [1, 1]


@pytest.mark.parametrize("most_bytes", [1, 1024, 4096, 8192, 16384])
@pytest.mark.parametrize("baud", [1200, 115_200, 921_600])
def test_a_batch_of_whole_blocks_keeps_to_its_bytes_and_its_time(most_bytes: int, baud: int) -> None:
    settings = an3155.rom_uart(baud)
    most_blocks = an3155_batches.blocks_per_batch(settings, most_bytes)
    writes = an3155_batches.packed(*[an3155.write_memory(0, bytes(256), 1)] * most_blocks)
    reads = an3155_batches.packed(*[an3155.read_memory(0, 256, settings)] * most_blocks)
    assert most_blocks == 1 or max(charge(writes.batch), charge(reads.batch)) <= most_bytes
    assert most_blocks == 1 or settings.wire_time_us(256 * most_blocks) <= an3155_batches.BATCH_WIRE_US


def test_pack_mixes_no_kinds_and_leaves_each_erase_alone() -> None:
    erases = [an3155.erase(0x44, [number], 1, 0, 0) for number in range(2)]
    writes = [an3155.write_memory(256 * i, bytes(256), 1) for i in range(2)]
    reads = [an3155.read_memory(0, 256, ROM) for _ in range(2)]
    found = list(an3155_batches.pack([*erases, *writes, *reads], 1 << 20))
    assert [packed.commands for packed in found] == [(erases[0],), (erases[1],), tuple(writes), tuple(reads)]


def test_get_checksum_sends_address_words_polynomial_and_initial_value() -> None:
    command = an3155.get_checksum(0x08000400, 2048)
    assert sent(command) == [
        bytes.fromhex("a1 5e"),
        bytes.fromhex("08 00 04 00 0c"),
        bytes.fromhex("00 00 02 00 02"),
        bytes.fromhex("04 c1 1d b7 6f"),
        bytes.fromhex("ff ff ff ff 00"),
    ]
    assert command.steps[-2:] == (Expect(0x79, 508_192), Receive(5, 500_000))
    assert str(command) == "GET CHECKSUM 0x08000400, 2048 bytes"


@pytest.mark.parametrize(("address", "length"), [(0, 0), (0, 6), (2, 4)])
def test_get_checksum_covers_whole_words(address: int, length: int) -> None:
    with pytest.raises(ValueError, match=f"whole 32-bit words, not {length} bytes"):
        an3155.get_checksum(address, length)


def test_the_checksum_has_a_checksum() -> None:
    assert an3155.parse_get_checksum(bytes.fromhex("df 8a 8a 2b f4")) == 0xDF8A8A2B
    for wrong in ("df 8a 8a 2b f5", "df 8a 8a 2b", ""):
        with pytest.raises(an3155.BadReply, match="GET CHECKSUM answered " + (wrong or "nothing")):
            an3155.parse_get_checksum(bytes.fromhex(wrong))
