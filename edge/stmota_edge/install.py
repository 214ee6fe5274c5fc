"""`stmota bridge install`: a firmware image into an ESP32, by esptool, run as a program."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stmota_edge.provision import PASSWORD_VARIABLE
from stmota_protocol.esp_image import DESCRIPTION_AT, DESCRIPTION_MAGIC, IMAGE_MAGIC

EXIT_FAILED = 1
MERGED_OFFSET = "0x0"
"""An image that `idf.py merge-bin` made is the whole flash from its beginning."""
BUILD = Path("bridge_firmware") / "build"
ARGUMENTS = "flash_args"
"""What `idf.py build` leaves for esptool: each file with its offset."""
PROGRAMS = ("esptool", "esptool.py")
"""As esptool 5 calls itself, and as those before did."""
HELP_IMAGE = f"A merged image (idf.py merge-bin), or a build directory. [default: {BUILD}]"


def install(
    port: Annotated[str, typer.Option("--port", metavar="PORT", help="Where the ESP32 is.")],
    image: Annotated[Path | None, typer.Argument(metavar="[IMAGE]", help=HELP_IMAGE)] = None,
) -> None:
    """Write the bridge's firmware into an ESP32 over USB, with esptool.

    Example: stmota bridge install --port /dev/ttyUSB0 bridge_firmware/build
    """
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        _fail("esptool is not installed; install it: pip install esptool (or pipx install esptool)")
    arguments, directory = write_arguments(image if image is not None else BUILD)
    environment = {name: value for name, value in os.environ.items() if name != PASSWORD_VARIABLE}
    command = [program, "--port", port, *arguments]
    ended = subprocess.run(command, cwd=directory, env=environment, check=False)  # noqa: S603
    if ended.returncode:
        _fail(f"esptool ended with {ended.returncode}; what it said stands above")
    typer.echo("written; next: stmota bridge provision --port " + port + " --ssid NETWORK --name NAME")


def write_arguments(image: Path) -> tuple[list[str], Path]:
    """What to tell esptool behind the port, and where to run it. Ends the command where nothing is there."""
    if image.is_dir():
        listed = image / ARGUMENTS
        if not listed.is_file():
            _fail(f"{image}: no built firmware there; build it: cd bridge_firmware && idf.py build")
        return ["write_flash", f"@{ARGUMENTS}"], image
    if not image.is_file():
        _fail(f"{image}: no such image; build one (docs/firmware.md), or name it")
    if _is_application(image):
        _fail(
            f"{image}: this is the application alone, which does not start without what comes before it; "
            f"give the build directory, {image.absolute().parent}, or the image of idf.py merge-bin "
            "(over the network: stmota bridge update)"
        )
    return ["write_flash", MERGED_OFFSET, str(image.absolute())], Path.cwd()


def _is_application(image: Path) -> bool:
    """Whether an application begins here; what belongs here begins with nothing, or with a bootloader."""
    try:
        with image.open("rb") as file:
            head = file.read(DESCRIPTION_AT + 4)
    except OSError as error:
        _fail(f"{image}: {error.strerror}")
    magic = DESCRIPTION_MAGIC.to_bytes(4, "little")
    return head[:1] == bytes([IMAGE_MAGIC]) and head[DESCRIPTION_AT:] == magic


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(EXIT_FAILED)
