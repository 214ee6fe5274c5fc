"""Which modem lines of a serial port drive the target's NRST and BOOT0, and with which polarity."""

from dataclasses import dataclass
from enum import Enum, unique

from stmota_edge.errors import PortUnsupported
from stmota_protocol.steps import Line


@unique
class ModemLine(Enum):
    """A modem line of a serial port."""

    RTS = "rts"
    DTR = "dtr"


@dataclass(frozen=True, slots=True)
class Wire:
    """One modem line, and whether the adapter's driver inverts what `--reset` and `--boot0` say of it."""

    modem_line: ModemLine
    is_inverted: bool

    @staticmethod
    def parse(text: str, option: str) -> "Wire":
        """Read `rts`, `dtr`, `!rts` or `!dtr`. Raises `PortUnsupported`."""
        name = text.removeprefix("!").lower()
        if name not in (line.value for line in ModemLine):
            message = f"{option} is {text!r}; it can be rts, dtr, !rts or !dtr"
            raise PortUnsupported(message)
        return Wire(ModemLine(name), text.startswith("!"))


@dataclass(frozen=True, slots=True)
class Wiring:
    """How NRST and BOOT0 are wired; None where they are not."""

    reset: Wire | None = None
    boot0: Wire | None = None

    @staticmethod
    def parse(reset: str | None, boot0: str | None) -> "Wiring":
        """Read the two options. Raises `PortUnsupported`."""
        wiring = Wiring(
            None if reset is None else Wire.parse(reset, "reset"),
            None if boot0 is None else Wire.parse(boot0, "boot0"),
        )
        if wiring.reset and wiring.boot0 and wiring.reset.modem_line is wiring.boot0.modem_line:
            message = f"{wiring.reset.modem_line.value} cannot drive both reset and boot0"
            raise PortUnsupported(message)
        return wiring

    @property
    def lines(self) -> Line:
        """Lines that can be driven."""
        return (Line.NRST if self.reset else Line(0)) | (Line.BOOT0 if self.boot0 else Line(0))

    def modem_levels(self, mask: Line, levels: Line) -> dict[ModemLine, bool]:
        """Which modem lines to assert or not, for the lines in `mask` to have `levels`.

        Asserting the reset line asserts NRST (low); asserting the boot0 line drives BOOT0 high.
        """
        modem: dict[ModemLine, bool] = {}
        if self.reset and mask & Line.NRST:
            modem[self.reset.modem_line] = self.reset.is_inverted is bool(levels & Line.NRST)
        if self.boot0 and mask & Line.BOOT0:
            modem[self.boot0.modem_line] = self.boot0.is_inverted is not bool(levels & Line.BOOT0)
        return modem
