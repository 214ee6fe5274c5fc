"""What can be seen to be wrong with a job's options without a chip."""

from collections.abc import Sequence

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.firmware_store import FirmwareStore
from stmota_protocol.api import FlashFile, FlashOptions, JobKind, JobOptions, JobRequest, ProblemCode
from stmota_protocol.api.bridge_work import BridgeSettingsOptions, BridgeUpdateOptions
from stmota_protocol.api.chip_work import (
    EraseOptions,
    GoOptions,
    MemoryBytes,
    OptionBytesOptions,
    ReadOptions,
    VerifyOptions,
)
from stmota_protocol.expectation import MAX_WITHIN_S, BadPattern, compile_pattern
from stmota_protocol.limits import HEADER_BYTES, MAX_KEY_BYTES, MAX_SETTINGS, MAX_SMALL_FRAME, MAX_VALUE_BYTES

MIN_BAUD = 1200
"""The slowest any ROM of the table synchronises at (AN3155 §3.1 and the devices' limits)."""
MAX_BAUD = 2_000_000
"""Beyond what any ROM follows; the bridge's own limits show as a failed step."""
MAX_FILENAME = 255
MAX_FILES = 16
"""Of one job: a bootloader, an application, settings and more; bounds what it can ask to read."""
MAX_READ = 64 * 1024 * 1024
"""Bytes of one read: what the firmware store takes, and an hour and a half at 115200 baud."""
MAX_CHANGES_BYTES = MAX_SMALL_FRAME - HEADER_BYTES - 1
"""One SetSettings (BRIDGE_PROTOCOL.md), its count aside."""
SECRET = "password"  # noqa: S105 - a key, no secret
"""The one setting that is a secret (bridge_settings.c)."""
MAX_PATCHES = 64
"""Option bytes given by address: more than any chip has words of them."""
END_OF_MEMORY = 1 << 32
_WITHOUT_OPTIONS = frozenset({JobKind.FLASH, JobKind.INFO, JobKind.RESET, JobKind.DOCTOR})


def check_request(asked: JobRequest, firmware: FirmwareStore) -> None:
    """Check that a request has the options of its kind and no others, and what they say. Raises `Refused`."""
    if (asked.kind is JobKind.FLASH) != (asked.flash is not None):
        raise refused(ProblemCode.USAGE, "`flash` belongs to a job of the kind flash, and only there")
    if asked.flash is not None:
        _check_expectation(asked.flash)
        check_baud(asked.flash.baud)
        _check_files(asked.flash.files, firmware)
    if asked.options is None:
        if asked.kind not in _WITHOUT_OPTIONS:
            raise refused(ProblemCode.USAGE, f"a job of the kind {asked.kind.value} needs its `options`")
        return
    if asked.options.__struct_config__.tag != asked.kind.value:
        raise refused(ProblemCode.USAGE, f"these `options` are not of the kind {asked.kind.value}")
    _check_options(asked.options, firmware)


def _check_expectation(options: FlashOptions) -> None:
    if options.expect is None:
        if options.rollback:
            raise refused(ProblemCode.USAGE, "rollback needs expect: without it every start is good")
        return
    if not options.start:
        raise refused(ProblemCode.USAGE, "expect needs a start: a board left in its bootloader says nothing")
    if not 0 < options.within_s <= MAX_WITHIN_S:
        raise refused(ProblemCode.USAGE, f"within_s {options.within_s} is not from 0 to {MAX_WITHIN_S:g}")
    try:
        compile_pattern(options.expect)
    except BadPattern as bad:
        raise refused(ProblemCode.USAGE, str(bad)) from bad


def check_baud(baud: int | None) -> None:
    """Raises `Refused`; None is for the daemon to find out."""
    if baud is not None and not MIN_BAUD <= baud <= MAX_BAUD:
        raise refused(ProblemCode.USAGE, f"baud {baud} is not from {MIN_BAUD} to {MAX_BAUD}")


