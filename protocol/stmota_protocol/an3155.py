"""ST's ROM bootloader protocol on USART (AN3155) as commands made of steps, and parsers of the replies.

Pure arithmetic: bytes and times in, bytes and times out. A `Command` is one whole command of the ROM;
`an3155_batches` puts several into one batch. Nothing is ever sent ahead to the chip: each packet's ACK is
expected before the next packet is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, unique
from functools import cache

from stmota_protocol import stm32_crc
from stmota_protocol.steps import (
    Discard,
    Expect,
    OnSilence,
    Parity,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Send,
    Step,
    UartSettings,
)

ACK = 0x79  # AN3155 §3
NACK = 0x1F  # AN3155 §3
SYNC = 0x7F  # AN3155 §2: the ROM measures its bits to find the baud

MAX_BLOCK = 256
"""Bytes one READ MEMORY or WRITE MEMORY moves. AN3155 §3.4, §3.6."""

ANSWER_WITHIN_US = 500_000
"""A command without work is answered at once (0.16 to 0.4 ms measured); the bound is stm32flash's figure."""
SYNC_EVERY_US = 20_000
"""Pause between two 0x7F: longer than any answer but that of an F105 with PA9 high (105 ms). A port behind a
network needs more: a late ACK would answer one 0x7F, and the next be taken for half a command."""
CHECKSUM_WORD_US = 16
"""GET CHECKSUM, each 32-bit word: the CRC unit takes 4 clocks (reference manuals, CRC; from memory) and the
loop around it some tens, at 8 MHz or more; no figure in ST's documents, so generous."""
FIRST_ACK_WITHIN_US = 20_000
"""For an ACK that a ROM may leave out: longer than any measured, and an FTDI adapter's 16 ms."""
READ_MARGIN_US = 200_000
"""What a read may take beyond its bytes' wire time: no figure in ST's documents, so generous."""


@unique
class Code(IntEnum):
    """Command codes. AN3155 table 2."""

    GET = 0x00
    GET_VERSION = 0x01
    GET_ID = 0x02
    READ_MEMORY = 0x11
    GO = 0x21
    WRITE_MEMORY = 0x31
    ERASE = 0x43
    EXTENDED_ERASE = 0x44
    SPECIAL = 0x50
    EXTENDED_SPECIAL = 0x51
    WRITE_PROTECT = 0x63
    WRITE_UNPROTECT = 0x73
    READOUT_PROTECT = 0x82
    READOUT_UNPROTECT = 0x92
    GET_CHECKSUM = 0xA1

    @property
    def title(self) -> str:
        """The command's name as AN3155 prints it."""
        return self.name.replace("_", " ")


ERASES = frozenset({Code.ERASE, Code.EXTENDED_ERASE})


class BadReply(ValueError):
    """The chip's reply is not what AN3155 describes."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the ROM: its steps, and what it is about."""

    code: Code
    steps: tuple[Step, ...]
    address: int | None = None
    length: int = 0
    """Bytes it moves or erases, for progress."""

    @property
    def reply_step(self) -> int:
        """Number of the step that brings the reply's data: the last one."""
        return len(self.steps) - 1

    def __str__(self) -> str:
        """`WRITE MEMORY 0x08000400, 256 bytes`: as AN3155 would say it."""
        where = "" if self.address is None else f" 0x{self.address:08X}"
        return f"{self.code.title}{where}" + (f", {self.length} bytes" if self.length else "")


def rom_uart(baud: int) -> UartSettings:
    """How the ROM talks: 8 data bits, even parity, one stop bit. AN3155 §2."""
    return UartSettings(baud, parity=Parity.EVEN)


def checksum(data: bytes) -> int:
    """XOR of all bytes. AN3155 §3."""
    value = int.from_bytes(data, "little")
    bits = 8 << max(len(data) - 1, 0).bit_length()
    while bits > 8:  # fold it in halves: some long operations for a block instead of 256 short ones
        bits >>= 1
        value ^= value >> bits
    return value & 0xFF


@cache
def _ack(within_us: int = ANSWER_WITHIN_US) -> Expect:
    return Expect(ACK, within_us)


@cache
def _opening(code: Code) -> tuple[Step, ...]:
    return Send(bytes((code, code ^ 0xFF))), _ack()


def _number(number: int) -> Send:
    both = number ^ number >> 16
    return Send(number.to_bytes(4, "big") + bytes(((both ^ both >> 8) & 0xFF,)))


