"""Ranges of memory and numbers of erase units, as people type them."""

from dataclasses import dataclass

import typer

from stmota_client.errors import ClientError
from stmota_client.quantity import parse_number
from stmota_protocol.api import ProblemCode
from stmota_protocol.api.chip_work import MemoryPiece

MOST_UNITS = 8192
"""More than any chip has; bounds what a typing error asks for."""


def memory_range(text: str | MemoryPiece) -> MemoryPiece:
    """Parse `A..B`: from A up to B, B itself not included. Raises `typer.BadParameter`."""
    if isinstance(text, MemoryPiece):
        return text
    first, dots, end = text.partition("..")
    try:
        start, stop = parse_number(first), parse_number(end)
    except ValueError as error:
        message = f"{text!r} is no range; write it as 0x08000000..0x08004000 (the end is not included)"
        raise typer.BadParameter(message) from error
    if not dots or stop <= start:
        message = f"{text!r} is empty: the end, which is not included, comes behind the start"
        raise typer.BadParameter(message)
    return MemoryPiece(address=start, length=stop - start)


@dataclass(frozen=True, slots=True)
class Units:
    """Numbers of erase units: typer would take a bare tuple for several arguments."""

    numbers: tuple[int, ...]


def units(text: str | Units) -> Units:
    """Parse `0,3-5`. Raises `typer.BadParameter`."""
    if isinstance(text, Units):
        return text
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low = parse_number(first)
            high = parse_number(last) if dash else low
        except ValueError as error:
            message = f"{text!r} names no erase units; write them as 0,3-5"
            raise typer.BadParameter(message) from error
        if not low <= high < MOST_UNITS:
            message = f"{part!r} runs backwards, or beyond what any chip has"
            raise typer.BadParameter(message)
        found += range(low, high + 1)
    return Units(tuple(dict.fromkeys(found)))


def one_range(given: MemoryPiece | None, address: int | None, length: int | None) -> MemoryPiece | None:
    """Return what `--range`, or `--address` with `--length`, say; None: neither.

    Raises `ClientError` (USAGE) for half of it, or both.
    """
    is_whole = (address is None) == (length is None)
    if not is_whole or (given is not None and address is not None):
        message = "give --range, or --address with --length"
        remedy = "--range 0x08000000..0x08004000 and --address 0x08000000 --length 16k say the same"
        raise ClientError.of(ProblemCode.USAGE, message, remedy)
    if address is None or length is None:
        return given
    return MemoryPiece(address=address, length=length)
