"""TOML with line numbers: the standard library's parser tells values, and where they stand is found here."""

import re
import tomllib
from typing import Any, TypeGuard

Key = tuple[str, ...]
MAX_SYNTAX_ERRORS = 20
"""Shown at once; a file with more is no TOML at all."""
_AT_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)")


def is_table(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a table."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is an array."""
    return isinstance(value, list)


class TomlFile:
    """What could be read of a TOML text: values, syntax errors by line, and the line of each key."""

    def __init__(self, text: str) -> None:
        self.syntax_errors: list[tuple[int, str]] = []
        self.values: dict[str, Any] = {}
        lines = text.replace("\r\n", "\n").split("\n")
        while len(self.syntax_errors) < MAX_SYNTAX_ERRORS:
            try:
                self.values = tomllib.loads("\n".join(lines))
            except tomllib.TOMLDecodeError as error:
                if not self._blank_out(lines, str(error)):
                    break
            else:
                break
        self._lines = _lines_by_key(lines)

    def line(self, key: Key) -> int:
        """Return the line of a key, or of the nearest thing around it; 1 at least."""
        while key and key not in self._lines:
            key = key[:-1]
        return self._lines.get(key, 1)

    def _blank_out(self, lines: list[str], error: str) -> bool:
        """Record a syntax error and blank out its line, to check the rest; False where that cannot help."""
        match = _AT_LINE.search(error)
        number = int(match[1]) if match else len(lines)
        self.syntax_errors.append((number, _AT_LINE.sub("", error)))
        if match is None or not lines[number - 1].strip():
            return False
        lines[number - 1] = ""
        return True


def _lines_by_key(lines: list[str]) -> dict[Key, int]:
    """Return the line on which each table and each key begins; each statement is parsed on its own."""
    found: dict[Key, int] = {}
    table: Key = ()
    start = 0
    while start < len(lines):
        stop = start + 1
        statement = lines[start]
        values = _parsed(statement)
        while values is None and stop < len(lines):
            statement += "\n" + lines[stop]
            stop += 1
            values = _parsed(statement)
        if values is None:  # cannot be completed: the next line is a statement of its own
            start += 1
            continue
        if statement.lstrip().startswith("["):
            table = _paths(values)[-1] if values else table
            found.setdefault(table, start + 1)
        else:
            for path in _paths(values):
                found.setdefault(table + path, start + 1)
        start = stop
    return found


def _parsed(statement: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return None


def _paths(values: dict[str, Any]) -> list[Key]:
    """Return the paths of all keys in nested tables, outer ones first."""
    paths: list[Key] = []
    for key, value in values.items():
        paths.append((key,))
        if is_table(value):
            paths += [(key, *rest) for rest in _paths(value)]
    return paths
