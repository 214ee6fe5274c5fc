"""Several CAs: rotation, renewal inside TLS, backup and restoring, and a daemon that dies in between."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from secure_daemon import ID, address_of, bridge_of, opened, secured, served
from stmota_daemon import authorities, authority, secure_talk
from stmota_daemon.authority import BadAuthority
from stmota_daemon.authority_backup import BadBackup, backup, restored
from stmota_daemon.link import NotSecure
from stmota_daemon.security import Security
from stmota_daemon.store import Store
from stmota_protocol.api import NetworkPlace


class Died(BaseException):
    """The daemon's end, anywhere."""


def daemon_on(folder: Path) -> Security:
    """The state of a daemon that starts now."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    return Security(Store(state), folder / "ca")


async def test_a_rotation_gives_the_bridge_a_certificate_of_the_new_ca_and_forgets_the_old(
    tmp_path: Path,
) -> None:
    security = daemon_on(tmp_path)
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        (old,) = security.authorities.all()
        security.rotate()
        assert security.waiting() == {bridge_id}
        assert len(security.authorities.all()) == 2
        assert await opened(security, place, bridge_id) == bridge_id  # with the old one, all the while
        await security.renew(address_of(place), "lab", bridge_id)
        assert security.waiting() == set()
        (new,) = security.authorities.all()
        assert new.fingerprint != old.fingerprint
        assert await opened(security, place, bridge_id) == bridge_id
        assert await opened(daemon_on(tmp_path), place, bridge_id) == bridge_id


async def test_a_certificate_is_renewed_with_the_same_ca(tmp_path: Path) -> None:
    security = daemon_on(tmp_path)
    file = tmp_path / "bridge.pem"
    async with served(bridge_of(file)) as place:
        bridge_id = await secured(security, place)
        before = file.read_bytes()
        asked = await security.renew(address_of(place), "lab", bridge_id)
        assert asked.identity.unique_id == ID
        assert file.read_bytes() != before
        assert len(security.authorities.all()) == 1
        assert await opened(security, place, bridge_id) == bridge_id


class Reaper:
    """Lets so many of the operations that change something happen, then the daemon dies, before the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lives: int) -> None:
        self._monkeypatch = monkeypatch
        self.left = lives
        self.has_struck = False

    def watch(self, owner: object, name: str) -> None:
        real: Callable[..., object] = getattr(owner, name)

        def watched(*arguments: object, **named: object) -> object:
            if self.left == 0:
                self.has_struck = True
                raise Died
            self.left -= 1
            return real(*arguments, **named)

        self._monkeypatch.setattr(owner, name, watched)


async def rotate_and_renew(security: Security, place: NetworkPlace) -> None:
    security.rotate()
    await security.renew(address_of(place), "lab", ID.hex())


async def test_a_rotation_survives_the_daemon_s_death_before_any_change_it_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = 0
    while True:
        folder = tmp_path / f"{deaths}"
        folder.mkdir()
        async with served(bridge_of(folder / "bridge.pem")) as place:
            await secured(daemon_on(folder), place)
            with monkeypatch.context() as patch:
                reaper = Reaper(patch, deaths)
                dying = daemon_on(folder)
                for module in (authority, authorities):
                    reaper.watch(module, "write_atomically")
                reaper.watch(tempfile, "mkdtemp")
                reaper.watch(shutil, "rmtree")
                reaper.watch(Path, "rename")
                reaper.watch(Store, "save_secured_bridge")
                for name in ("send", "expect"):
                    reaper.watch(secure_talk.Teller, name)
                try:
                    await rotate_and_renew(dying, place)
                except Died:
                    assert reaper.has_struck
            after = daemon_on(folder)
            assert await opened(after, place, ID.hex()) == ID.hex()
            await rotate_and_renew(after, place)
            assert await opened(daemon_on(folder), place, ID.hex()) == ID.hex()
            assert len(daemon_on(folder).authorities.all()) == 1
            assert [one.name for one in (folder / "ca").iterdir() if one.name.startswith(".")] == []
        if not reaper.has_struck:
            break
        deaths += 1
    assert deaths > 10


async def test_a_backup_restored_on_another_machine_reaches_the_bridges_and_knows_which_they_are(
    tmp_path: Path,
) -> None:
    security = daemon_on(tmp_path)
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        pem = backup(security.authorities.all(), security.secured, "open sesame")
        other = tmp_path / "other"
        other.mkdir()
        new = daemon_on(other)
        new.authorities.current()  # made by accident, used by nobody
        new.restore(restored(pem, "open sesame"))
        assert new.secured == security.secured
        assert [one.fingerprint for one in new.authorities.all()] == [
            one.fingerprint for one in security.authorities.all()
        ]
        assert await opened(new, place, bridge_id) == bridge_id


@pytest.mark.parametrize("is_id_known", [True, False])
async def test_a_ca_alone_is_enough_to_know_a_bridge_that_turns_plain_tcp_away(
    tmp_path: Path, is_id_known: bool
) -> None:
    security = daemon_on(tmp_path)
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        other = tmp_path / "other"
        other.mkdir()
        new = daemon_on(other)
        new.restore(restored(backup(security.authorities.all(), {}, None), None))
        assert not new.is_secured(bridge_id)
        assert await opened(new, place, bridge_id if is_id_known else None) == bridge_id
        assert new.secured == security.secured
    async with served(bridge_of(tmp_path / "two.pem", bytes(8))) as place:
        await secured(security, place)
        new.forget(bridge_id)
        with pytest.raises(NotSecure, match=f"certificate of another bridge than {bridge_id}"):
            await opened(new, place, bridge_id)


def test_a_backup_is_encrypted_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    security = daemon_on(tmp_path)
    first = security.authorities.current()
    second = security.authorities.renew()
    pem = backup(security.authorities.all(), {"0" * 16: first.fingerprint}, "sesame")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    assert b"BEGIN PRIVATE KEY" not in pem
    saved = restored(pem.replace(b"\n", b"\r\n"), "sesame")
    assert [(one.fingerprint, one.bridges) for one in saved] == [
        (second.fingerprint, ()),
        (first.fingerprint, ("0" * 16,)),
    ]
    for data, passphrase, why in (
        (pem, "other", "the passphrase is another one, or the file is damaged"),
        (pem, None, "its passphrase is needed"),
        (pem[: len(pem) // 5], "sesame", "it holds no CA's key and certificate"),
        (b"", None, "it holds no CA's key and certificate"),
        (first.pem(None).replace(b"MII", b"MIJ"), None, "cannot be read"),
    ):
        with pytest.raises(BadBackup, match=why):
            restored(data, passphrase)


def test_a_key_with_the_certificate_of_another_is_no_ca(tmp_path: Path) -> None:
    authorities_here = daemon_on(tmp_path).authorities
    one, two = authorities_here.current().pem(None), authorities_here.renew().pem(None)
    marker = b"-----BEGIN CERTIFICATE"
    mixed = one.partition(marker)[0] + marker + two.partition(marker)[2]
    with pytest.raises(BadAuthority, match="a key and the certificate of another"):
        authorities_here.add(mixed)
    assert len(authorities_here.all()) == 2


def test_what_was_lost_is_said_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    authorities_here = daemon_on(tmp_path).authorities
    fingerprint = authorities_here.current().fingerprint
    shutil.rmtree(tmp_path / "ca" / fingerprint[:16])
    with pytest.raises(BadAuthority, match="bring it back with stmota bridge ca import"):
        authorities_here.current()
