"""An update in secure mode is signed: BRIDGE_PROTOCOL.md, section 7, over the wire."""

import pytest

from bridge_bench import new_id
from securable_bridges import Securable
from stmota_daemon.authority import Authority
from stmota_protocol.messages import Welcome
from stmota_protocol.upkeep import UpdateBegin, UpdateCancel, UpdateState, UpdateStatus

NOT_SIGNED = "this bridge is in secure mode, and the update is not signed by the daemon that secured it"


@pytest.mark.rule("R74")
async def test_an_update_wants_a_signature_of_the_ca_for_that_image(bridge_kind: Securable) -> None:
    length, digest, other_digest = 30_000, bytes(range(32)), bytes(32)
    async with bridge_kind.running() as lab:
        await lab.secure()
        peer = await lab.tls()
        assert isinstance(await peer.hello(new_id()), Welcome)
        other_ca = Authority.of(lab.folder / "other" / "ca")
        good = lab.authority.sign_update(length, digest)
        for signature in (
            b"",
            b"no signature",
            good[:-1] + bytes((good[-1] ^ 1,)),
            other_ca.sign_update(length, digest),
            lab.authority.sign_update(length, other_digest),
            lab.authority.sign_update(length + 1, digest),
        ):
            await peer.send(UpdateBegin(length, digest, signature))
            status = await peer.receive()
            assert isinstance(status, UpdateStatus)
            assert (status.state, status.granted) == (UpdateState.REFUSED, 0)
            if bridge_kind.is_c:  # the Python one has no firmware of its own, and says that
                assert status.text == NOT_SIGNED
        await peer.send(UpdateBegin(length, digest, good))
        status = await peer.receive()
        assert isinstance(status, UpdateStatus)
        assert (status.state is UpdateState.RECEIVING) == bridge_kind.is_c
        await peer.send(UpdateCancel())
        status = await peer.receive()
        assert isinstance(status, UpdateStatus)
        assert status.state is UpdateState.NONE
