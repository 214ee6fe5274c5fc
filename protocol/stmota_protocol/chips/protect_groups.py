"""Which numbers WRITE PROTECT takes for erase units: those of the option bytes' groups."""

from collections.abc import Mapping, Sequence

from stmota_protocol.chips.layout import EraseUnit
from stmota_protocol.chips.model import Chip
from stmota_protocol.chips.protection import protect_group
from stmota_protocol.chips.write_protect_rules import Areas, write_protect_rule


class GroupsUnknown(Exception):
    """No source tells how this chip counts them."""


class PartOfGroup(Exception):
    """Some units of a group are named, and others not; `units` is the whole group."""

    def __init__(self, units: Sequence[EraseUnit]) -> None:
        self.units = tuple(units)
        super().__init__(f"{len(self.units)} erase units are protected together")


def groups_of(
    chip: Chip,
    option_bytes: Mapping[int, bytes],
    everything: Sequence[EraseUnit],
    wanted: Sequence[EraseUnit],
) -> tuple[int, ...]:
    """Return the groups that hold just the `wanted` units, by rising number.

    Where protection is an area (from a page to a page) its pages are the groups, and all between the first
    and the last one are protected. Raises `GroupsUnknown`, `PartOfGroup`.
    """
    rule = write_protect_rule(chip)
    if rule is None:
        raise GroupsUnknown
    if isinstance(rule, Areas):
        return _ends_of_area(everything, wanted)
    members: dict[int, list[EraseUnit]] = {}
    for unit in everything:
        group = protect_group(rule, chip, option_bytes, unit)
        if group is not None:
            members.setdefault(group, []).append(unit)
    named = set(wanted)
    found = {group: units for group, units in members.items() if not named.isdisjoint(units)}
    for units in found.values():
        if not named.issuperset(units):
            raise PartOfGroup(units)
    if named - {unit for units in found.values() for unit in units}:
        raise GroupsUnknown
    return tuple(sorted(found))


def _ends_of_area(everything: Sequence[EraseUnit], wanted: Sequence[EraseUnit]) -> tuple[int, ...]:
    """One area a bank: the units between its ends must be wanted, too."""
    indexes = [unit.index for unit in wanted]
    between = [unit for unit in everything if indexes[0] <= unit.index <= indexes[-1]]
    if len(between) != len(indexes):
        raise PartOfGroup(between)
    return tuple(indexes)
