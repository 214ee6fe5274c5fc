"""Several firmware files as one image: what each gives, and nothing given twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips.model import Family
from stmota_protocol.formats.pieces import MAX_SEGMENTS
from stmota_protocol.images import Image, ImageRefused, Segment


@dataclass(frozen=True, slots=True)
class Part:
    """One file's image, with the file's name for people."""

    name: str
    image: Image


def merged(parts: Sequence[Part]) -> Image:
    """Return one image of all parts (at least one); segments that touch become one.

    Raises `ImageRefused` where two files give the same byte, are built for different families, or come in
    too many pieces together.
    """
    family = _family(parts)
    runs: list[list[Segment]] = []
    last_name = ""
    placed = ((segment, part.name) for part in parts for segment in part.image.segments)
    for segment, name in sorted(placed, key=lambda one: one[0].address):
        last = runs[-1][-1] if runs else None
        if last is None or last.end < segment.address:
            runs.append([segment])
        elif last.end == segment.address:
            runs[-1].append(segment)
        else:
            raise ImageRefused(_overlap(last, last_name, segment, name))
        last_name = name
    if len(runs) > MAX_SEGMENTS:
        message = f"the files are in {len(runs)} separate pieces together, which no linker makes"
        raise ImageRefused(_refusal(message, f"give files of at most {MAX_SEGMENTS} pieces"))
    return Image(tuple(_joined(run) for run in runs), family)


def _joined(run: Sequence[Segment]) -> Segment:
    return Segment(run[0].address, b"".join(segment.data for segment in run))


def _family(parts: Sequence[Part]) -> Family | None:
    said = [part for part in parts if part.image.built_for is not None]
    for part in said:
        if part.image.built_for is not said[0].image.built_for:
            names = [
                f"{one.name} for {one.image.built_for.value}"
                for one in (said[0], part)
                if one.image.built_for
            ]
            message = f"the files are built for different chips: {' and '.join(names)}"
            raise ImageRefused(_refusal(message, "give files of one build", ProblemCode.NOT_FIRMWARE))
    return said[0].image.built_for if said else None


def _overlap(lower: Segment, lower_name: str, higher: Segment, higher_name: str) -> Problem:
    last = min(lower.end, higher.end) - 1
    where = f"0x{higher.address:08X} to 0x{last:08X}"
    message = f"{lower_name} and {higher_name} overlap: both give what goes to {where}"
    remedy = "give a raw binary its address as FILE@ADDRESS, and leave out what is in another file already"
    return _refusal(message, remedy, address=higher.address)


def _refusal(
    message: str, remedy: str, code: ProblemCode = ProblemCode.DOES_NOT_FIT, address: int | None = None
) -> Problem:
    return Problem(code=code, message=message, remedy=remedy, step="check", address=address)
