"""From what an examination saw to the wire to look at. Pure; where two faults look the same it names both.

The first rule that fits gives the verdict: supply and levels before bytes, bytes before what they mean.
"""

from collections.abc import Callable
from dataclasses import dataclass

from stmota_daemon.doctor_evidence import Answer, Evidence, is_heard
from stmota_protocol.answers import errors_text
from stmota_protocol.heard import heard_text
from stmota_protocol.steps import Line

SUPPLY, GROUND = "supply", "ground"
TX, RX = "TX", "RX"
"""By the bridge's names: its TX goes to the chip's RX, its RX to the chip's TX."""
NRST, BOOT0 = "NRST", "BOOT0"

_IGNORES_BOOT0 = (
    "option bits may make the chip ignore BOOT0 (nBOOT_SEL, nSWBOOT0, BOOT_LOCK, TZEN; RDP level 2): see"
    " docs/wiring.md"
)
_WIRE_TX = (
    "wire the bridge's TX to the chip's bootloader RX (PA10 on most families, docs/wiring.md has a table)"
)
_WIRE_RX = (
    "wire the bridge's RX to the chip's bootloader TX (PA9 on most families, docs/wiring.md has a table)"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, where, and what to do; `suspects` is empty when nothing is."""

    text: str
    suspects: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


def verdict(seen: Evidence) -> Verdict:
    """Judge."""
    for rule in _RULES:
        found = rule(seen)
        if found is not None:
            return found
    return _nothing_heard(seen)


def _supply(seen: Evidence) -> Verdict | None:
    if not (seen.is_low(Line.NRST) and seen.is_low(Line.RX)):
        return None
    return Verdict(
        "NRST and RX are low although nothing drives them: the board has no supply",
        (SUPPLY, GROUND),
        ("switch the board on and measure its 3.3 V", "join the grounds of board and bridge"),
    )


def _nrst_low(seen: Evidence) -> Verdict | None:
    if not seen.is_low(Line.NRST) or seen.was_heard or seen.is_in_rom:
        return None
    return Verdict(
        "NRST stays low although the bridge lets it go: something else holds the chip in reset",
        (NRST,),
        ("look for a short from NRST to ground, a pressed button, or a debugger that holds the chip",),
    )


def _rx_low(seen: Evidence) -> Verdict | None:
    if not seen.is_low(Line.RX) or seen.was_heard or seen.is_in_rom:
        return None
    is_powered = seen.is_low(Line.NRST) is False
    or_supply = (
        "" if is_powered else ", or the board has no supply (NRST, which would tell, cannot be read here)"
    )
    return Verdict(
        f"RX is low where an idle UART is high: a short to ground, or inverted (RS-232) levels{or_supply}",
        (RX,) if is_powered else (RX, SUPPLY),
        (
            "measure the chip's TX: 3.3 V while idle; a level shifter between them needs its supply",
            "put no RS-232 transceiver between chip and bridge",
        ),
    )


def _returns(seen: Evidence) -> Verdict | None:
    if not seen.returns:
        return None
    if seen.is_in_rom:
        return Verdict(
            "the line returns what the bridge sends, and the chip answers: a half-duplex (RS-485) line",
            (TX, RX),
            ("switch the transceiver's receiver off while the bridge sends (RE beside DE)",),
        )
    return Verdict(
        "the bridge hears what it sends, and nothing of the chip: its TX and RX touch, or an RS-485"
        " transceiver hears itself while its other side is silent",
        (TX, RX),
        (
            "look for a solder bridge or a swapped connector between TX and RX",
            "check the line behind a transceiver",
        ),
    )


def _no_parity(seen: Evidence) -> Verdict | None:
    if seen.answer is not Answer.NO_PARITY:
        return None
    return Verdict(
        "the bridge's serial port cannot be set to 8E1, which the ROM talks",
        ("parity",),
        ("use a port that can: a plain socket:// port cannot change its settings",),
    )


def _get_failed(seen: Evidence) -> Verdict | None:
    if not seen.is_in_rom or seen.get_failure is None:
        return None
    return Verdict(
        f"0x7F is acknowledged, and GET is not ({seen.get_failure}): 0x7F and ACK read the same with and"
        " without even parity, other bytes do not. The bridge's UART does not send parity, or the line"
        " garbles bytes",
        ("parity", TX, GROUND),
        (
            "the adapter or bridge must be able to do even parity (8E1)",
            "else check ground and the length of the wires, and try a lower --baud",
        ),
    )


def _nrst_ignored_by_rom(seen: Evidence) -> Verdict | None:
    if not seen.answered_while_held:
        return None
    return Verdict(
        "the bootloader answers while NRST is driven low: NRST does not reach the chip",
        (NRST,),
        (
            "wire the bridge's NRST to the chip's NRST",
            "is its polarity right? `--reset` of a serial port inverts",
        ),
    )


def _boot0_high(seen: Evidence) -> Verdict | None:
    if not seen.rom_without_boot0:
        return None
    if seen.has_blank_flash and seen.boots_rom_when_blank:
        return None
    return Verdict(
        "the chip starts its bootloader also with BOOT0 driven low: BOOT0 does not follow the bridge, and is"
        " high (or option bits select the ROM)",
        (BOOT0,),
        ("remove the BOOT0 jumper, or wire BOOT0 to the bridge with a 10 kOhm pull-down", _IGNORES_BOOT0),
    )


def _healthy(seen: Evidence) -> Verdict | None:
    if not seen.is_in_rom or seen.get_failure is not None:
        return None
    doubts = [
        text
        for doubtful, text in (
            (Line.NRST not in seen.lines, "NRST is not driven by this bridge"),
            (Line.BOOT0 not in seen.lines, "BOOT0 is not driven by this bridge"),
            (seen.rom_without_boot0, "flash is empty, so that this chip starts its ROM whatever BOOT0 is"),
        )
        if doubtful
    ]
    text = "the wiring is right" + (f", as far as it is there: {'; '.join(doubts)}" if doubts else "")
    return Verdict(text)


def _reset_ignored(seen: Evidence) -> Verdict | None:
    if not is_heard(seen.heard_held):
        return None
    return Verdict(
        f"the application goes on talking while NRST is driven low ({heard_text(seen.heard_held)}): NRST does"
        " not reach the chip",
        (NRST,),
        (
            "wire the bridge's NRST to the chip's NRST",
            "is its polarity right? `--reset` of a serial port inverts",
        ),
    )


def _boot0_ignored(seen: Evidence) -> Verdict | None:
    if not is_heard(seen.heard_in_rom):
        return None
    said = heard_text(seen.heard_in_rom)
    if Line.NRST not in seen.lines:
        return Verdict(
            f"the application runs ({said}), and this bridge has no NRST line to reset it into the ROM",
            (),
            ("reset the board by hand while the doctor asks for it, with BOOT0 high",),
        )
    if Line.BOOT0 not in seen.lines:
        return Verdict(
            f"reset and RX are right; the application runs ({said}), as this bridge has no BOOT0 line. TX"
            " shows only in the bootloader",
            (),
            ("set BOOT0 high by hand and ask the doctor again",),
        )
    return Verdict(
        f"the application starts although BOOT0 is driven high at the reset ({said}): BOOT0 does not reach"
        " the chip, or the chip ignores it",
        (BOOT0,),
        ("wire the bridge's BOOT0 to the chip's BOOT0", _IGNORES_BOOT0),
    )


def _noise(seen: Evidence) -> Verdict | None:
    if seen.answer is not Answer.NOISE:
        return None
    return Verdict(
        f"bytes come that are no answer ({seen.noise[:8].hex(' ')}{errors_text(seen.errors)}): the rate is"
        " wrong or too high, ground is not joined, or something else talks on the line",
        (RX, GROUND, "baud"),
        ("join the grounds, shorten the wires", "look for a second device on the line", "try --baud 9600"),
    )


def _hears_nothing(seen: Evidence) -> Verdict | None:
    if not seen.was_heard:
        return None
    if Line.NRST not in seen.lines:
        return Verdict(
            "the application was heard, so RX is right; the bootloader was not entered, as nobody reset the"
            " board with BOOT0 high, or TX does not reach the chip",
            (TX, BOOT0),
            ("reset the board by hand with BOOT0 high when the doctor asks for it", _WIRE_TX),
        )
    return Verdict(
        "the application is heard, and stops when the chip is reset with BOOT0 high: RX, NRST and BOOT0 are"
        " right. The bootloader does not hear the bridge: TX does not reach the chip's bootloader RX",
        (TX,),
        (_WIRE_TX, "another UART than the ROM's own ones works for the application and not for this"),
    )


def _nothing_heard(seen: Evidence) -> Verdict:
    """Nothing ever came: what is left cannot be told apart from here, and it says so."""
    suspects = [RX, TX]
    text = (
        "nothing was ever heard, and RX is idle. From here these look the same: RX is not wired to the"
        " chip's TX; TX and RX are swapped; TX does not reach the chip and its application prints nothing"
    )
    remedies = ["swap TX and RX and ask again", _WIRE_RX, _WIRE_TX]
    if seen.lines & (Line.NRST | Line.BOOT0) == Line.NRST | Line.BOOT0:
        suspects += [BOOT0, NRST]
        text += "; BOOT0 or NRST does not reach the chip and its application prints nothing"
    else:
        suspects += [BOOT0]
        text += "; the board was not reset with BOOT0 high"
        remedies.append("reset the board by hand with BOOT0 high when the doctor asks for it")
    remedies += ["flash the board once in another way with an application that prints: that tells RX apart"]
    remedies.append(_IGNORES_BOOT0)
    return Verdict(text, tuple(suspects), tuple(remedies))


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _supply,
    _nrst_low,
    _rx_low,
    _returns,
    _no_parity,
    _get_failed,
    _nrst_ignored_by_rom,
    _boot0_high,
    _healthy,
    _reset_ignored,
    _boot0_ignored,
    _noise,
    _hears_nothing,
)
