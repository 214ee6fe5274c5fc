"""`stmota bridge serve`: a serial port of this machine becomes a bridge on the network."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

EXIT_FAILED = 1

HELP_PORT = "The port: /dev/ttyUSB0, rfc2217://HOST:PORT or socket://HOST:PORT."
HELP_RESET = "Modem line wired to NRST: rts or dtr. Asserting it asserts NRST; a leading ! inverts."
HELP_BOOT0 = "Modem line wired to BOOT0: rts or dtr. Asserting it drives BOOT0 high; a leading ! inverts."
HELP_LISTEN = "Where to listen. Anyone who reaches it can flash the board: only this machine unless you say."
HELP_NO_MDNS = "Do not announce it: daemons need its address (stmota bridge add NAME HOST:PORT)."
HELP_SETTINGS = (
    "Let the network change name and console (stmota bridge settings), kept in FILE; in secure mode it may."
)
HELP_CONSOLE = "How the board's application talks, until a daemon says otherwise."

HELP_WINDOW = "For so long after the start a daemon may secure it (stmota bridge secure NAME); 0: never."
HELP_INSECURE = "Forget the key and certificates of secure mode first: the way back from it."


def serve(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call the bridge.")],
    port: Annotated[str, typer.Option("--port", metavar="URL", help=HELP_PORT)],
    reset: Annotated[str | None, typer.Option("--reset", metavar="LINE", help=HELP_RESET)] = None,
    boot0: Annotated[str | None, typer.Option("--boot0", metavar="LINE", help=HELP_BOOT0)] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help=HELP_LISTEN)
    ] = "127.0.0.1:7820",
    console: Annotated[str, typer.Option("--console", metavar="SETTINGS", help=HELP_CONSOLE)] = "115200 8N1",
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE", help=HELP_SETTINGS)] = None,
    no_mdns: Annotated[bool, typer.Option("--no-mdns", help=HELP_NO_MDNS)] = False,
    secure_window: Annotated[
        float, typer.Option("--secure-window", metavar="SECONDS", min=0, help=HELP_WINDOW)
    ] = 300,
    insecure: Annotated[bool, typer.Option("--insecure", help=HELP_INSECURE)] = False,
) -> None:
    """Make a serial port a bridge on the network.

    Words typed at it: secure lets a daemon secure it for 5 minutes, insecure makes it forget its key.

    Example: stmota bridge serve --name desk --port /dev/ttyUSB0 --reset rts --boot0 dtr
    """
    # Imported here, so that `stmota --help` does not load trio, pyserial and zeroconf.
    from stmota_edge.errors import EdgeError, PortUnsupported  # noqa: PLC0415
    from stmota_edge.serve_port import ServeOrder, run_bridge  # noqa: PLC0415

    try:
        order = ServeOrder.parse(
            name, port, reset, boot0, listen, console, is_announced=not no_mdns, settings_file=settings
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    order = replace(order, secure_window_s=secure_window, forgets_security=insecure)
    try:
        run_bridge(order)
    except PortUnsupported as error:
        raise typer.BadParameter(str(error)) from error
    except (EdgeError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error