def _check_files(files: Sequence[FlashFile], firmware: FirmwareStore) -> None:
    if not 0 < len(files) <= MAX_FILES:
        raise refused(ProblemCode.USAGE, f"1 to {MAX_FILES} files make a job, not {len(files)}")
    for file in files:
        check_file(file.firmware, file.filename, file.address, firmware)
        if file.kept:
            raise refused(ProblemCode.USAGE, "`kept` is the daemon's to say; ask for it by `keep`")


def check_file(sha256: str, filename: str, address: int | None, firmware: FirmwareStore) -> None:
    """Check a file that a job names. Raises `Refused`."""
    if not 0 < len(filename) <= MAX_FILENAME or not filename.isprintable():
        raise refused(ProblemCode.USAGE, f"filename must have 1 to {MAX_FILENAME} printable characters")
    if address is not None:
        _check_range(address, 1)
    if not firmware.has(sha256):
        raise refused(
            ProblemCode.UNKNOWN_FIRMWARE,
            f"the firmware {sha256[:64]!r} is not in the store",
            "send it first: PUT /v1/firmware/{sha256}",
        )


def _check_options(options: JobOptions, firmware: FirmwareStore) -> None:
    match options:
        case ReadOptions():
            check_baud(options.baud)
            _check_whole_range(options.address, options.length)
        case VerifyOptions():
            check_baud(options.baud)
            _check_files(options.files, firmware)
        case EraseOptions():
            check_baud(options.baud)
            _check_whole_range(options.address, options.length)
            if options.units is not None and options.address is not None:
                raise refused(ProblemCode.USAGE, "an erase names a range or units, not both")
        case GoOptions():
            _check_range(options.address, 1)
        case OptionBytesOptions():
            _check_patches(options.raw)
        case BridgeSettingsOptions():
            _check_settings(options.changes)
        case BridgeUpdateOptions():
            check_file(options.firmware, options.filename, None, firmware)
        case _:
            pass


def _check_settings(changes: dict[str, str]) -> None:
    if len(changes) > MAX_SETTINGS:
        raise refused(ProblemCode.USAGE, f"at most {MAX_SETTINGS} settings in one job")
    for key, value in changes.items():
        if len(key.encode()) > MAX_KEY_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
            message = f"{key[:40]!r}: a key has at most {MAX_KEY_BYTES} bytes, a value {MAX_VALUE_BYTES}"
            raise refused(ProblemCode.USAGE, message)
        if key == SECRET:
            message = "the Wi-Fi password is not set over the network, and no job remembers it"
            raise refused(ProblemCode.USAGE, message, "over USB it is: stmota bridge provision")
    if sum(2 + len(f"{key}{value}".encode()) for key, value in changes.items()) > MAX_CHANGES_BYTES:
        raise refused(ProblemCode.USAGE, f"these changes have more than {MAX_CHANGES_BYTES} bytes together")


def _check_whole_range(address: int | None, length: int | None) -> None:
    if (address is None) != (length is None):
        raise refused(ProblemCode.USAGE, "`address` and `length` go together")
    if address is not None and length is not None:
        _check_range(address, length)


def _check_range(address: int, length: int) -> None:
    if length < 1 or length > MAX_READ or address < 0 or address + length > END_OF_MEMORY:
        raise _no_range(address, length)


def _check_patches(patches: tuple[MemoryBytes, ...]) -> None:
    if len(patches) > MAX_PATCHES:
        raise refused(ProblemCode.USAGE, f"at most {MAX_PATCHES} places of option bytes in one job")
    for patch in patches:
        try:
            length = len(bytes.fromhex(patch.data))
        except ValueError as error:
            raise refused(ProblemCode.USAGE, f"{patch.data[:40]!r} is no hex") from error
        _check_range(patch.address, length)


def _no_range(address: int, length: int) -> Refused:
    message = f"{length} bytes at address {address} are no 32-bit range"
    return refused(ProblemCode.USAGE, message, f"a range has 1 to {MAX_READ} bytes")
