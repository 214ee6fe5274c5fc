"""A board as it is asked for on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stmota_simulator.board import VirtualBoard
from stmota_simulator.boards import make_board
from stmota_simulator.errors import BadOption
from stmota_simulator.fault_syntax import parse_faults


@dataclass(frozen=True, slots=True)
class BoardOrder:
    """The options of `stmota sim` that say what the board is."""

    chip: str
    flash: Path | None = None
    rdp: int = 0
    options: Sequence[str] = ()
    bootloader_version: str | None = None
    faults: Sequence[str] = ()
    has_slow_flash: bool = False
    heartbeat_ms: int | None = None
    has_checksum: bool = False

    def make(self, serial: str, *, boot0: bool = False, carries_parity: bool = True) -> VirtualBoard:
        """Make one such board. Raises a `SimulatorError` for what there is not, OSError for the file."""
        return make_board(
            self.chip,
            serial=serial,
            image=self.flash.read_bytes() if self.flash is not None else b"",
            rdp=self.rdp,
            option_bits=dict(map(_parse_option, self.options)),
            bootloader_version=self.bootloader_version,
            faults=parse_faults(self.faults),
            is_slow=self.has_slow_flash,
            heartbeat_ms=self.heartbeat_ms,
            has_checksum=self.has_checksum,
            boot0=boot0,
            carries_parity=carries_parity,
        )


def _parse_option(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    try:
        return name, int(value, 0)
    except ValueError:
        raise BadOption(text) from None
