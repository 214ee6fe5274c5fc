"""AN3155's commands of protection. Some chips reset themselves after a change of protection."""

from collections.abc import Sequence

from stmota_protocol.an3155 import Code, Command, acknowledged

OPTION_PROGRAM_US = 2_000_000
"""To erase and program option bytes: an F1 takes 40 ms for the page and 1 ms for the rest (DS5319), others
were not looked up; generous."""
MOST_GROUPS = 255
"""Groups in one WRITE PROTECT: longer lists than the count byte has room for are none."""

HIGHEST_GROUP = 0xFF


def write_protect(groups: Sequence[int]) -> Command:
    """WRITE PROTECT these groups of flash, as the option bytes count them, and no others (AN3155)."""
    if not 1 <= len(groups) <= MOST_GROUPS:
        message = f"WRITE PROTECT names 1 to {MOST_GROUPS} groups, not {len(groups)}"
        raise ValueError(message)
    return acknowledged(Code.WRITE_PROTECT, bytes((len(groups) - 1, *groups)), OPTION_PROGRAM_US)


def write_unprotect() -> Command:
    """WRITE UNPROTECT: all of the flash."""
    return acknowledged(Code.WRITE_UNPROTECT, None, OPTION_PROGRAM_US)


def readout_protect() -> Command:
    """READOUT PROTECT: level 1."""
    return acknowledged(Code.READOUT_PROTECT, None, OPTION_PROGRAM_US)


def readout_unprotect(erase_within_us: int) -> Command:
    """READOUT UNPROTECT: the chip erases all of its flash first, which may take `erase_within_us`."""
    return acknowledged(Code.READOUT_UNPROTECT, None, OPTION_PROGRAM_US + erase_within_us)