def synchronise(repeats: int, every_us: int = SYNC_EVERY_US) -> tuple[Step, ...]:
    """Send 0x7F until it is acknowledged; a stray 0x00 from the reset is passed over.

    AN3155 §2; the 0x00: seen by stm32flash's users. NACK fails the steps with `got` 0x1F: the ROM was in
    step already and a byte was pending (see `realign`).
    """
    return (
        Send(bytes((SYNC,))),
        Expect(ACK, every_us, b"\x00", OnSilence.REPEAT, repeat_back=1, repeat_times=repeats),
    )


def settled(settings: UartSettings, quiet_us: int = 0) -> Step:
    """Drop what follows the sync's ACK: some ROMs send a second one (L412 V13.1, AN2606)."""
    quiet_us = max(2_000, settings.wire_time_us(3), quiet_us)
    return Discard(quiet_us, within_us=50_000 + quiet_us)


def realign(quiet_us: int = SYNC_EVERY_US) -> tuple[Step, ...]:
    """One byte that completes a half-received command as an illegal one, and drop the NACK.

    Only right after a sync: as an erase's argument a filler could do harm.
    """
    return Send(bytes((SYNC,))), Discard(quiet_us, within_us=ANSWER_WITHIN_US)


def get(settings: UartSettings, answer_delay_us: int = 0) -> Command:
    """GET: bootloader version and the commands it has.

    The reply is read until quiet, not by its count: the ROM 9.0 of the H74x counts two too many. On a
    network its parts may come apart by as much as they come late.
    """
    quiet_us = max(5_000, settings.wire_time_us(3), answer_delay_us)
    until_quiet = ReceiveUntilQuiet(quiet_us, cap=64, within_us=ANSWER_WITHIN_US)
    return Command(Code.GET, (*_opening(Code.GET), until_quiet))


@dataclass(frozen=True, slots=True)
class GetReply:
    """The ROM's protocol version (0x31 is 3.1) and command codes, unknown ones included."""

    version: int
    commands: frozenset[int]
    is_miscounted: bool = False
    """The count is two too high: the ROM 9.0 of the H74x, or two bytes were lost."""


def parse_get(data: bytes) -> GetReply:
    """Parse what follows GET's first ACK: count, version, codes, ACK. Raises `BadReply`."""
    if len(data) < 3 or data[-1] != ACK:
        message = f"GET answered {data.hex(' ') or 'nothing'}: no list that ends in ACK"
        raise BadReply(message)
    version, commands = data[1], frozenset(data[2:-1])
    surplus = data[0] - len(data[2:-1])
    if Code.GET not in commands:
        message = f"GET answered {data.hex(' ')}: its list lacks GET itself"
        raise BadReply(message)
    if surplus not in {0, 2}:
        message = f"GET answered {data.hex(' ')}: it announced {data[0] + 1} bytes and sent {len(data) - 2}"
        raise BadReply(message)
    return GetReply(version, commands, is_miscounted=surplus == 2)


def get_id() -> Command:
    """GET ID: the product id."""
    reply = ReceiveCounted(1, extra=2, cap=16, within_us=ANSWER_WITHIN_US)
    return Command(Code.GET_ID, (*_opening(Code.GET_ID), reply))


def parse_get_id(data: bytes) -> int:
    """Parse count, product id, ACK. Raises `BadReply`.

    A BlueNRG-style ROM counts 2 and has a one-byte id in the third byte (AN2606).
    """
    if len(data) < 3 or data[-1] != ACK:
        message = f"GET ID answered {data.hex(' ') or 'nothing'}: no id that ends in ACK"
        raise BadReply(message)
    if data[0] == 1:
        return int.from_bytes(data[1:3], "big")
    return data[-2]


def read_memory(address: int, length: int, settings: UartSettings) -> Command:
    """READ MEMORY: 1 to 256 bytes. The reply is exactly `length` bytes."""
    if not 1 <= length <= MAX_BLOCK:
        message = f"READ MEMORY moves 1 to {MAX_BLOCK} bytes, not {length}"
        raise ValueError(message)
    count_and_data = _count_and_data(length, settings.wire_time_us(length) + READ_MARGIN_US)
    steps = (*_opening(Code.READ_MEMORY), _number(address), _ack(), *count_and_data)
    return Command(Code.READ_MEMORY, steps, address, length)


@cache
def _count_and_data(length: int, within_us: int) -> tuple[Step, ...]:
    count = length - 1
    return Send(bytes((count, count ^ 0xFF))), _ack(), Receive(length, within_us)


