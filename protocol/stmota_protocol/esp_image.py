"""What an image made by ESP-IDF says of itself: chip, project, version, our protocol; and if it is whole.

Sources: esp_app_format.h (esp_image_header_t), esp_app_desc.h (esp_app_desc_t) and esp_image_format.c
(process_checksum) of ESP-IDF 5.5 and 6.0. The description stands at the beginning of the first segment,
behind the image's header of 24 bytes and the segment's of 8. The segments follow one another; behind the last
there is padding up to a byte before the next multiple of 16, the checksum's byte, and, where the header says
so, the SHA-256 of all before it.
"""

import hashlib
import re
from dataclasses import dataclass
from struct import Struct

from stmota_protocol.limits import SHA256_BYTES

IMAGE_MAGIC = 0xE9
"""esp_app_format.h: ESP_IMAGE_HEADER_MAGIC."""
ELF_MAGIC = b"\x7fELF"
SEGMENTS_AT = 1
"""esp_image_header_t: magic, then how many segments there are, u8."""
CHIP_ID_AT = 12
"""esp_image_header_t: four bytes, entry (4), WP pin and drives (4), then it, u16."""
HASH_APPENDED_AT = 23
"""esp_image_header_t: its last byte; 1: a SHA-256 follows the checksum."""
IMAGE_HEADER_BYTES = 24
SEGMENT = Struct("<II")
"""esp_image_segment_header_t: load address, length of the data."""
CHECKSUM_BLOCK = 16
CHECKSUM_SEED = 0xEF
"""esp_image_format.c: ESP_ROM_CHECKSUM_INITIAL, of an exclusive or of all segments' bytes."""
DESCRIPTION_AT = 0x20
DESCRIPTION_MAGIC = 0xABCD5432
"""esp_app_desc.h: ESP_APP_DESC_MAGIC_WORD."""
DESCRIPTION = Struct("<II8s32s32s")
"""esp_app_desc_t: magic, secure version, two reserved words, version, project name; more follows."""
CHIPS = {0x0000: "esp32", 0x0002: "esp32s2", 0x0005: "esp32c3", 0x0009: "esp32s3", 0x000D: "esp32c6"}
"""esp_app_format.h: esp_chip_id_t, as far as a bridge runs on them."""
PROTOCOL = re.compile(rb"stmota bridge protocol (\d{1,3})\.(\d{1,3})\0")
"""What bridge_frame.c leaves in every firmware of a bridge."""


class NotAnEspImage(ValueError):
    """A file that is no whole application image of ESP-IDF; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class EspImage:
    """What an image says of itself."""

    chip: str
    """As CONFIG_IDF_TARGET has it, or `chip 0x0012` for one that is not known here."""
    project: str
    version: str
    protocol: tuple[int, int] | None
    """Major and minor version of the bridge protocol; None: it does not tell."""


def read_esp_image(data: bytes) -> EspImage:
    """Read an image's header and description, and check that it is whole. Raises `NotAnEspImage`."""
    if data.startswith(ELF_MAGIC):
        message = "it is an ELF file; idf.py leaves the image beside it, with the ending .bin"
        raise NotAnEspImage(message)
    if len(data) < DESCRIPTION_AT + DESCRIPTION.size:
        message = f"it has {len(data)} bytes: too few for a firmware image of an ESP32"
        raise NotAnEspImage(message)
    if data[0] != IMAGE_MAGIC:
        message = (
            f"it begins with 0x{data[0]:02X}; a firmware image of an ESP32 does with 0x{IMAGE_MAGIC:02X}"
        )
        raise NotAnEspImage(message)
    magic, _, _, version, project = DESCRIPTION.unpack_from(data, DESCRIPTION_AT)
    if magic != DESCRIPTION_MAGIC:
        message = "it is a bootloader or another image without an application's description (esp_app_desc_t)"
        raise NotAnEspImage(message)
    _check_whole(data)
    chip_id = int.from_bytes(data[CHIP_ID_AT : CHIP_ID_AT + 2], "little")
    found = PROTOCOL.search(data)
    protocol = (int(found[1]), int(found[2])) if found else None
    return EspImage(CHIPS.get(chip_id, f"chip 0x{chip_id:04x}"), _text(project), _text(version), protocol)


def _check_whole(data: bytes) -> None:
    """Raises `NotAnEspImage`. What follows the image, as the signature of secure boot, is not looked at."""
    at, checksum = IMAGE_HEADER_BYTES, CHECKSUM_SEED
    for _ in range(data[SEGMENTS_AT]):
        _check_reaches(data, at + SEGMENT.size)
        _, length = SEGMENT.unpack_from(data, at)
        at += SEGMENT.size + length
        _check_reaches(data, at)
        checksum ^= _folded(data[at - length : at])
    end = (at // CHECKSUM_BLOCK + 1) * CHECKSUM_BLOCK
    has_hash = data[HASH_APPENDED_AT] == 1
    _check_reaches(data, end + (SHA256_BYTES if has_hash else 0))
    is_good = data[end - 1] == checksum
    if has_hash:
        is_good = is_good and hashlib.sha256(data[:end]).digest() == data[end : end + SHA256_BYTES]
    if not is_good:
        message = "it is damaged: its checksum or its SHA-256 is wrong"
        raise NotAnEspImage(message)


def _check_reaches(data: bytes, end: int) -> None:
    if len(data) < end:
        message = f"it is cut: it has {len(data)} bytes, and goes on to byte {end} at least"
        raise NotAnEspImage(message)


def _folded(data: bytes) -> int:
    """Return the exclusive or of all bytes: of halves with each other, as whole numbers are quick."""
    number, length = int.from_bytes(data, "little"), len(data)
    while length > 1:
        half = (length + 1) // 2
        number = (number >> (8 * half)) ^ (number & ((1 << (8 * half)) - 1))
        length = half
    return number


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
