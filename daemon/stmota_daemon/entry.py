"""Into the ROM bootloader and out again, as batches: lines, waits, sync.

Times and order: reference manual of each family, AN2606's start-up table, AN3155 §2. Which lines the
bridge has decides what can be done; a board without them is asked for by hand.
"""

from dataclasses import dataclass, field, replace

from stmota_protocol import an3155
from stmota_protocol.answers import errors_text
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips import Chip
from stmota_protocol.chips.boot_suspects import boot0_suspects
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Discard,
    Line,
    LineErrors,
    ReceiveUntilQuiet,
    Result,
    SetLines,
    Step,
    UartSettings,
    Wait,
)

RESET_LOW_US = 10_000
"""NRST low: chips need 0.3 to 20 us; 10 ms also discharges a capacitor of 100 nF on a 40 k pull-up."""
START_UP_US = 20_000
"""From reset to the first 0x7F: enough for most families; the others are asked again."""
SYNC_FOR_US = 3_000_000
"""More than the slowest start-up known (L47x without LSE, 2.56 s, AN2606)."""
QUICK_REPEATS = 5
QUICK_EVERY_US = 50_000
"""Is the ROM there already? For boards that the bridge cannot reset, and ports that answer late by 300 ms."""
BY_HAND_FOR_US = 30_000_000
"""For a person to reset the board."""
BY_HAND_EVERY_US = 250_000
"""So that fewer than 130 of them are sent: a ROM that still waits for the pages of an ERASE would take the
first 0x7F for "128 pages follow", and the 130th for the right checksum."""

LISTEN_US = 1_200_000
"""For an application to say something: at its start, or each second. It may be in the middle of a line."""
SHORTEST_TEXT = 4
"""Fewer printable characters than this may be chance."""

RESET_BOTH = Line.NRST | Line.BOOT0


