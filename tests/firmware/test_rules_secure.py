"""Secure mode over the wire, as far as it leaves the bridge as it was: BRIDGE_PROTOCOL.md, section 7."""

import pytest

from bridge_bench import Bench, results
from stmota_protocol.messages import BatchRequest, BeginRun, Unsupported
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import Batch, Unclaimed, Wait


@pytest.mark.rule("R68")
async def test_a_request_for_secure_mode_is_answered_or_unsupported_and_disturbs_no_controller(
    bench: Bench,
) -> None:
    controller = await bench.controller()
    peer = await bench.peer()
    await peer.greeting()
    await peer.send(SecureRequest("tester"))
    answer = await peer.receive()
    # The C core has no secure mode yet; a bridge that keeps no key, or whose window is shut, says so.
    assert isinstance(answer, SecureCsr | SecureAnswer | Unsupported)
    if isinstance(answer, SecureAnswer):
        assert not answer.is_done
        assert answer.text
    await controller.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Wait(0),))))
    (result,) = await results(controller, 1)
    assert result.is_done


@pytest.mark.rule("R68")
async def test_what_is_no_certificate_is_refused_or_unsupported(bench: Bench) -> None:
    peer = await bench.peer()
    await peer.greeting()
    await peer.send(SecureInstall(b"no certificate", b"nor this"))
    answer = await peer.receive()
    assert isinstance(answer, SecureAnswer | Unsupported)
    if isinstance(answer, SecureAnswer):
        assert not answer.is_done
        assert answer.text