def write_memory(address: int, data: bytes, within_us: int) -> Command:
    """WRITE MEMORY: 1 to 256 bytes; `within_us` is what programming them may take.

    The ACK's own way comes on top of it: an FTDI adapter alone holds a byte for up to 16 ms.
    """
    if not 1 <= len(data) <= MAX_BLOCK:
        message = f"WRITE MEMORY moves 1 to {MAX_BLOCK} bytes, not {len(data)}"
        raise ValueError(message)
    packet = bytes((len(data) - 1,)) + data
    steps = (
        *_opening(Code.WRITE_MEMORY),
        _number(address),
        _ack(),
        Send(packet + bytes((checksum(packet),))),
        _ack(ANSWER_WITHIN_US + within_us),
    )
    return Command(Code.WRITE_MEMORY, steps, address, len(data))


def erase(code: int, units: Sequence[int], within_us: int, address: int, length: int) -> Command:
    """ERASE (0x43) or EXTENDED ERASE (0x44) of the given page or sector numbers.

    `within_us` is what the whole erase may take, the ACK's way aside; `address` and `length` say what it
    covers, for people.
    """
    width, limit = (
        (2, 0xFFF0) if code == Code.EXTENDED_ERASE else (1, 0xFF)
    )  # from there on special: §3.7, §3.8
    if not 1 <= len(units) <= limit:
        message = f"an erase names 1 to {limit} units, not {len(units)}"
        raise ValueError(message)
    packet = b"".join(number.to_bytes(width, "big") for number in (len(units) - 1, *units))
    steps = (
        *_opening(Code(code)),
        Send(packet + bytes((checksum(packet),))),
        _ack(ANSWER_WITHIN_US + within_us),
    )
    return Command(Code(code), steps, address, length)


def mass_erase(code: int, within_us: int, address: int, length: int) -> Command:
    """ERASE or EXTENDED ERASE of all the flash; `address` and `length` say what that is, for people."""
    packet = b"\xff\xff\x00" if code == Code.EXTENDED_ERASE else b"\xff\x00"  # AN3155 §3.7, §3.8
    steps = (*_opening(Code(code)), Send(packet), _ack(ANSWER_WITHIN_US + within_us))
    return Command(Code(code), steps, address, length)


def go(address: int, *, has_first_ack: bool = True) -> Command:
    """GO: the ROM loads the stack pointer from `address` and jumps to the word behind it.

    Without `has_first_ack` the command's own ACK may be missing.
    """
    opening = _opening(Code.GO)
    if not has_first_ack:
        opening = (opening[0], Expect(ACK, FIRST_ACK_WITHIN_US, on_silence=OnSilence.GO_ON))
    return Command(Code.GO, (*opening, _number(address), _ack()), address)


def acknowledged(code: Code, packet: bytes | None, within_us: int) -> Command:
    """A command without a reply: its code, a packet (its checksum is added) if there is one, the last ACK.

    `within_us` is what its work may take, the ACK's way aside.
    """
    sent = () if packet is None else (Send(packet + bytes((checksum(packet),))),)
    return Command(code, (*_opening(code), *sent, _ack(ANSWER_WITHIN_US + within_us)))


def get_checksum(address: int, length: int) -> Command:
    """GET CHECKSUM: the chip's CRC-32 over `length` bytes, both multiples of 4 (`stm32_crc.crc32`).

    AN3155, "Get Checksum": from protocol 3.3 on, and only where GET lists it. (stm32flash 0.7 sends an older,
    shorter form.)
    """
    if length < 4 or length % 4 or address % 4:
        message = f"GET CHECKSUM covers whole 32-bit words, not {length} bytes at 0x{address:08X}"
        raise ValueError(message)
    packets = (address, length // 4, stm32_crc.POLYNOMIAL, stm32_crc.INITIAL)
    asked = tuple(step for number in packets for step in (_number(number), _ack()))
    done = _ack(ANSWER_WITHIN_US + length // 4 * CHECKSUM_WORD_US)
    reply = Receive(5, ANSWER_WITHIN_US)
    return Command(Code.GET_CHECKSUM, (*_opening(Code.GET_CHECKSUM), *asked, done, reply), address, length)


def parse_get_checksum(data: bytes) -> int:
    """Parse the CRC and its checksum. Raises `BadReply`."""
    if len(data) != 5 or checksum(data):
        message = f"GET CHECKSUM answered {data.hex(' ') or 'nothing'}: no CRC with its checksum"
        raise BadReply(message)
    return int.from_bytes(data[:4], "big")


def followed_by(command: Command, *steps: Step) -> Command:
    """The command with steps behind it that bring no reply, such as a wait."""
    return replace(command, steps=(*command.steps, *steps))
