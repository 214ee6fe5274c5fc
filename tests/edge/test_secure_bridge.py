"""Secure mode of the soft bridge: BRIDGE_PROTOCOL.md, section 7. Sockets are real where TLS is."""

import ssl
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge_peer import CONTROLLER_ID, Peer
from scripted_port import ScriptedPort
from secured_bridge import ID, Secured, enrol, running
from stmota_daemon.authority import Authority, fingerprint_of
from stmota_edge.secure_mode import NO_WINDOW, SecureMode
from stmota_edge.soft_bridge import SoftBridge
from stmota_edge.tls import NotTrusted, TlsStream, bridge_uri, tls_context
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.messages import BatchRequest, BatchResult, BeginRun, CloseReason, Closing, Welcome
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import Batch, Unclaimed, Wait


@pytest.mark.rule("R69", "R70")
async def test_it_is_secured_over_plain_tcp_and_speaks_tls_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        before = await lab.plain()
        assert isinstance(await before.hello(CONTROLLER_ID), Welcome)
        peer = await lab.plain()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
        assert lab.said == [
            f"desk asks to secure this bridge; the fingerprint of its key: {fingerprint_of(csr.csr)}"
        ]
        assert not lab.file.exists()
        await peer.send(SecureInstall(lab.authority.sign(csr.csr, ID), lab.authority.certificate))
        assert await peer.receive() == SecureAnswer(True, "")
        for one in (peer, before):
            closing = await one.closing()
            assert closing.reason is CloseReason.SECURED
        assert lab.file.stat().st_mode & 0o777 == 0o600
        inside = await lab.tls()
        assert (await inside.greeting()).identity.unique_id == ID
        assert isinstance(await inside.hello(CONTROLLER_ID), Welcome)
        stream = inside.stream
        assert isinstance(stream, TlsStream)
        assert stream.names == {bridge_uri(ID)}


@pytest.mark.rule("R70")
async def test_it_stays_secured_over_a_restart_and_its_certificate_is_renewed_inside_tls(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as lab:
        assert (await lab.secure()).is_done
        kept = lab.file.read_bytes()
    async with running(tmp_path, window_s=0) as lab:
        newer = Authority.of(tmp_path / "newer")
        assert (await enrol(await lab.tls(), newer)).is_done
        assert lab.file.read_bytes()[:200] == kept[:200]  # the key is the same
        assert isinstance(await (await lab.tls(newer.client_file)).hello(), Welcome)
        with pytest.raises(NotTrusted):
            await lab.tls()


@pytest.mark.rule("R54", "R71")
@pytest.mark.parametrize(
    "garbage", [PREAMBLE, b"GET / HTTP/1.1\r\n\r\n", bytes(100)], ids=["stmota", "http", "zeros"]
)
async def test_who_does_not_speak_tls_to_it_is_told_why_not_and_nothing_else(
    tmp_path: Path, garbage: bytes
) -> None:
    async with running(tmp_path) as lab:
        assert (await lab.secure()).is_done
        peer = await lab.plain()
        peer.connection.preamble()
        await peer.stream.send_all(garbage)
        said = await peer.receive()
        assert isinstance(said, Closing)
        assert said.reason is CloseReason.SECURED
        assert await peer.stream.receive_some(1) == b""


@pytest.mark.rule("R71")
async def test_garbage_in_a_handshake_ends_that_connection_only(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        assert (await lab.secure()).is_done
        controller = await lab.tls()
        assert isinstance(await controller.hello(), Welcome)
        for garbage in (
            b"\x16\x03\x01\x00\x05hello",
            b"\x16" + bytes(50),
            b"\x16\x03\x01\xff\xff" + bytes(999),
        ):
            stream = await lab.connect()
            await stream.send_all(garbage)
            await stream.send_eof()
            while await stream.receive_some():
                pass
        begin = (BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Wait(0),))))
        await controller.send(*begin)
        assert isinstance(await controller.receive(), BatchResult)


