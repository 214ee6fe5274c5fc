"""The virtual board in C at its edges: what the Python one does too, and what it refuses to do."""

from collections.abc import Callable

import pytest

from board_rig import address
from stmota_protocol.steps import Parity, UartSettings
from virtual_twins import BAUDS, CHIPS, FLASH, SECOND_US, Both

NACK = b"\x1f"
PROTECTION = (b"\x63\x9c", b"\x73\x8c", b"\x82\x7d", b"\x92\x6d")
"""WRITE PROTECT, WRITE UNPROTECT, READOUT PROTECT, READOUT UNPROTECT."""


@pytest.mark.parametrize("chip", CHIPS)
def test_protection_is_refused_by_the_board_that_lacks_it_and_changes_nothing(
    chip: str, boards: Callable[..., Both]
) -> None:
    both = boards(chip)
    before = both.same_flash()
    for command in PROTECTION:
        assert both.ask_c(command) == NACK
    assert both.ask(b"\x02\xfd")[:1] == b"\x79"  # it still is in step with the Python one
    assert both.same_flash() == before


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    "command", [b"\x00\xfe", b"\x79\x86", b"\xff\x00", b"\x7f\x7f", b"\x11\x11", b"\x45\xba"]
)
def test_commands_that_are_none_or_come_spoilt_are_answered_alike(
    chip: str, command: bytes, boards: Callable[..., Both]
) -> None:
    both = boards(chip)
    both.ask(command)
    both.ask(b"\x02\xfd")


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_host_that_stops_in_a_command_and_starts_anew_finds_both_alike(
    chip: str, at: int, boards: Callable[..., Both]
) -> None:
    both = boards(chip)
    parts = (b"\x31\xce", address(FLASH), b"\x03\x01\x02\x03\x04")
    both.command(*parts[:at])
    both.ask(parts[at][:1])  # the rest never comes: the next command's bytes are taken for it
    both.ask(b"\x02\xfd")
    both.ask(b"\x02\xfd", 20 * SECOND_US)
    both.enter()
    both.ask(b"\x02\xfd")
    both.same_flash()


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("share", [1, 4, 16])
def test_the_first_byte_sets_the_speed(chip: str, share: int, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.uart = UartSettings(BAUDS[chip] // share, parity=Parity.EVEN)
    both.enter()
    both.ask(b"\x02\xfd")
    assert both.read(FLASH, 16)[2] == b"\x79" + both.python.flash[:16]


@pytest.mark.parametrize("chip", CHIPS)
def test_a_second_synchronisation_is_no_command(chip: str, boards: Callable[..., Both]) -> None:
    both = boards(chip)
    both.ask(b"\x7f")
    both.ask(b"\x7f")
    both.ask(b"\x02\xfd")


@pytest.mark.parametrize("chip", CHIPS)
def test_erases_of_too_much_too_far_and_spoilt_are_answered_alike(
    chip: str, boards: Callable[..., Both]
) -> None:
    both = boards(chip, bytes(range(256)) * 16)
    if both.python.chip.rom.has_extended_erase:
        for units in (b"\x00\x00\xff\xef\x10", b"\x00\x01\x00\x00\x00\x00\x01", b"\x00\x00\x00\x01\x00"):
            both.command(b"\x44\xbb", units, within_us=20 * SECOND_US)
            both.ask(b"\x02\xfd")
        both.command(b"\x44\xbb", b"\xff\xf1\x0e", within_us=20 * SECOND_US)  # no such special erase
    else:
        for units in (b"\x00\xff\xff", b"\x01\x00\x00\x00", b"\x00\x01\x00"):
            both.command(b"\x43\xbc", units, within_us=20 * SECOND_US)
            both.ask(b"\x02\xfd")
    both.same_flash()
