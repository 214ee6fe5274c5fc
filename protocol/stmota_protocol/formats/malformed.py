"""Why a file of a known format cannot be taken."""

BROKEN = "the file is damaged or cut short: copy or build it again"
"""The remedy where a file contradicts its own format."""


class Malformed(Exception):
    """A file is not what its format says, or holds what cannot be flashed over the bootloader.

    `where` names a line or an offset, empty for the whole file; `what` completes it to a sentence; `remedy`
    is what a person can do.
    """

    def __init__(self, *, what: str, remedy: str = BROKEN, where: str = "") -> None:
        self.where = where
        self.what = what
        self.remedy = remedy
        super().__init__(f"{where}: {what}" if where else what)
