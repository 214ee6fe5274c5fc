"""Secure mode and the CAs over the API: a whole daemon in this process, real bridges and TLS."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from secure_daemon import ID, bridge_of, served
from secure_lab import SECURITY, DaemonApi, Refusal, daemon_of
from stmota_daemon.bridge_state import secure_state
from stmota_daemon.link import LinkError, LinkLost, NotSecure, SecuredElsewhere
from stmota_protocol.api import (
    BridgeKey,
    CertificateAuthority,
    ExportAuthorities,
    ImportAuthorities,
    Job,
    JobKind,
    JobRequest,
    JobState,
    NetworkPlace,
    ProblemCode,
    SecureBridge,
    SecuredBridge,
    SecureState,
)

CAS = list[CertificateAuthority]
RESTORED = "the passphrase"


async def secure(api: DaemonApi) -> None:
    asked: BridgeKey = await api.ask("GET", SECURITY, BridgeKey)
    done = await api.ask("POST", SECURITY, BridgeKey, SecureBridge(asked.fingerprint))
    assert done == asked
    await api.desk(SecureState.OURS)


@asynccontextmanager
async def secured(folder: Path, place: NetworkPlace) -> AsyncGenerator[DaemonApi]:
    """A daemon that has secured its bridge."""
    async with daemon_of(folder, place) as api:
        await api.desk(SecureState.PLAIN)
        await secure(api)
        yield api


async def test_a_bridge_is_secured_renewed_and_forgotten(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, secured(tmp_path / "d", place) as api:
        (authority,) = await api.authorities()
        assert (authority.signs, authority.bridges) == (True, (SecuredBridge(ID.hex(), "desk"),))
        before = (tmp_path / "b.pem").read_bytes()
        assert (await api.ask("POST", SECURITY, BridgeKey, SecureBridge())).id == ID.hex()
        assert (tmp_path / "b.pem").read_bytes() != before
        await api.desk(SecureState.OURS)
        for body in (None, SecureBridge("00" * 32)):
            with pytest.raises(Refusal, match="desk is secured by this daemon already") as caught:
                await api.ask("POST" if body else "GET", SECURITY, BridgeKey, body)
            assert caught.value.status == 400
        with pytest.raises(Refusal, match="desk is in secure mode, and this daemon speaks to it"):
            await api.ask("DELETE", SECURITY, None)
        with pytest.raises(Refusal) as caught:
            await api.ask("POST", "/v1/bridges/no/security", BridgeKey, SecureBridge())
        assert caught.value.status == 404


async def test_a_plain_bridge_has_no_certificate_to_renew(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, daemon_of(tmp_path / "d", place) as api:
        await api.desk(SecureState.PLAIN)
        with pytest.raises(Refusal, match="desk is not secured by this daemon"):
            await api.ask("POST", SECURITY, BridgeKey, SecureBridge())
        assert await api.authorities() == []
        with pytest.raises(Refusal, match="this daemon has no CA yet"):
            await api.ask("POST", "/v1/ca/export", None, ExportAuthorities("x"))


async def test_a_bridge_that_was_reset_has_a_problem_of_its_own_until_it_is_secured_again_or_forgotten(
    tmp_path: Path,
) -> None:
    file = tmp_path / "b.pem"
    async with served(bridge_of(file)) as place, secured(tmp_path / "d", place):
        pass
    for is_forgotten in (False, True):
        file.unlink()
        async with served(bridge_of(file), place.port), daemon_of(tmp_path / "d", place) as api:
            bridge = await api.desk(SecureState.OURS, ProblemCode.NOT_SECURE)
            assert bridge.problem is not None
            assert bridge.problem.message.endswith(
                f"is not trusted: the bridge {ID.hex()} was secured, and what answers speaks plain: it was"
                " reset at its console, or is another's that claims its id"
            )
            assert (bridge.problem.remedy or "").startswith(
                "if you reset it at its console: stmota bridge secure desk, or"
            )
            with pytest.raises(Refusal) as caught:
                await api.ask("POST", SECURITY, BridgeKey, SecureBridge())
            assert (caught.value.status, caught.value.problem.code) == (403, ProblemCode.NOT_SECURE)
            if is_forgotten:
                await api.ask("DELETE", SECURITY, None)
                await api.desk(SecureState.PLAIN)
            else:
                await secure(api)


async def test_a_bridge_that_was_reset_is_known_at_another_address_too(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, secured(tmp_path / "d", place):
        pass
    async with served(bridge_of(tmp_path / "new.pem")) as place, daemon_of(tmp_path / "d", place) as api:
        bridge = await api.desk(SecureState.OURS, ProblemCode.NOT_SECURE)
        assert bridge.problem is not None
        assert f"what answers claims to be the bridge {ID.hex()}, which is secured" in bridge.problem.message
        await api.ask("DELETE", SECURITY, None)
        await api.desk(SecureState.PLAIN)


async def test_a_rotation_waits_for_a_bridge_that_is_away_and_goes_on_in_the_next_life(
    tmp_path: Path,
) -> None:
    file, daemon = tmp_path / "b.pem", tmp_path / "d"
    async with served(bridge_of(file)) as place, secured(daemon, place) as api:
        (first,) = await api.authorities()
    async with daemon_of(daemon, place) as api:
        await api.desk(SecureState.OURS, ProblemCode.UNREACHABLE)
        new, old = await api.ask("POST", "/v1/ca/rotate", CAS)
        assert (new.signs, new.bridges) == (True, ())
        assert (old.signs, old.fingerprint) == (False, first.fingerprint)
        assert [one.waits_for for one in old.bridges] == ["it does not answer"]
    async with served(bridge_of(file), place.port), daemon_of(daemon, place) as api:

        async def only_one() -> list[CertificateAuthority] | None:
            left = await api.authorities()
            return left if len(left) == 1 else None

        found = await api.wait_for(only_one)
        assert found == [replace_bridges(new, SecuredBridge(ID.hex(), "desk"))]
        await api.desk(SecureState.OURS)
        (third,) = await api.ask("POST", "/v1/ca/rotate", CAS)  # at once, where it is there
        assert third.bridges == found[0].bridges
        assert third.fingerprint not in {new.fingerprint, old.fingerprint}


def replace_bridges(authority: CertificateAuthority, *bridges: SecuredBridge) -> CertificateAuthority:
    return CertificateAuthority(
        authority.fingerprint, authority.made_at, signs=authority.signs, bridges=bridges
    )


async def exported(api: DaemonApi, passphrase: str | None) -> str:
    answer = await api.unix.post("/v1/ca/export", json={"passphrase": passphrase})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-pem-file")
    return answer.text


async def test_another_daemon_reaches_the_bridge_once_it_has_the_backup(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place:
        async with secured(tmp_path / "one", place) as api:
            pem = await exported(api, RESTORED)
            ours = await api.authorities()
        async with daemon_of(tmp_path / "two", place) as api:
            bridge = await api.desk(SecureState.OTHERS, ProblemCode.SECURED_ELSEWHERE)
            assert bridge.problem is not None
            assert "it is in secure mode, and was secured by another daemon" in bridge.problem.message
            with pytest.raises(Refusal) as caught:
                await api.ask("GET", SECURITY, BridgeKey)
            assert caught.value.problem.code is ProblemCode.SECURED_ELSEWHERE
            with pytest.raises(Refusal, match="nothing was imported: its keys cannot be read: the passphr"):
                await api.ask("POST", "/v1/ca/import", CAS, ImportAuthorities(pem, "another"))
            assert await api.authorities() == []
            assert [one.fingerprint for one in await restored(api, pem)] == [ours[0].fingerprint]
            await api.desk(SecureState.OURS)


async def restored(api: DaemonApi, pem: str, *, force: bool = False) -> list[CertificateAuthority]:
    found: list[CertificateAuthority] = await api.ask(
        "POST", "/v1/ca/import", CAS, ImportAuthorities(pem, RESTORED, force=force)
    )
    return found


async def test_a_backup_without_the_ca_of_a_secured_bridge_is_imported_only_by_force(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, secured(tmp_path / "d", place) as api:
        old = await exported(api, RESTORED)
        (first,) = await api.authorities()
        (second,) = await api.ask("POST", "/v1/ca/rotate", CAS)
        await api.desk(SecureState.OURS)
        with pytest.raises(
            Refusal, match="nothing was imported: 1 bridge was secured by a CA that"
        ) as caught:
            await restored(api, old)
        assert (caught.value.status, caught.value.problem.overridable) == (409, True)
        assert await api.authorities() == [second]
        (third,) = await restored(api, old, force=True)
        assert (third.fingerprint, third.bridges) == (first.fingerprint, second.bridges)
        await api.desk(SecureState.OURS)


async def test_keys_are_moved_over_the_unix_socket_only(tmp_path: Path) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, secured(tmp_path / "d", place) as api:
        for path in ("export", "import", "rotate"):
            answer = await api.tcp.post(f"/v1/ca/{path}", json={"pem": "", "passphrase": None})
            assert answer.status_code == 403
            assert "this request came by TCP" in answer.text
        assert (await api.tcp.get("/v1/ca")).status_code == 200
        assert "BEGIN PRIVATE KEY" in await exported(api, None)
        with pytest.raises(Refusal, match="an empty passphrase protects nothing"):
            await api.ask("POST", "/v1/ca/export", None, ExportAuthorities(""))


async def test_a_bridge_with_a_job_is_neither_secured_nor_renewed_until_the_job_has_ended(
    tmp_path: Path,
) -> None:
    async with served(bridge_of(tmp_path / "b.pem")) as place, secured(tmp_path / "d", place) as api:
        (old,) = await api.authorities()
        job: Job = await api.ask("POST", "/v1/jobs", Job, JobRequest(kind=JobKind.INFO, bridge="desk"))
        with pytest.raises(Refusal, match="the bridge desk has jobs") as caught:
            await api.ask("POST", SECURITY, BridgeKey, SecureBridge())
        assert caught.value.problem.code is ProblemCode.BUSY
        new, kept = await api.ask("POST", "/v1/ca/rotate", CAS)
        assert (new.signs, kept.fingerprint) == (True, old.fingerprint)
        assert [one.waits_for for one in kept.bridges] == ["it has jobs"]
        await api.ask("POST", f"/v1/jobs/{job.id}/cancel", Job)

        async def only_one() -> list[CertificateAuthority] | None:
            left = await api.authorities()
            return left if len(left) == 1 else None

        assert [one.fingerprint for one in await api.wait_for(only_one)] == [new.fingerprint]
        ended: Job = await api.ask("GET", f"/v1/jobs/{job.id}", Job)
        assert ended.state is JobState.CANCELLED


OURS, OTHERS, PLAIN = SecureState.OURS, SecureState.OTHERS, SecureState.PLAIN


@pytest.mark.parametrize(
    ("is_ours", "trouble", "has_answered", "is_announced", "found"),
    [
        (True, None, True, False, OURS),
        (True, LinkLost(), False, None, OURS),
        (False, NotSecure("it claims an id of ours"), False, None, OURS),
        (False, SecuredElsewhere(), True, False, OTHERS),
        (False, None, True, True, PLAIN),
        (False, LinkLost(), True, None, PLAIN),
        (False, None, False, True, OTHERS),
        (False, LinkLost(), False, False, PLAIN),
        (False, LinkLost(), False, None, None),
    ],
)
def test_what_was_found_at_a_bridge_counts_for_more_than_what_mdns_says(
    *,
    is_ours: bool,
    trouble: LinkError | None,
    has_answered: bool,
    is_announced: bool | None,
    found: SecureState | None,
) -> None:
    state = secure_state(
        is_ours=is_ours, trouble=trouble, has_answered=has_answered, is_announced=is_announced
    )
    assert state is found