@dataclass(frozen=True, slots=True)
class Asking:
    """How often 0x7F is sent, and for how long."""

    repeats: int
    every_us: int

    @staticmethod
    def spread(for_us: int, every_us: int) -> "Asking":
        """Ask for a time, at least a few times."""
        return Asking(max(for_us // every_us, QUICK_REPEATS), every_us)


def ask_every_us(answer_delay_us: int) -> int:
    """Return the pause between two 0x7F where answers come so late: no second one before the first's ACK."""
    return max(an3155.SYNC_EVERY_US, 2 * answer_delay_us)


def rom_settings(baud: int, console: UartSettings) -> UartSettings:
    """How the ROM is talked to over the line that the console uses: full duplex, or RS-485."""
    return replace(an3155.rom_uart(baud), rs485=console.rs485, echo=console.echo)


def into_bootloader(lines: Line, settings: UartSettings, asking: Asking) -> Batch:
    """Reset with BOOT0 high, as far as the lines are there, and sync."""
    # What the pins did at reset is no answer; and a line that never is quiet must not hold us up.
    is_late = asking.every_us > an3155.SYNC_EVERY_US
    quiet_us = asking.every_us if is_late else 1_000
    silent = Discard(quiet_us, within_us=50_000 + asking.every_us)
    sync = an3155.synchronise(asking.repeats, asking.every_us)
    behind = an3155.settled(settings, quiet_us)
    return Batch((*_reset_with_boot0_high(lines, settings), silent, *sync, behind))


def _reset_with_boot0_high(lines: Line, settings: UartSettings) -> tuple[Step, ...]:
    steps: list[Step] = []
    if lines & Line.NRST:
        steps += [SetLines(lines & RESET_BOTH, lines & Line.BOOT0), Configure(settings), Wait(RESET_LOW_US)]
        steps += [SetLines(Line.NRST, Line.NRST), Wait(START_UP_US)]
    elif lines & Line.BOOT0:
        steps += [SetLines(Line.BOOT0, Line.BOOT0), Configure(settings)]
    else:
        steps += [Configure(settings)]
    return tuple(steps)


def into_application(lines: Line, console: UartSettings) -> Batch:
    """Reset with BOOT0 low, and set the console's UART while nothing can be sent yet."""
    if not lines & Line.NRST:
        return without_reset(lines, console)
    low, released = SetLines(lines & RESET_BOTH, Line(0)), SetLines(Line.NRST, Line.NRST)
    return Batch((low, Wait(RESET_LOW_US), Discard(0, 0), Configure(console), released))


def without_reset(lines: Line, console: UartSettings) -> Batch:
    """BOOT0 low for the resets to come, and the console's UART."""
    return Batch((*_boot0_low(lines), Configure(console)))


def jump_to_application(lines: Line, go: an3155.Command, console: UartSettings) -> Batch:
    """GO, with BOOT0 low for the resets to come; then the console's UART."""
    return Batch((*_boot0_low(lines), *go.steps, Configure(console)))


def _boot0_low(lines: Line) -> tuple[Step, ...]:
    return (SetLines(Line.BOOT0, Line(0)),) if lines & Line.BOOT0 else ()


def listen(lines: Line, console: UartSettings) -> Batch:
    """Reset with BOOT0 high once more and collect what comes at the console's settings.

    An application that runs all the same gives itself away by its text.
    """
    heard = ReceiveUntilQuiet(quiet_us=LISTEN_US, cap=64, within_us=LISTEN_US)
    return Batch((*_reset_with_boot0_high(lines, console), heard))


@dataclass(slots=True)
class Heard:
    """What came back while the ROM was being asked; says which wire to look at."""

    settings: UartSettings
    known_chip: Chip | None = None
    """What was found on this board before."""
    asked_s: float = 0.0
    lacks_echo: bool = False
    """Whether the line did not return what was sent, where it should."""
    was_acknowledged: bool = False
    """Whether a sync was, whatever came of GET."""
    nacks: int = 0
    noise: bytearray = field(default_factory=bytearray)
    application: str = ""
    """What an application said that should not run."""
    errors: LineErrors = field(default_factory=LineErrors)

    def add_attempt(self, result: Result) -> None:
        """Take in a failed attempt to sync."""
        self.asked_s += (result.ended_us - result.started_us) / 1e6
        self.noise += result.residue
        if result.errors:
            self.errors = result.errors
        self.lacks_echo |= result.cause is Cause.ECHO
        if result.cause is Cause.WRONG_BYTE and result.got == an3155.NACK:
            self.nacks += 1
        elif result.cause is Cause.WRONG_BYTE and result.got is not None:
            self.noise.append(result.got)

    def add_application(self, heard: bytes) -> None:
        """Take in what `listen` brought, if it is text."""
        shown = "".join(
            chr(byte) if 0x20 < byte < 0x7F else " " if byte in b" \t\r\n" else "." for byte in heard
        )
        text = " ".join(shown.split()).strip(". ")
        if len(text) >= SHORTEST_TEXT and text.count(".") < len(text) / 5:
            self.application = text

    def problem(self, lines: Line) -> Problem:
        """Name the failure after what was seen."""
        if self.lacks_echo or (self.noise and not self.noise.strip(bytes((an3155.SYNC,)))):
            return self._wrong_echo()
        if self.noise:
            return self._garbage(lines)
        if self.nacks:
            return self._problem(
                ProblemCode.NACKED,
                "only 0x1F (NACK) came back",
                "is NRST wired to the bridge? The ROM seems to be in the middle of another conversation:"
                " power-cycle the board, or look for a second device on the same line",
                "0x1F",
            )
        return self._silence(lines)

    def _wrong_echo(self) -> Problem:
        if self.lacks_echo:
            return self._problem(
                ProblemCode.SILENT,
                "the line did not return what was sent",
                "echo = true is for half-duplex lines whose transceiver keeps its receiver on while it sends."
                " Is this one, are A and B wired, and does rs485 name the right level of the direction line?",
                "nothing",
            )
        return self._problem(
            ProblemCode.GARBAGE,
            "what was sent came back, and nothing else",
            "are TX and RX joined? On a half-duplex line (RS-485) whose receiver stays on, set echo = true"
            " for this bridge in the daemon's configuration",
            self.noise[:16].hex(" "),
        )

    def _silence(self, lines: Line) -> Problem:
        missing = [line.name for line in (Line.NRST, Line.BOOT0) if line not in lines]
        by_hand = f"; this bridge has no {' and no '.join(map(str, missing))} line" if missing else ""
        return self._problem(
            ProblemCode.SILENT,
            f"nothing came back{by_hand}",
            "is the board powered, ground joined, the bridge's TX on the chip's bootloader RX (PA10 on most)"
            " and its RX on the chip's TX (PA9), NRST and BOOT0 wired?"
            + self._suspects()
            + " Some C0 and U031"
            " hang after a reset with empty flash until a power cycle (docs/rom-defects.md)",
            "nothing",
        )

    def _suspects(self) -> str:
        """Why BOOT0 may be ignored, as a sentence to add."""
        suspects = boot0_suspects(self.known_chip)
        return f" Or the chip ignores BOOT0: {suspects}." if suspects else ""

    def _garbage(self, lines: Line) -> Problem:
        noise = self.noise[:16].hex(" ")
        wire = "BOOT0" if Line.BOOT0 in lines else "BOOT0 (this bridge does not drive it)"
        if self.application:
            message = f'the application runs instead of the bootloader: it said "{self.application}"'
            remedy = f"is {wire} wired, and high at reset?{self._suspects()}"
        else:
            message = f"bytes came that are no answer: {noise}{errors_text(self.errors)}"
            remedy = (
                "wrong parity or baud? The ROM talks 8E1: an adapter or a bridge that cannot do even parity"
                f" gives this; so does an application that runs because {wire} is not high at reset."
                f" Try --baud auto.{self._suspects()}"
            )
        return self._problem(ProblemCode.GARBAGE, message, remedy, noise)

    def _problem(self, code: ProblemCode, message: str, remedy: str, got: str) -> Problem:
        asked = f"sync: 0x7F at {self.settings} for {self.asked_s:.1f} s: {message}"
        return Problem(code=code, message=asked, remedy=remedy, step="sync", expected="ACK (0x79)", got=got)
