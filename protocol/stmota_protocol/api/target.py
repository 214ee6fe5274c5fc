"""What a chip says of itself."""

from stmota_protocol.api.wire import Wire


class TargetInfo(Wire, frozen=True):
    """What a chip said of itself; None where it could not be read."""

    product_id: int
    chip: str
    family: str
    bootloader_version: str
    commands: tuple[int, ...]
    flash_start: int
    flash_size: int | None
    flash_size_source: str
    """`chip` when the size register was read, `table` when the table's largest had to do."""
    unique_id: str | None
    read_protected: bool | None
    write_protected: str | None
    """Which sectors, in words; None: unknown; empty: none."""
    boot_options: dict[str, str]
    """Option bits that decide booting, by the reference manual's name."""
    notes: tuple[str, ...] = ()
    """Known defects and doubts that matter for this chip."""
