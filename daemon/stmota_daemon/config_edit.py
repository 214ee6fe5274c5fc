"""Adding and removing bridges in the configuration file: all else in it stays as its author wrote it."""

import contextlib
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError

from stmota_daemon.config import BadConfig, read_config
from stmota_daemon.private_files import make_private_dir
from stmota_edge.atomic_file import write_atomically
from stmota_protocol.api import AddBridge, NetworkPlace


def add_to_config(path: Path, bridge: AddBridge) -> None:
    """Add `[bridges.NAME]`. Raises `BadConfig` (nothing was changed then) or OSError."""
    document = _read(path)
    bridges = cast(
        "MutableMapping[str, Any]", document.setdefault("bridges", tomlkit.table(is_super_table=True))
    )
    table = bridges.setdefault(bridge.name, tomlkit.table())
    place = bridge.place
    if isinstance(place, NetworkPlace):
        table["host"] = place.host
        table["port"] = place.port
    else:
        table["serial"] = place.url
        for name, source in (("reset", place.reset), ("boot0", place.boot0)):
            if source is not None:
                table[name] = source
    _write(path, tomlkit.dumps(document))


def remove_from_config(path: Path, name: str) -> None:
    """Remove `[bridges.NAME]`, if it is there. Raises `BadConfig` or OSError."""
    document = _read(path)
    with contextlib.suppress(KeyError):
        bridges = cast("MutableMapping[str, Any]", document["bridges"])
        del bridges[name]
        _write(path, tomlkit.dumps(document))


def _read(path: Path) -> tomlkit.TOMLDocument:
    read_config(path)  # names every problem with its line, better than a failing edit
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise BadConfig(path, [(1, str(error))]) from error


def _write(path: Path, text: str) -> None:
    """Replace the file, or what a link in its place points to, keeping its mode."""
    make_private_dir(path.parent)
    target = path.resolve()
    mode = 0o600
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(target).st_mode & 0o777  # noqa: PTH116  # the mode only
    write_atomically(target, text.encode(), mode)
