"""The erase of some units of a chip as one command of its ROM."""

from collections.abc import Sequence

from stmota_daemon.target import Target
from stmota_protocol import an3155
from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.timing import erase_max_us
from stmota_protocol.steps import Wait


def erase_units(target: Target, units: Sequence[EraseUnit]) -> an3155.Command:
    """Erase units that follow on each other, waiting as long as this chip may take."""
    length = sum(unit.size for unit in units)
    numbers = [unit.index for unit in units]
    within_us = longest_erase_us(target, units)
    command = an3155.erase(target.erase_code, numbers, within_us, units[0].address, length)
    return _with_pause(target, command, units)


def erase_all(target: Target, units: Sequence[EraseUnit]) -> an3155.Command:
    """Mass erase; `units` are all of the flash."""
    length = sum(unit.size for unit in units)
    within_us = max(target.traits.mass_erase_max_us or 0, longest_erase_us(target, units))
    command = an3155.mass_erase(target.erase_code, within_us, units[0].address, length)
    return _with_pause(target, command, units)


def longest_erase_us(target: Target, units: Sequence[EraseUnit]) -> int:
    """How long the erase of units may take, one after the other."""
    return sum(erase_max_us(target.chip, unit.size) for unit in units)


def _with_pause(target: Target, command: an3155.Command, units: Sequence[EraseUnit]) -> an3155.Command:
    """Wait behind it, where this ROM acknowledges too early."""
    traits = target.traits
    if traits.pause_after_erase_us and units[-1].address >= traits.pause_from_address:
        return an3155.followed_by(command, Wait(traits.pause_after_erase_us))
    return command
