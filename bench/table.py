"""Tables of figures: shown on the terminal, kept as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """One part's figures. Cells are kept as measured; only the terminal's text is rounded."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list[tuple[Cell, ...]])
    notes: list[str] = field(default_factory=list[str])

    def add(self, *cells: Cell) -> None:
        """Add a row."""
        self.rows.append(cells)

    def text(self) -> str:
        """Return it as text for a terminal."""
        lines = [self.columns, *(tuple(_text(cell) for cell in row) for row in self.rows)]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        rows = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        ]
        return "\n".join([self.title, *rows, *(f"  {note}" for note in self.notes)])

    def document(self) -> dict[str, object]:
        """Return it as one JSON object: rows as objects by column."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"part": self.name, "title": self.title, "rows": rows, "notes": self.notes}


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4f}" if abs(cell) < 10 else f"{cell:.1f}"
    return str(cell)


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return percentile(values, 50)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)] if ordered else float("nan")
