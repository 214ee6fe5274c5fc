"""Links to secured bridges: nothing is said to what speaks plain, or has another certificate."""

from pathlib import Path

import pytest

from secure_daemon import ID, address_of, bridge_of, opened, secured, served
from stmota_daemon.bridge_peek import peek_at_bridge
from stmota_daemon.link import NotSecure, SecuredElsewhere
from stmota_daemon.links import peeker
from stmota_daemon.secure_talk import NotSecured
from stmota_daemon.security import Security
from stmota_daemon.store import Store


@pytest.fixture
def security(tmp_path: Path) -> Security:
    (tmp_path / "state").mkdir()
    return Security(Store(tmp_path / "state"), tmp_path / "ca")


@pytest.mark.rule("R54", "R72")
async def test_a_secured_bridge_is_linked_and_looked_at_inside_tls(
    security: Security, tmp_path: Path
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        assert await opened(security, place, bridge_id) == ID.hex()
        assert (await peeker(security)(place, bridge_id)).identity.unique_id == ID


@pytest.mark.rule("R54")
@pytest.mark.parametrize("is_known", [True, False], ids=["id known", "id unknown"])
async def test_what_speaks_plain_under_a_secured_id_gets_no_hello(
    security: Security, tmp_path: Path, is_known: bool
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        await secured(security, place)
    fake = bridge_of(tmp_path / "fake.pem")
    async with served(fake) as place:
        with pytest.raises(NotSecure):
            await opened(security, place, ID.hex() if is_known else None)
        assert (await peek_at_bridge(address_of(place))).holder == ""


@pytest.mark.rule("R72")
async def test_another_ca_s_bridge_and_another_bridge_of_this_ca_are_refused(
    security: Security, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = Security(Store(tmp_path / "theirs"), tmp_path / "their-ca")
    async with served(bridge_of(tmp_path / "a.pem")) as place:
        bridge_id = await secured(theirs, place)
        security.authorities.current()
        with pytest.raises(NotSecure, match="was secured by this daemon, and what answers by another"):
            await security.connect(address_of(place), bridge_id)
    async with served(bridge_of(tmp_path / "b.pem", bytes(8))) as place:
        await secured(security, place)
        with pytest.raises(NotSecure, match="the certificate of another bridge than 00112233445566aa"):
            await security.connect(address_of(place), ID.hex())


async def test_a_wrong_fingerprint_secures_nothing(security: Security, tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        with pytest.raises(NotSecured, match="another fingerprint: nothing was done"):
            await security.secure(address_of(place), "lab", "00" * 32)
        assert not security.is_secured(ID.hex())
        assert await opened(security, place, None) == ID.hex()


async def test_a_damaged_ca_is_told_and_ends_only_the_link(security: Security, tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
        next((tmp_path / "ca").glob("*/ca.pem")).write_text("damaged")
        with pytest.raises(NotSecure, match="the daemon's own certificates cannot be used"):
            await opened(security, place, bridge_id)


async def test_a_bridge_of_another_ca_is_told_apart_from_one_that_is_away(
    security: Security, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = Security(Store(tmp_path / "theirs"), tmp_path / "their-ca")
    async with served(bridge_of(tmp_path / "a.pem")) as place:
        await secured(theirs, place)
        for has_ca in (False, True):
            if has_ca:
                security.authorities.current()
            with pytest.raises(SecuredElsewhere, match="was secured by another daemon than this"):
                await opened(security, place, None)
            with pytest.raises(SecuredElsewhere):
                await peeker(security)(place, ID.hex())
        assert not security.is_secured(ID.hex())


async def test_a_bridge_that_was_reset_is_told_and_can_be_secured_again(
    security: Security, tmp_path: Path
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        bridge_id = await secured(security, place)
    (tmp_path / "bridge.pem").unlink()
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        with pytest.raises(NotSecure, match="was secured, and what answers speaks plain: it was reset"):
            await opened(security, place, bridge_id)
        assert await secured(security, place) == bridge_id
        assert await opened(security, place, bridge_id) == bridge_id


async def test_a_refusal_to_be_secured_again_lets_nobody_speak_plain(
    security: Security, tmp_path: Path
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        await secured(security, place)
    async with served(bridge_of(tmp_path / "fake.pem")) as place:
        with pytest.raises(NotSecured):
            await security.secure(address_of(place), "lab", "00" * 32)
        assert security.is_secured(ID.hex())


async def test_a_daemon_that_dies_before_the_bridge_was_told_says_no_hello_and_can_try_again(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(bridge_of(tmp_path / "bridge.pem")) as place:
        address = address_of(place)
        asked = await security.fingerprint(address, "lab")
        save = security.save

        def save_and_die(unique_id: str, authority: str) -> None:
            save(unique_id, authority)
            raise Died

        monkeypatch.setattr(security, "save", save_and_die)
        with pytest.raises(Died):
            await security.secure(address, "lab", asked.fingerprint)
        after = Security(Store(tmp_path / "state"), tmp_path / "ca")
        with pytest.raises(NotSecure, match="speaks plain"):
            await opened(after, place, ID.hex())
        assert await secured(after, place) == ID.hex()
        assert await opened(after, place, ID.hex()) == ID.hex()


class Died(BaseException):
    """The daemon's end, anywhere."""
