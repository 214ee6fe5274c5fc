"""`stmota option-bytes`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command, with_examples
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.jobs import run_options
from stmota_client.quantity import address, parse_number
from stmota_protocol.api import JobKind, ProblemCode
from stmota_protocol.api.chip_work import MemoryBytes, OptionBytesOptions, OptionBytesResult, OptionValue


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionWriteArguments(OnJob):
    """What to write."""

    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE|ADDRESS=HEX...",
            help="A field by the reference manual's name, or bytes at an address, e.g. 0x1FFFF804=12.",
        ),
    ]
    force: Annotated[
        bool, typer.Option("--force", help="Override a refusal that is a matter of judgement.")
    ] = False
    permanent: Annotated[
        bool,
        typer.Option("--permanent", help="Allow what can NEVER be undone: read protection level 2."),
    ] = False


def option_bytes() -> None:
    """Read and write a chip's option bytes."""


def read(arguments: OnJob) -> None:
    """Show the option bytes: the fields that decide booting and protection by name, and all in hex."""
    _show(arguments, OptionBytesOptions())


def write(arguments: OptionWriteArguments) -> None:
    """Change option bytes, where it is known how the chip's bootloader takes that; the others are kept.

    Refuses what would shut the bootloader out, and what could never be undone.
    """
    fields: dict[str, int] = {}
    raw: list[MemoryBytes] = []
    for change in arguments.changes:
        name, _, value = change.partition("=")
        try:
            if name[:1].isdigit():
                raw.append(MemoryBytes(address=parse_number(name), data=bytes.fromhex(value).hex()))
            else:
                fields[name] = parse_number(value)
        except ValueError as error:
            raise ClientError.of(
                ProblemCode.USAGE,
                f"{change!r} is no change of option bytes",
                "write nBOOT_SEL=0, or 0x1FFFF804=12 for bytes at an address",
            ) from error
    options = OptionBytesOptions(
        fields=fields, raw=tuple(raw), force=arguments.force, permanent=arguments.permanent
    )
    _show(arguments, options)


def _show(arguments: OnJob, options: OptionBytesOptions) -> None:
    job = run_options(arguments, JobKind.OPTION_BYTES, options)
    if arguments.json:
        screen.document(job)
        return
    if not isinstance(job.result, OptionBytesResult):
        return
    for line in lines(job.result):
        screen.data(line)
    if job.result.note and not arguments.quiet:
        screen.say(f"note: {job.result.note}")


def lines(result: OptionBytesResult) -> list[str]:
    """Return the option bytes, one field or 16 bytes a line, escaped."""
    found = [f"{field.name} = {_value(field)}" for field in result.fields]
    for block in result.blocks:
        data = bytes.fromhex(block.data)
        rows = range(0, len(data), 16)
        found += [f"{address(block.address + at)}: {data[at : at + 16].hex(' ')}" for at in rows]
    return [escape(line) for line in found]


def _value(field: OptionValue) -> str:
    return str(field.value) if field.width == 1 else f"0x{field.value:0{-(-field.width // 4)}X}"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    add_command(group, "read", OnJob, read, examples=("stmota option-bytes read --bridge lab-esp32",))
    add_command(
        group,
        "write",
        OptionWriteArguments,
        write,
        examples=("stmota option-bytes write nBOOT_SEL=0", "stmota option-bytes write 0x1FFFF804=12"),
    )
    examples = ("stmota option-bytes read", "stmota option-bytes write nBOOT_SEL=0")
    app.add_typer(group, name="option-bytes", help=with_examples(option_bytes, examples))
