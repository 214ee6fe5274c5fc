"""What can be wrong with a simulation that was asked for."""

from collections.abc import Iterable


class SimulatorError(Exception):
    """Root of this package's errors. The text says what, where, and what is possible instead."""


class UnknownChip(SimulatorError):
    """No such chip."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown chip {name!r}; known: {', '.join(known)}")


class UnknownRom(SimulatorError):
    """The chip has no bootloader of that version."""

    def __init__(self, version: str, chip: str, known: Iterable[str]) -> None:
        super().__init__(f"{chip} has no bootloader {version!r}; known: {', '.join(known)}")


class UnknownOption(SimulatorError):
    """The chip has no such option bit, or the value does not fit."""

    def __init__(self, text: str, chip: str, known: Iterable[str]) -> None:
        super().__init__(f"{chip} has no option {text}; known: {', '.join(known) or 'none'}")


class BadFault(SimulatorError):
    """A fault that is not understood."""


class BadImage(SimulatorError):
    """What is to be in the flash does not fit."""


class BadOption(SimulatorError):
    """An option bit that is not written NAME=VALUE."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r}: write NAME=VALUE, for example nBOOT_SEL=0")
