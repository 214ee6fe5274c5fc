"""Intel HEX files of memory, after Intel's specification of 1988: data, linear base and end records."""

from collections.abc import Iterable, Iterator

from stmota_protocol.images import Segment

BYTES_PER_RECORD = 16
_BASE_BYTES = 0x10000


def intel_hex(segments: Iterable[Segment]) -> bytes:
    """Return a file of the segments, which are by rising address; gaps stay gaps."""
    lines: list[str] = []
    base = 0
    for segment in segments:
        for address, data in _records(segment):
            if address // _BASE_BYTES != base:
                base = address // _BASE_BYTES
                lines.append(_record(0, 4, base.to_bytes(2, "big")))
            lines.append(_record(address % _BASE_BYTES, 0, data))
    lines.append(_record(0, 1, b""))
    return "".join(f"{line}\n" for line in lines).encode()


def _records(segment: Segment) -> Iterator[tuple[int, bytes]]:
    """Cut at multiples of 16: no record crosses a base."""
    at = segment.address
    while at < segment.end:
        until = min(segment.end, at - at % BYTES_PER_RECORD + BYTES_PER_RECORD)
        yield at, segment.data[at - segment.address : until - segment.address]
        at = until


def _record(offset: int, kind: int, data: bytes) -> str:
    body = bytes((len(data), *offset.to_bytes(2, "big"), kind)) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"
