"""The daemon's CAs: the one that signs now, and older ones, while bridges have certificates of them.

`current` (SHA-256 of a CA's certificate, in hex) says which signs; each CA is a directory, named by the first
digits of that. What is made is whole before it gets its name, and `current` changes last: a daemon that dies
in between leaves at most something that nobody names, which the next change sweeps away.
"""

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from stmota_daemon.authority import Authority, BadAuthority
from stmota_daemon.private_files import make_private_dir
from stmota_edge.atomic_file import write_atomically

_CURRENT = "current"
_UNNAMED = ".unnamed-"
_NAME_DIGITS = 16


class Authorities:
    """The CAs in a directory (0700). Every method raises `BadAuthority` or OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def current(self) -> Authority:
        """Return the CA that signs; the first one is made here."""
        fingerprint = self.signs
        return self.renew() if fingerprint is None else self._existing(fingerprint)

    def of(self, fingerprint: str) -> Authority | None:
        """Return the CA of that fingerprint, if it is there."""
        is_there = self._place(fingerprint).exists()
        return self._existing(fingerprint) if is_there else None

    def all(self) -> list[Authority]:
        """Return all: the one that signs, if there is one, then the others, the newest first."""
        current = self.signs
        found = [Authority.of(place) for place in self._places()]
        return sorted(found, key=lambda one: (one.fingerprint != current, -one.made_at))

    def renew(self) -> Authority:
        """Make a new CA, which signs from now on."""
        authority = self.add(None)
        self.sign_with(authority)
        return authority

    def add(self, pem: bytes | None) -> Authority:
        """Keep a CA, of a PEM (unencrypted key, certificate), or new."""
        make_private_dir(self._directory)
        unnamed = Path(tempfile.mkdtemp(prefix=_UNNAMED, dir=self._directory))
        try:
            place = self._place(Authority.of(unnamed, pem).fingerprint)
            if not place.exists():
                unnamed.rename(place)
        finally:
            shutil.rmtree(unnamed, ignore_errors=True)
        return Authority.of(place)

    def sign_with(self, authority: Authority) -> None:
        """From now on that one signs."""
        write_atomically(self._directory / _CURRENT, f"{authority.fingerprint}\n".encode())

    def forget_all_but(self, used: Collection[str]) -> None:
        """Remove the CAs that neither sign nor are used, and what a daemon left that died."""
        for authority in self.all():
            if authority.fingerprint not in used and authority.fingerprint != self.signs:
                place = self._place(authority.fingerprint)
                place.rename(place.with_name(f"{_UNNAMED}{place.name}"))  # half removed it would be no CA
        for left in self._directory.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    @property
    def signs(self) -> str | None:
        """Fingerprint of the CA that signs; None: there is none yet."""
        try:
            return (self._directory / _CURRENT).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def _existing(self, fingerprint: str) -> Authority:
        place = self._place(fingerprint)
        if not place.exists():
            message = f"the CA {fingerprint} is not at {place}: bring it back with stmota bridge ca import"
            raise BadAuthority(message)
        return Authority.of(place)

    def _places(self) -> list[Path]:
        if not self._directory.exists():
            return []
        return [one for one in self._directory.iterdir() if one.is_dir() and not one.name.startswith(".")]

    def _place(self, fingerprint: str) -> Path:
        return self._directory / fingerprint[:_NAME_DIGITS]