@pytest.mark.rule("R71")
async def test_a_client_of_another_ca_an_expired_one_and_another_bridge_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        assert (await lab.secure()).is_done
        stranger = Authority.of(tmp_path / "stranger")
        with pytest.raises(NotTrusted, match="its certificate is not good: self-signed"):
            await lab.tls(stranger.client_file)
        expired = lab.authority.client(tmp_path / "expired.pem", days=-1)
        for credential in (stranger.client_file, expired, lab.file):
            await refused_by_the_bridge(lab, credential)


async def refused_by_the_bridge(lab: Secured, credential: Path) -> None:
    context = tls_context(credential, is_server=False)
    context.verify_mode = ssl.CERT_NONE
    stream = trio.SSLStream(await lab.connect(), context)
    # TLS 1.3 tells a client of its certificate's refusal when it reads first.
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some(1)


@pytest.mark.rule("R70")
async def test_a_certificate_of_another_id_or_of_no_ca_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        other = SecureMode(tmp_path / "other.pem", bytes(8), lambda _: None).request("", is_tls=False)
        assert isinstance(other, SecureCsr)
        peer = await lab.plain()
        await peer.greeting()
        others = lab.authority.sign(other.csr, bytes(8))
        await peer.send(SecureInstall(others, lab.authority.certificate))
        assert await peer.receive() == SecureAnswer(False, "the certificate is for another key")
        await peer.send(SecureInstall(b"no certificate", b"none"))
        answer = await peer.receive()
        assert isinstance(answer, SecureAnswer)
        assert not answer.is_done
        assert answer.text.startswith("no certificate that could be used: ")
        assert isinstance(await (await lab.plain()).hello(), Welcome)
        assert not lab.file.exists()


@pytest.mark.rule("R68")
async def test_it_is_not_secured_once_the_window_is_shut(tmp_path: Path) -> None:
    async with running(tmp_path, window_s=0) as lab:
        peer = await lab.plain()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        assert await peer.receive() == SecureAnswer(False, NO_WINDOW)
        await peer.send(SecureInstall(b"x", b"y"))
        assert await peer.receive() == SecureAnswer(False, NO_WINDOW)
        assert lab.said == []


async def test_a_bridge_with_nowhere_to_keep_a_key_says_so(autojump_clock: MockClock) -> None:
    bridge = SoftBridge(ScriptedPort(), name="lab", unique_id=ID)
    async with trio.open_nursery() as nursery:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(bridge.run)
        nursery.start_soon(bridge.serve_stream, theirs)
        peer = Peer(ours)
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        assert await peer.receive() == SecureAnswer(
            False, "this bridge has no secure mode: it has nowhere to keep a key"
        )
        nursery.cancel_scope.cancel()


@pytest.mark.rule("R71")
async def test_slow_handshakes_are_few_and_short_and_never_disturb(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    mode = SecureMode(tmp_path / "bridge.pem", ID, lambda _: None)
    authority = Authority.of(tmp_path / "ca")
    csr = mode.request("desk", is_tls=False)
    assert isinstance(csr, SecureCsr)
    assert mode.install(
        SecureInstall(authority.sign(csr.csr, ID), authority.certificate), is_tls=False
    ).is_done
    bridge = SoftBridge(ScriptedPort(), name="lab", unique_id=ID, secure_mode=mode)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        ends: list[float] = []

        async def loris(first: bytes) -> None:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(bridge.serve_stream, theirs)
            if first:
                await ours.send_all(first)
            while await ours.receive_some():
                pass
            ends.append(trio.current_time() - began_s)

        began_s = trio.current_time()
        for first in (b"", b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03"):
            nursery.start_soon(loris, first)
        await trio.testing.wait_all_tasks_blocked()
        assert bridge.security.handshakes == 4
        await loris(b"")
        assert ends == [0.0]
        await trio.sleep(6)
        assert ends == [0.0, 5.0, 5.0, 5.0, 5.0]
        assert bridge.security.handshakes == 0
        nursery.cancel_scope.cancel()
