"""Certificates that no bridge takes, over the wire: BRIDGE_PROTOCOL.md, R70."""

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from bridge_bench import new_id
from securable_bridges import Securable, certificate_of, new_request, no_cas, wrong_names
from stmota_daemon.authority import Authority
from stmota_edge.tls import bridge_uri
from stmota_protocol.messages import Welcome
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest


@pytest.mark.rule("R70")
async def test_certificates_that_are_not_this_bridges_change_nothing(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.unique_id()
        peer = await lab.peer()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
        ca, stranger = lab.authority, Authority.of(lab.folder / "stranger" / "ca")
        good = ca.sign(csr.csr, unique_id)
        cases = (
            (ca.sign(new_request(unique_id)[1], unique_id), ca.certificate, "another key"),
            (good, stranger.certificate, ""),
            (good, good, ""),
            (good[:-1], ca.certificate, ""),
            (good + b"\0", ca.certificate, ""),
            (b"no certificate", b"nor this", "no certificate that could be used"),
        )
        for certificate, authority, why in cases:
            await peer.send(SecureInstall(certificate, authority))
            answer = await peer.receive()
            assert isinstance(answer, SecureAnswer)
            assert not answer.is_done
            assert answer.text
            assert why in answer.text
        assert lab.kept == []
        assert isinstance(await peer.hello(new_id()), Welcome)


@pytest.mark.rule("R70")
async def test_a_certificate_for_another_id_changes_nothing(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.unique_id()
        peer = await lab.peer()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
        refused = f"the certificate is for another bridge than {unique_id.hex()}"
        for certificate in wrong_names(lab, csr.csr, unique_id):
            await peer.send(SecureInstall(certificate, lab.authority.certificate))
            assert await peer.receive() == SecureAnswer(False, refused)
        assert lab.kept == []


@pytest.mark.rule("R70")
async def test_certificates_for_another_use_change_nothing(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.unique_id()
        peer = await lab.peer()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
        ca, names = lab.authority.certificate, (unique_id.hex(), bridge_uri(unique_id))
        for usages in ((), (ExtendedKeyUsageOID.CLIENT_AUTH,)):
            await peer.send(SecureInstall(certificate_of(lab, csr.csr, *names, usages=usages), ca))
            refused = "the certificate is not for server authentication"
            assert await peer.receive() == SecureAnswer(False, refused)
        good = certificate_of(lab, csr.csr, *names)
        for authority in no_cas(lab):
            await peer.send(SecureInstall(good, authority))
            assert await peer.receive() == SecureAnswer(False, "its issuer is no CA")
        assert lab.kept == []
        await peer.send(SecureInstall(good, ca))
        assert await peer.receive() == SecureAnswer(True, "")
