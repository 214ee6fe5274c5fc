"""Bytes of a board's console in one line, for people."""

SHOWN_TEXT = 40
SHOWN_BYTES = 12


def heard_text(data: bytes) -> str:
    """`"made image"`, or `80 00 ff, which is no text`; cut to `SHOWN_TEXT` or `SHOWN_BYTES`."""
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else " " if byte in b"\r\n\t" else "." for byte in data)
    if text.count(".") > len(text) / 5:
        return f"{data[:SHOWN_BYTES].hex(' ')}, which is no text"
    return f'"{" ".join(text.split()).strip(". ")[:SHOWN_TEXT]}"'
