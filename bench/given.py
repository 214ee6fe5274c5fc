"""What `python -m bench` was asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Given:
    """Options; a part takes those that it knows."""

    quick: bool = False
    boards_in_c: bool = False
    """Virtual boards of `stmota-bridge --board` instead of `stmota sim bridge`."""
    counts: tuple[int, ...] = ()
    """How many boards at once; empty: the part's own choice."""
