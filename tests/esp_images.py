"""Images as ESP-IDF makes them, as far as a bridge looks at them."""


def image(version: str = "1.2.3", project: str = "stmota_bridge", length: int = 30_000) -> bytes:
    """What ESP-IDF builds, as far as a bridge looks at it (esp_app_format.h, esp_app_desc.h)."""
    head = b"\xe9" + bytes(31) + (0xABCD5432).to_bytes(4, "little") + bytes(12)
    head += version.encode().ljust(32, b"\0") + project.encode().ljust(32, b"\0")
    return head + bytes(at % 251 for at in range(length - len(head)))
