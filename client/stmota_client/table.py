"""The table of bridges."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stmota_client.escape import escape
from stmota_protocol.api import Bridge, BridgeState

COLUMNS = ("NAME", "ADDRESS", "FIRMWARE", "PROTOCOL", "SECURE", "STATE", "CHIP", "ID")
STATE_STYLES = {
    BridgeState.IDLE: "green",
    BridgeState.BUSY: "yellow",
    BridgeState.FLASHING: "yellow",
    BridgeState.HELD: "magenta",
    BridgeState.UNREACHABLE: "red",
}
PIPED_WIDTH = 1000
"""Columns for a table that no terminal limits: wide enough never to cut a value."""


def new_console() -> Console:
    """Return a console on stdout that reads nothing as markup."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def bridges_table(bridges: list[Bridge]) -> Table:
    """Return the table; text of bridges is escaped and never read as markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, no_wrap=name != "CHIP", overflow="fold")
    for bridge in bridges:
        style = STATE_STYLES.get(bridge.state, "")
        cells = (
            bridge.name,
            bridge.address,
            bridge.firmware or "-",
            bridge.protocol or "-",
            bridge.secure.value if bridge.secure else "-",
            _state(bridge),
            bridge.chip or "-",
        )
        row = [Text(escape(cell)) for cell in (*cells, bridge.id or "-")]
        row[COLUMNS.index("STATE")].stylize(style)
        table.add_row(*row)
    return table


def print_table(bridges: list[Bridge]) -> None:
    """Print the table on stdout."""
    new_console().print(bridges_table(bridges))


class LiveTable:
    """The table while it changes; it vanishes in the end."""

    def __init__(self) -> None:
        self._live = Live(console=new_console(), transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, bridges: list[Bridge]) -> None:
        """Draw the table."""
        self._live.update(bridges_table(bridges), refresh=True)


def _state(bridge: Bridge) -> str:
    if bridge.state is BridgeState.HELD and bridge.holder:
        return f"held by {bridge.holder}"
    if bridge.queued_jobs:
        return f"{bridge.state.value} (+{bridge.queued_jobs} queued)"
    return bridge.state.value
