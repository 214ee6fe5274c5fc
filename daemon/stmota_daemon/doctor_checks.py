"""What an examination saw, check by check, in words."""

from stmota_daemon.doctor_evidence import Answer, Evidence, is_heard
from stmota_daemon.link import Link
from stmota_protocol.api import DoctorCheck
from stmota_protocol.heard import heard_text
from stmota_protocol.steps import Line


def bridge_check(link: Link) -> DoctorCheck:
    """That the bridge is there, and what it can drive."""
    lines = [str(line.name) for line in (Line.NRST, Line.BOOT0) if line in link.identity.lines]
    told = f"drives {' and '.join(lines)}" if lines else "drives neither NRST nor BOOT0"
    return DoctorCheck(
        name="bridge",
        ok=True,
        text=f"{link.identity.firmware}, round trip {link.clock.round_trip_s * 1000:.1f} ms, {told}",
    )


def level_checks(seen: Evidence) -> list[DoctorCheck]:
    """Idle levels."""
    found: list[DoctorCheck] = []
    for line, high in ((Line.NRST, "let go and high"), (Line.RX, "idle, high")):
        is_low = seen.is_low(line)
        name = f"{line.name} level"
        if is_low is None:
            found.append(DoctorCheck(name=name, ok=None, text="this bridge cannot read it"))
        else:
            found.append(DoctorCheck(name=name, ok=not is_low, text="low" if is_low else high))
    return found


def application_check(seen: Evidence) -> DoctorCheck:
    """Whether the application talks."""
    heard = next((data for data in (seen.heard_before, seen.heard_after) if is_heard(data)), None)
    if heard is None:
        return DoctorCheck(
            name="application",
            ok=None,
            text="said nothing at its console's settings: it may have nothing to say",
        )
    return DoctorCheck(name="application", ok=True, text=f"heard: {heard_text(heard)}")


def reset_check(seen: Evidence) -> DoctorCheck:
    """Whether NRST does something."""
    if Line.NRST not in seen.lines:
        return DoctorCheck(name="NRST", ok=None, text="this bridge has no NRST line")
    if is_heard(seen.heard_held) or seen.answered_while_held:
        return DoctorCheck(name="NRST", ok=False, text="the chip goes on while NRST is driven low")
    if seen.answered_while_held is False:
        return DoctorCheck(name="NRST", ok=True, text="the bootloader is silent while NRST is low")
    if is_heard(seen.heard_before) or is_heard(seen.heard_after):
        return DoctorCheck(name="NRST", ok=True, text="the application is silent while NRST is low")
    return DoctorCheck(name="NRST", ok=None, text="nothing was heard that it could have stopped")


def echo_check(seen: Evidence) -> DoctorCheck:
    """Whether own bytes come back."""
    if seen.returns is None:
        return DoctorCheck(name="echo", ok=None, text="no byte was sent")
    text = "own bytes come back" if seen.returns else "own bytes do not come back"
    return DoctorCheck(name="echo", ok=not seen.returns, text=text)


def bootloader_check(seen: Evidence) -> DoctorCheck:
    """Whether the ROM answers 0x7F."""
    said = {
        Answer.ACK: "0x7F was acknowledged",
        Answer.NACK: "0x7F was answered by NACK: the ROM is in the middle of a conversation",
        Answer.SILENCE: "0x7F was not answered",
        Answer.NOISE: f"0x7F was answered by {seen.noise[:8].hex(' ')}",
        Answer.NOT_ASKED: "not asked",
        Answer.NO_PARITY: "the bridge's port cannot be set to 8E1",
    }
    at = f" at {seen.baud} 8E1" if seen.is_in_rom else ""
    return DoctorCheck(name="bootloader", ok=seen.is_in_rom, text=said[seen.answer] + at)


def parity_check(seen: Evidence) -> DoctorCheck:
    """Whether bytes get through in which parity counts."""
    if not seen.is_in_rom:
        return DoctorCheck(name="parity", ok=None, text="shows only in the bootloader")
    if seen.get_failure is not None:
        return DoctorCheck(name="parity", ok=False, text=f"GET: {seen.get_failure}")
    return DoctorCheck(
        name="parity", ok=True, text=f"GET and GET ID are answered: {seen.chip or 'a chip not known'}"
    )


def boot0_check(seen: Evidence) -> DoctorCheck:
    """Whether BOOT0 decides what starts."""
    if Line.BOOT0 not in seen.lines:
        return DoctorCheck(name="BOOT0", ok=None, text="this bridge has no BOOT0 line")
    if is_heard(seen.heard_in_rom):
        return DoctorCheck(
            name="BOOT0", ok=False, text=f"driven high, and still {heard_text(seen.heard_in_rom)}"
        )
    if seen.rom_without_boot0:
        return DoctorCheck(name="BOOT0", ok=None if seen.boots_rom_when_blank else False,
                           text="driven low, and still the bootloader answers")  # fmt: skip
    if seen.is_in_rom and seen.rom_without_boot0 is False:
        return DoctorCheck(name="BOOT0", ok=True, text="high starts the bootloader, low does not")
    if seen.is_in_rom and is_heard(seen.heard_after):
        return DoctorCheck(name="BOOT0", ok=True, text="high starts the bootloader, low the application")
    return DoctorCheck(name="BOOT0", ok=None, text="shows only once the bootloader answers")
