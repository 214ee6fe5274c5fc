"""What an image made by ESP-IDF says of itself: chip, project, version.

Sources: esp_app_format.h (esp_image_header_t) and esp_app_desc.h (esp_app_desc_t) of ESP-IDF 5.5 and 6.0. The
description stands at the beginning of the first segment, behind the image's header of 24 bytes and the
segment's of 8.
"""

from dataclasses import dataclass
from struct import Struct

IMAGE_MAGIC = 0xE9
"""esp_app_format.h: ESP_IMAGE_HEADER_MAGIC."""
CHIP_ID_AT = 12
"""esp_image_header_t: four bytes, entry (4), WP pin and drives (4), then it, u16."""
DESCRIPTION_AT = 0x20
DESCRIPTION_MAGIC = 0xABCD5432
"""esp_app_desc.h: ESP_APP_DESC_MAGIC_WORD."""
DESCRIPTION = Struct("<II8s32s32s")
"""esp_app_desc_t: magic, secure version, two reserved words, version, project name; more follows."""
CHIPS = {0x0000: "esp32", 0x0002: "esp32s2", 0x0005: "esp32c3", 0x0009: "esp32s3", 0x000D: "esp32c6"}
"""esp_app_format.h: esp_chip_id_t, as far as a bridge runs on them."""


class NotAnEspImage(ValueError):
    """A file that is no application image of ESP-IDF; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class EspImage:
    """What an image says of itself."""

    chip: str
    """As CONFIG_IDF_TARGET has it, or `chip 0x0012` for one that is not known here."""
    project: str
    version: str


def read_esp_image(data: bytes) -> EspImage:
    """Read an image's header and description. Raises `NotAnEspImage`."""
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
    chip_id = int.from_bytes(data[CHIP_ID_AT : CHIP_ID_AT + 2], "little")
    return EspImage(CHIPS.get(chip_id, f"chip 0x{chip_id:04x}"), _text(project), _text(version))


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
