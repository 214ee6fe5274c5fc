"""Firmware file formats with addresses of their own, a module each: `parse(data) -> Image` or `Malformed`."""
