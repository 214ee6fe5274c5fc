"""Secure mode at the daemon: which bridges are secured, TLS to them, and how one is secured.

A unique id that is secured is never spoken to plain again, whatever mDNS or a greeting says.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import trio

from stmota_daemon.authorities import Authorities
from stmota_daemon.authority import Authority
from stmota_daemon.authority_backup import SavedAuthority
from stmota_daemon.bridge_link import CONNECT_WITHIN_S, BridgeAddress, connect
from stmota_daemon.bridge_peek import peek_at_bridge
from stmota_daemon.errors import DaemonError
from stmota_daemon.link import LinkError, LinkLost, NotSecure, SecuredElsewhere
from stmota_daemon.secure_talk import Enrolment, NotSecured, enrol
from stmota_daemon.store import Place, Store
from stmota_edge.tls import NotTrusted, TlsStream, bridge_uri, handshake, tls_context
from stmota_protocol.secure_messages import SecureInstall
from stmota_protocol.steps import EdgeIdentity

RESET = "it was reset at its console, or is another's that claims its id"


class Security:
    """The secured bridges of a daemon, and its CAs in `directory`; the first is made when one is secured."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self.authorities = Authorities(directory)
        self._secured = store.secured_bridges()

    @property
    def secured(self) -> dict[str, str]:
        """The ids, in hex, of the secured bridges, and the fingerprint of the CA of each."""
        return dict(self._secured)

    def is_secured(self, unique_id: str | None) -> bool:
        """Whether the bridge of that id, in hex, is spoken to by TLS only."""
        return unique_id in self._secured

    def wanted(self, place: Place, unique_id: str | None) -> str | None:
        """Return the secured id that has to answer at a place; None: plain TCP is right."""
        if unique_id is None:
            return self._store.secured_bridge_at(place) if self._secured else None
        return unique_id if self.is_secured(unique_id) else None

    def check(self, identity: EdgeIdentity, wanted: str | None) -> None:
        """Judge who greeted: over TLS to `wanted`, or plain (None). Raises `NotSecure`."""
        found = identity.unique_id.hex()
        if wanted is None and self.is_secured(found):
            message = (
                f"what answers claims to be the bridge {found}, which is secured, and speaks plain: {RESET}"
            )
            raise NotSecure(message, found)
        if wanted is not None and found != wanted:
            message = f"the bridge {found} answers with the certificate of {wanted}"
            raise NotSecure(message)

    async def connect(self, address: BridgeAddress, unique_id: str) -> TlsStream:
        """Connect to a secured bridge and see its certificate. Raises `LinkLost`, `NotSecure`.

        Any CA of ours will do: a daemon that died while it renewed a certificate does not know which it is.
        """
        recorded = self._secured.get(unique_id)
        with _own_files():
            ours = sorted(self.authorities.all(), key=lambda one: one.fingerprint != recorded)
        if not ours:
            message = "the daemon has lost the CA that secured it: bring it back with stmota bridge ca import"
            raise NotSecure(message)
        try:
            tls, authority = await _shake_hands(address, ours)
        except NotTrusted as error:
            raise await self._not_secure(address, unique_id, error) from error
        if bridge_uri(bytes.fromhex(unique_id)) not in tls.names:
            await trio.aclose_forcefully(tls)
            message = f"what answers has the certificate of another bridge than {unique_id}"
            raise NotSecure(message)
        if authority.fingerprint != recorded:
            self.save(unique_id, authority.fingerprint)
        return tls

    async def adopt(self, address: BridgeAddress, expected: str | None) -> tuple[str, TlsStream]:
        """Connect to a bridge that turned plain TCP away: it is ours if a CA of ours secured it.

        As with a CA that was brought from another machine. It is secured from then on. Returns its id, too.
        Raises `SecuredElsewhere`, `LinkLost`, `NotSecure`.
        """
        with _own_files():
            ours = self.authorities.all()
        try:
            tls, authority = await _shake_hands(address, ours)
        except NotTrusted as error:
            raise SecuredElsewhere from error
        prefix = bridge_uri(b"")
        found = next((name.removeprefix(prefix) for name in tls.names if name.startswith(prefix)), None)
        if found is None or expected not in {found, None}:
            await trio.aclose_forcefully(tls)
            message = f"what answers has the certificate of another bridge than {expected}"
            raise NotSecure(message)
        self.save(found, authority.fingerprint)
        return found, tls

    async def fingerprint(self, address: BridgeAddress, name: str) -> Enrolment:
        """Ask a bridge, plain, for its id and its key's fingerprint; its console shows it, too.

        One that was secured and reset may be asked: no Hello is said, and a person compares.
        Raises `LinkLost`, `NotSecured`, `SecuredElsewhere`.
        """
        return await enrol(await connect(address), name, lambda _: None, lambda _: None)

    async def secure(self, address: BridgeAddress, name: str, fingerprint: str) -> Enrolment:
        """Secure the bridge whose key has that fingerprint. Raises what `fingerprint` does, `DaemonError`."""
        authority = self.authorities.current()
        before = self.secured

        def decide(enrolment: Enrolment) -> SecureInstall:
            if enrolment.fingerprint != fingerprint:
                message = "the bridge's key has another fingerprint: nothing was done; compare them again"
                raise NotSecured(message)
            # Before the bridge is told: if the daemon dies in between, it errs on the safe side.
            certificate = authority.sign(enrolment.csr, enrolment.identity.unique_id)
            self.save(enrolment.identity.unique_id.hex(), authority.fingerprint)
            return SecureInstall(certificate, authority.certificate)

        try:
            return await enrol(await connect(address), name, lambda _: None, decide)
        except NotSecured:
            for unique_id in self.secured.keys() - before.keys():
                self.forget(unique_id)
            raise

    async def renew(self, address: BridgeAddress, name: str, unique_id: str) -> Enrolment:
        """Give a secured bridge a new certificate, of the CA that signs now, inside TLS.

        Raises `LinkLost`, `NotSecure`, `NotSecured`, `DaemonError`; the bridge has the old one then, or the
        new one, and is reached with either.
        """
        authority = self.authorities.current()

        def decide(enrolment: Enrolment) -> SecureInstall:
            certificate = authority.sign(enrolment.csr, enrolment.identity.unique_id)
            return SecureInstall(certificate, authority.certificate)

        stream = await self.connect(address, unique_id)
        enrolment = await enrol(stream, name, lambda identity: self.check(identity, unique_id), decide)
        self.save(unique_id, authority.fingerprint)
        self._tidy()
        return enrolment

    def rotate(self) -> None:
        """Make a new CA, which signs from now on; the others are kept while bridges have them."""
        self.authorities.renew()
        self._tidy()

    def waiting(self) -> set[str]:
        """Return the ids of the bridges whose certificate is not of the CA that signs now."""
        if not self._secured:
            return set()
        current = self.authorities.current().fingerprint
        return {one for one, by in self._secured.items() if by != current}

    def left_by(self, saved: Sequence[SavedAuthority]) -> set[str]:
        """Return the ids of the bridges that were secured by none of these CAs."""
        brought = {one.fingerprint for one in saved}
        return {unique_id for unique_id, by in self._secured.items() if by not in brought}

    def restore(self, saved: Sequence[SavedAuthority]) -> None:
        """Keep the CAs of a backup; the first signs from now on, and what they secured is secured.

        Raises `DaemonError`.
        """
        authorities = [self.authorities.add(one.pem) for one in saved]
        for one in saved:
            for unique_id in one.bridges:
                if not self.is_secured(unique_id):
                    self.save(unique_id, one.fingerprint)
        self.authorities.sign_with(authorities[0])
        self._tidy()

    def sign_update(self, unique_id: str, length: int, sha256: bytes) -> bytes | None:
        """Return the signature that lets a secured bridge take an update; None: it is not secured.

        Raises `DaemonError`.
        """
        if not self.is_secured(unique_id):
            return None
        authority = self.authorities.of(self._secured[unique_id]) or self.authorities.current()
        return authority.sign_update(length, sha256)

    def save(self, unique_id: str, authority: str) -> None:
        """From now on a bridge is spoken to by TLS only, and has a certificate of that CA."""
        self._store.save_secured_bridge(unique_id, authority)
        self._secured[unique_id] = authority

    def forget(self, unique_id: str) -> None:
        """Let a bridge be spoken to plain again."""
        self._store.forget_secured_bridge(unique_id)
        self._secured.pop(unique_id, None)

    def _tidy(self) -> None:
        self.authorities.forget_all_but(set(self._secured.values()))

    async def _not_secure(self, address: BridgeAddress, unique_id: str, error: NotTrusted) -> LinkError:
        """Find out, without a hello, what answers that is not the bridge."""
        try:
            found = (await peek_at_bridge(address)).identity.unique_id.hex()
        except SecuredElsewhere:
            return NotSecure(
                f"the bridge {unique_id} was secured by this daemon, and what answers by another: {RESET}"
            )
        except LinkLost:
            return NotSecure(f"the bridge {unique_id} is secured, and what answers is not it: {error}")
        if found != unique_id:
            return NotSecure(f"the bridge {unique_id} is secured, and what answers is {found}")
        return NotSecure(f"the bridge {unique_id} was secured, and what answers speaks plain: {RESET}")


async def _shake_hands(
    address: BridgeAddress, authorities: Iterable[Authority]
) -> tuple[TlsStream, Authority]:
    """Try the CAs in turn, a connection each. Raises `LinkLost`, `NotTrusted` of the first, `NotSecure`."""
    first: NotTrusted | None = None
    for authority in authorities:
        with _own_files():
            context = tls_context(authority.client_file, is_server=False)
        stream = await connect(address)
        try:
            with trio.fail_after(CONNECT_WITHIN_S):
                return await handshake(stream, context, is_server=False), authority
        except trio.TooSlowError as error:
            message = f"no TLS handshake within {CONNECT_WITHIN_S:.0f} s"
            raise LinkLost(message) from error
        except NotTrusted as error:
            first = first or error
    raise first or NotTrusted("there is no CA")


@contextmanager
def _own_files() -> Generator[None]:
    """Turn what is wrong with the daemon's own files into `NotSecure`: it costs the link, not the daemon."""
    try:
        yield
    except (DaemonError, OSError) as error:
        message = f"the daemon's own certificates cannot be used: {error}"
        raise NotSecure(message) from error
