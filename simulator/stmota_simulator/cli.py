"""`stmota sim`: boards and bridges to try things without hardware. What they do is imported when they run."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stmota_simulator.errors import SimulatorError
from stmota_simulator.fault_syntax import faults_help

EXIT_FAILED = 1

app = typer.Typer(
    help="Simulate boards and bridges, to try things without hardware.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Chip = Annotated[str, typer.Option("--chip", metavar="CHIP", help="One of `stmota sim chips`: F103xB ...")]
Flash = Annotated[
    Path | None,
    typer.Option("--flash", metavar="FILE", exists=True, dir_okay=False, help="What is in the flash."),
]
Rdp = Annotated[int, typer.Option("--rdp", min=0, max=2, help="Read protection level.")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option bit, e.g. nBOOT_SEL=0. Repeatable."),
]
Rom = Annotated[
    str | None, typer.Option("--bootloader-version", metavar="X.Y", help="Of those that the chip has.")
]
Fault = Annotated[list[str] | None, typer.Option("--fault", metavar="FAULT", help="See below. Repeatable.")]
Slow = Annotated[bool, typer.Option("--slow-flash", help="The data sheet's longest times, not the typical.")]
Heartbeat = Annotated[
    int | None,
    typer.Option("--heartbeat-ms", min=0, help="Between the application's lines, whatever its image says."),
]
Checksum = Annotated[
    bool, typer.Option("--get-checksum", help="A ROM with GET CHECKSUM; which real ones have it, GET says.")
]
FAULTS = "\b\nFaults:\n" + "\n".join(f"  {line}" for line in faults_help().splitlines())


@app.callback()
def _simulate() -> None:
    """Keep the commands named, even if there was one only."""


@app.command(epilog=FAULTS)
def bridge(  # noqa: PLR0913 - an argument is an option of the command
    *,
    chip: Chip = "F103xB",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call the bridge.")] = "lab",
    listen: Annotated[
        str,
        typer.Option("--listen", metavar="HOST:PORT", help="Port 0 takes a free one; it is printed."),
    ] = "127.0.0.1:0",
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, max=256, metavar="N", help="Make N of them, NAME-1 to NAME-N."),
    ] = None,
    rtt_ms: Annotated[float, typer.Option("--rtt-ms", min=0, help="Round trip of a simulated network.")] = 0,
    jitter_ms: Annotated[float, typer.Option("--jitter-ms", min=0, help="Added to each way, up to it.")] = 0,
    flash: Flash = None,
    rdp: Rdp = 0,
    option: Option = None,
    nboot_sel: Annotated[
        int | None, typer.Option("--nboot-sel", min=0, max=1, help="Short for --option nBOOT_SEL=.")
    ] = None,
    bootloader_version: Rom = None,
    fault: Fault = None,
    slow_flash: Slow = False,
    heartbeat_ms: Heartbeat = None,
    get_checksum: Checksum = False,
    no_mdns: Annotated[bool, typer.Option("--no-mdns", help="Do not announce it.")] = False,
) -> None:
    """Simulate a board behind a bridge on the network, announced by mDNS.

    Prints one line for each bridge once it listens. Ends with Ctrl-C.

    Example: stmota sim bridge --name lab-esp32 --chip F103xB --rtt-ms 50 --jitter-ms 10
    """
    from stmota_simulator.board_order import BoardOrder  # noqa: PLC0415 - trio and zeroconf take their time
    from stmota_simulator.bridge_command import BridgeOrder, run_bridges  # noqa: PLC0415

    options = [*(option or []), *([f"nBOOT_SEL={nboot_sel}"] if nboot_sel is not None else [])]
    faults = fault or []
    board = BoardOrder(
        chip, flash, rdp, options, bootloader_version, faults, slow_flash, heartbeat_ms, get_checksum
    )
    _run(lambda: run_bridges(BridgeOrder(board, name, count, listen, rtt_ms, jitter_ms, not no_mdns)))


@app.command(epilog=FAULTS)
def board(  # noqa: PLR0913 - an argument is an option of the command
    *,
    pty: Annotated[
        Path,
        typer.Option("--pty", metavar="PATH", help="Where a link to the pty is made, until the end."),
    ],
    chip: Chip = "F103xB",
    flash: Flash = None,
    rdp: Rdp = 0,
    option: Option = None,
    bootloader_version: Rom = None,
    fault: Fault = None,
    slow_flash: Slow = False,
    heartbeat_ms: Heartbeat = None,
    get_checksum: Checksum = False,
) -> None:
    """Simulate only a board's UART, on a pty, in its bootloader from the start.

    A pty carries the baud but no parity: tell the tool 8N1. After GO the application prints to it, and a
    line on standard output says what was started.

    Example: stmota sim board --pty /tmp/board --chip F103xB, and in another terminal
    stm32flash -m 8n1 -b 115200 -w fw.bin -v -g 0 /tmp/board
    """
    from stmota_simulator.board_order import BoardOrder  # noqa: PLC0415 - as above
    from stmota_simulator.pty_board import run_pty_board  # noqa: PLC0415

    faults = fault or []
    order = BoardOrder(
        chip, flash, rdp, option or [], bootloader_version, faults, slow_flash, heartbeat_ms, get_checksum
    )
    _run(lambda: run_pty_board(order, pty))


@app.command()
def chips() -> None:
    """List the chips that can be simulated.

    Example: stmota sim chips
    """
    from stmota_simulator.chip_list import chip_table  # noqa: PLC0415 - as above

    typer.echo(chip_table(), nl=False)


def _run(command: Callable[[], None]) -> None:
    """Run a command; what was asked wrongly is a usage error, what the system refuses is a failure."""
    try:
        command()
    except (SimulatorError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
