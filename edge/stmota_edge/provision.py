"""`stmota bridge provision`: a new bridge's settings, over its USB."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stmota_edge.bridge_console import BridgeConsole

PASSWORD_VARIABLE = "STMOTA_WIFI_PASSWORD"  # noqa: S105 - where it is read from
EXIT_FAILED = 1
MAX_SSID_BYTES = 32
"""IEEE 802.11: of an SSID."""
PASSWORD_CHARACTERS = range(8, 65)
"""IEEE 802.11i: a passphrase has 8 to 63, the key itself 64 hex digits."""
HELP_PORT = "Where the bridge's own console is: /dev/ttyUSB0, /dev/ttyACM0."
HELP_SSID = f"The Wi-Fi network. Its password is asked for, or read from {PASSWORD_VARIABLE}."
HELP_ALLOW = "What the network may do over plain TCP: settings, update. May be given twice."


def provision(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    port: Annotated[str, typer.Option("--port", metavar="PORT", help=HELP_PORT)],
    ssid: Annotated[str | None, typer.Option("--ssid", metavar="NETWORK", help=HELP_SSID)] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Of the bridge.")] = None,
    nrst: Annotated[str | None, typer.Option("--nrst", metavar="GPIO", help="Wired to NRST.")] = None,
    boot0: Annotated[str | None, typer.Option("--boot0", metavar="GPIO", help="Wired to BOOT0.")] = None,
    tx: Annotated[str | None, typer.Option("--tx", metavar="GPIO", help="Wired to the target's RX.")] = None,
    rx: Annotated[str | None, typer.Option("--rx", metavar="GPIO", help="Wired to the target's TX.")] = None,
    allow: Annotated[list[str] | None, typer.Option("--allow", metavar="WHAT", help=HELP_ALLOW)] = None,
) -> None:
    """Set a bridge up over its USB: name, pins, Wi-Fi. It restarts in the end.

    What is not named stays as it is. A GPIO has a leading ! where something inverts; none: there is no wire.

    Example: stmota bridge provision --port /dev/ttyUSB0 --ssid lab --name lab-esp32 --nrst 19 --boot0 23
    """
    settings = {"name": name, "nrst": nrst, "boot0": boot0, "tx": tx, "rx": rx}
    changes = {key: value for key, value in settings.items() if value is not None} | allowed(allow or [])
    password = wifi_password(ssid) if ssid is not None else ""
    check_wifi(ssid, password)
    from stmota_edge.errors import EdgeError  # noqa: PLC0415 - pyserial loads slowly

    try:
        _provision(port, changes, ssid, password)
    except EdgeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from error


def allowed(rights: list[str]) -> dict[str, str]:
    """The settings that allow these. Raises `typer.BadParameter`."""
    keys = {"settings": "net_settings", "update": "net_update"}
    for right in rights:
        if right not in keys:
            message = f"--allow {right}: it can be settings or update"
            raise typer.BadParameter(message)
    return {keys[right]: "yes" for right in rights}


def wifi_password(ssid: str, ask: Callable[..., str] = typer.prompt) -> str:
    """Return the network's password from the environment, else ask, without an echo."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    return ask(f"Password of {ssid} (empty: none)", default="", hide_input=True, show_default=False, err=True)


def check_wifi(ssid: str | None, password: str) -> None:
    """Check what a bridge would refuse. Raises `typer.BadParameter`, which does not tell the password."""
    if ssid is not None and not 0 < len(ssid.encode()) <= MAX_SSID_BYTES:
        message = (
            f"--ssid: a network's name has 1 to {MAX_SSID_BYTES} bytes; this one has {len(ssid.encode())}"
        )
        raise typer.BadParameter(message)
    length = len(password.encode())
    if password and length not in PASSWORD_CHARACTERS:
        message = f"a Wi-Fi password has 8 to 64 characters (or none); this one has {length}"
        raise typer.BadParameter(message)


def _provision(port: str, changes: dict[str, str], ssid: str | None, password: str) -> None:
    import serial  # noqa: PLC0415 - it loads slowly

    from stmota_edge.bridge_console import BAUD, BridgeConsole  # noqa: PLC0415
    from stmota_edge.port_trouble import cannot_open, port_failed  # noqa: PLC0415

    try:
        # Lines at rest, as on most boards RTS and DTR reset the ESP32 or hold it in its ROM.
        opened = serial.serial_for_url(port, BAUD, timeout=0.2, do_not_open=True)
        opened.rts = opened.dtr = False
        opened.exclusive = True
        opened.open()
    except (serial.SerialException, OSError, ValueError) as error:
        raise cannot_open(port, error) from error
    try:
        set_up(BridgeConsole(opened), changes, ssid, password)
    except (serial.SerialException, OSError) as error:
        raise port_failed(port, error) from error
    finally:
        opened.close()


def set_up(console: "BridgeConsole", changes: dict[str, str], ssid: str | None, password: str) -> None:
    """Write the settings, join the network, restart. Raises `ConsoleFailed`; what was saved before stays."""
    known = dict(line.split(" = ", 1) for line in console.command("show") if " = " in line)
    told = [known.get(key, "?") for key in ("name", "chip", "firmware")]
    typer.echo(f"bridge {told[0]}, {told[1]}, firmware {told[2]}")
    for key, value in changes.items():
        console.command(f"set {key} {value}")
    if changes:
        console.command("save")
        typer.echo("saved: " + ", ".join(f"{key} {value}" for key, value in changes.items()))
    if ssid is not None:
        typer.echo(f"joining the network {ssid!r}")
        console.join(ssid, password)
        typer.echo(f"on the network {ssid!r}")
    console.command("reboot")
    typer.echo("restarting; `stmota discover` shows it when it is there")
