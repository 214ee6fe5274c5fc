"""Talks to a virtual board byte by byte, at times that the test says; knows AN3155 only from its text.

Import as `from board_rig import Rig`.
"""

from stmota_protocol.steps import Line, Parity, UartSettings
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.chip import State
from stmota_simulator.receiver import Heard

ROM_UART = UartSettings(115200, parity=Parity.EVEN)
CONSOLE = UartSettings(115200)
ACK, NACK = b"\x79", b"\x1f"
FLASH = 0x0800_0000
BYTE_US = 96
"""One byte of 11 bits at 115200 baud takes 95.5 us."""
REACTION_US = 20
SECOND_US = 1_000_000
STARTED_US = 3 * SECOND_US
"""After every ROM's start-up, even the L476's without a crystal."""


def state_of(board: VirtualBoard) -> State:
    """What a board is doing; a call, so that type checkers do not take it for what it was before."""
    return board.state


def packet(*data: int) -> bytes:
    """Bytes with their XOR."""
    checksum = 0
    for byte in data:
        checksum ^= byte
    return bytes([*data, checksum])


def address(value: int) -> bytes:
    """An address as AN3155 sends it: four bytes, most significant first, and their XOR."""
    return packet(*value.to_bytes(4, "big"))


def block(data: bytes) -> bytes:
    """The data packet of WRITE MEMORY."""
    return packet(len(data) - 1, *data)


class Rig:
    """A host's UART at a board."""

    def __init__(self, board: VirtualBoard, uart: UartSettings = ROM_UART) -> None:
        self.board = board
        self.uart = uart
        self.now_us = board.now_us
        board.listen(uart, self.now_us)

    @staticmethod
    def synced(board: VirtualBoard, uart: UartSettings = ROM_UART) -> "Rig":
        """Bring a board into its bootloader and synchronise."""
        rig = Rig(board, uart)
        rig.enter()
        assert rig.ask(b"\x7f") == ACK
        return rig

    def enter(self) -> None:
        """Reset with BOOT0 high, and wait until the ROM listens."""
        self.reset(boot0=True)
        self.wait(STARTED_US)
        self.board.received(self.now_us)

    def reset(self, *, boot0: bool) -> None:
        """Pulse NRST with BOOT0 at a level."""
        self.board.set_lines(LINES, Line.BOOT0 if boot0 else Line(0), self.now_us)
        self.wait(10_000)
        self.board.set_lines(Line.NRST, Line.NRST, self.now_us)

    def wait(self, time_us: int) -> None:
        """Let time pass."""
        self.now_us += time_us
        self.board.advance(self.now_us)

    def send(self, data: bytes) -> None:
        """Send, and be at the end of the last stop bit."""
        self.now_us = self.board.transmit(data, self.now_us, self.uart)

    def hear(self, within_us: int = SECOND_US) -> list[Heard]:
        """What comes within a time; the rig is then at its end."""
        self.now_us += within_us
        return self.board.received(self.now_us)

    def ask(self, data: bytes, within_us: int = SECOND_US) -> bytes:
        """Send, and return all bytes that come within a time."""
        self.send(data)
        return b"".join(heard.data for heard in self.hear(within_us))

    def ask_timed(self, data: bytes, within_us: int = SECOND_US) -> tuple[bytes, int]:
        """As `ask`, and when the first byte was complete, counted from the last stop bit sent."""
        self.send(data)
        sent_us = self.now_us
        heard = self.hear(within_us)
        return b"".join(one.data for one in heard), heard[0].first_us - sent_us

    def command(self, *parts: bytes, within_us: int = 60 * SECOND_US) -> list[bytes]:
        """Send the packets of a command one after the other; return what came after each."""
        return [self.ask(part, within_us) for part in parts]

    def read(self, start: int, length: int) -> bytes:
        """READ MEMORY of at most 256 bytes; asserts the three ACKs."""
        replies = self.command(b"\x11\xee", address(start), bytes([length - 1, length - 1 ^ 0xFF]))
        assert replies[:2] == [ACK, ACK]
        assert replies[2][:1] == ACK
        return replies[2][1:]

    def write(self, start: int, data: bytes) -> None:
        """WRITE MEMORY of at most 256 bytes; asserts the three ACKs."""
        assert self.command(b"\x31\xce", address(start), block(data)) == [ACK, ACK, ACK]

    def erase_units(self, *units: int) -> None:
        """EXTENDED ERASE of a list; asserts the two ACKs."""
        numbers = b"".join(unit.to_bytes(2, "big") for unit in units)
        listed = packet(*(len(units) - 1).to_bytes(2, "big"), *numbers)
        assert self.command(b"\x44\xbb", listed) == [ACK, ACK]

    def console(self, within_us: int) -> bytes:
        """What the application prints within a time."""
        self.board.listen(CONSOLE, self.now_us)
        return b"".join(heard.data for heard in self.hear(within_us))


def f103(**options: object) -> Rig:
    return Rig.synced(make_board("F103xB", **options))  # type: ignore[arg-type]
