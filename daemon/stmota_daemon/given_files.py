"""The files that a job names, read: one image of them all."""

from collections.abc import Sequence
from dataclasses import dataclass

from stmota_daemon.work import WorkFailed
from stmota_protocol.api import FlashFile
from stmota_protocol.chips.model import Chip
from stmota_protocol.image_files import FirmwareFile, parse_file
from stmota_protocol.images import ImageRefused
from stmota_protocol.merging import Part


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file as it was read, and what the job says of it."""

    named: FlashFile
    content: FirmwareFile

    def part(self, chip: Chip) -> Part:
        """Return its image; raw bytes without an address go to the chip's flash start."""
        address = chip.flash_start if self.named.address is None else self.named.address
        return Part(self.named.filename, self.content.image(address))


def read_files(contents: Sequence[bytes], files: Sequence[FlashFile]) -> tuple[GivenFile, ...]:
    """Read a job's files, or refuse what is no firmware whatever the chip. Raises `WorkFailed`."""
    try:
        return tuple(
            GivenFile(
                named, FirmwareFile(data) if named.kept else parse_file(data, named.address, named.filename)
            )
            for named, data in zip(files, contents, strict=True)
        )
    except ImageRefused as refused:
        raise WorkFailed(refused.problem) from refused
