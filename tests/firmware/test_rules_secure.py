"""Secure mode over the wire: BRIDGE_PROTOCOL.md, section 7.

Bridges of their own, since securing one is for good; a bridge that is named (--bridge) is only asked.
"""

import contextlib
import os
import ssl

import pytest
import trio

from bridge_bench import Bench, new_id, results
from bridge_peer import Peer
from securable_bridges import Lab, Securable, server_credential
from stmota_daemon.authority import Authority, fingerprint_of
from stmota_edge.tls import NotTrusted, TlsStream, bridge_uri, handshake, tls_context
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.limits import MAX_TLS_DATA
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Closing,
    Ping,
    Unsupported,
    Welcome,
)
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest
from stmota_protocol.steps import Batch, Receive, Send, Unclaimed, Wait
from stmota_protocol.upkeep import NetworkRights

NO_WINDOW = (
    "this bridge can be secured only just after its power-up, or while its console allows it: switch it off "
    "and on, or write secure at that console, and try again within 5 minutes"
)
CLIENT_HELLO_OF_TLS_1_1 = bytes.fromhex(
    "16 0301 0047 01 000043 0302"  # record, ClientHello, its version (RFC 4346, 7.4.1.2)
    + "00" * 32
    + "00 0006 c00a c009 002f 0100"  # no session; ECDHE-ECDSA and RSA with AES in CBC, SHA-1; no compression
    + "0014 000a 0006 0004 0017 0018 000b 0002 0100 000d 0000"  # P-256 and P-384; uncompressed; no more
)
ALERT, FATAL, PROTOCOL_VERSION = 21, 2, 70  # RFC 8446, 6
PARTS, PART_BYTES = 12, 4000  # results of three quarters of the credit


async def works(peer: Peer) -> None:
    """The first run of a controller is done."""
    await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, Batch((Wait(0),))))
    (result,) = await results(peer, 1)
    assert result.is_done


@pytest.mark.rule("R68")
async def test_a_request_for_secure_mode_is_answered_or_unsupported_and_disturbs_no_controller(
    bench: Bench,
) -> None:
    controller = await bench.controller()
    peer = await bench.peer()
    await peer.greeting()
    await peer.send(SecureRequest("tester"))
    answer = await peer.receive()
    # A bridge without secure mode does not know it; one whose window is shut says so.
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


@pytest.mark.rule("R54", "R68", "R69", "R70", "R58")
async def test_it_is_secured_over_plain_tcp_and_speaks_tls_from_then_on(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.unique_id()
        before = await lab.controller()
        peer = await lab.peer()
        await peer.greeting()
        await peer.send(SecureRequest("desk \x07"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
        asks = f"desk ? asks to secure this bridge; the fingerprint of its key: {fingerprint_of(csr.csr)}"
        assert await lab.shown() == f"lab: {asks}\n"
        assert lab.kept == []
        await works(before)
        certificate = lab.authority.sign(csr.csr, unique_id)
        await peer.send(SecureInstall(certificate, lab.authority.certificate))
        assert await peer.receive() == SecureAnswer(True, "")
        for one in (peer, before):
            assert (await one.closing()).reason is CloseReason.SECURED
        assert [file.stat().st_mode & 0o777 for file in lab.kept] == [0o600]
        secured = "this bridge is in secure mode now: it speaks to that daemon only"
        assert await lab.shown() == f"lab: {secured}\n"
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            inside = await lab.tls(newest=newest)
            greeting = await inside.greeting()
            assert greeting.identity.unique_id == unique_id
            if bridge_kind.is_c:  # the Python bridge has less than all, and tests/edge shows what
                assert greeting.identity.rights == NetworkRights.SETTINGS | NetworkRights.UPDATE
            assert isinstance(await inside.hello(new_id()), Welcome)
            assert isinstance(inside.stream, TlsStream)
            assert inside.stream.names == {bridge_uri(unique_id)}
            await works(inside)
            await inside.stream.aclose()


@pytest.mark.rule("R70", "R69", "R68")
async def test_it_stays_secured_and_its_certificate_is_renewed_inside_tls(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.secure()
        peer = await lab.tls()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        csr = await peer.receive()
        assert isinstance(csr, SecureCsr)
    async with bridge_kind.running() as lab:
        newer = Authority.of(lab.folder / "newer" / "ca")
        older = await lab.tls()
        assert isinstance(await older.hello(new_id()), Welcome)
        peer = await lab.tls()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        again = await peer.receive()
        assert isinstance(again, SecureCsr)
        assert fingerprint_of(again.csr) == fingerprint_of(csr.csr)
        await peer.send(SecureInstall(newer.sign(again.csr, unique_id), newer.certificate))
        assert await peer.receive() == SecureAnswer(True, "")
        assert (await older.closing()).reason is CloseReason.SECURED
        assert isinstance(await (await lab.tls(newer.client_file)).hello(new_id()), Welcome)
        with pytest.raises(NotTrusted):
            await lab.tls()


@pytest.mark.rule("R54", "R71")
@pytest.mark.parametrize(
    "garbage", [PREAMBLE, b"GET / HTTP/1.1\r\n\r\n", bytes(5000)], ids=["stmota", "http", "zeros"]
)
async def test_who_does_not_speak_tls_is_told_why_not_and_nothing_else(
    bridge_kind: Securable, garbage: bytes
) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        peer = await lab.peer()
        peer.connection.preamble()
        await peer.stream.send_all(garbage)
        said = await peer.receive()
        assert said == Closing(
            CloseReason.SECURED, "this bridge is in secure mode: it speaks TLS, to the daemon that secured it"
        )
        assert await peer.stream.receive_some(1) == b""


async def ended(stream: trio.abc.Stream) -> bytes:
    """All that comes until the end, however that comes."""
    heard = b""
    try:
        while data := await stream.receive_some(65536):
            heard += data
    except trio.BrokenResourceError:
        pass
    return heard


@pytest.mark.rule("R71")
async def test_garbage_in_a_handshake_ends_that_connection_only(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        controller = await lab.tls()
        assert isinstance(await controller.hello(new_id()), Welcome)
        for garbage in (
            b"\x16\x03\x01\x00\x05hello",
            b"\x16" + bytes(50),
            b"\x16\x03\x01\xff\xff" + bytes(999),
        ):
            stream = await lab.plain()
            await stream.send_all(garbage)
            with contextlib.suppress(trio.BrokenResourceError):  # it was faster
                await stream.send_eof()
            assert PREAMBLE not in await ended(stream)
        await works(controller)


@pytest.mark.rule("R54", "R71")
async def test_a_client_below_tls_1_2_is_refused(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        stream = await lab.plain()
        await stream.send_all(CLIENT_HELLO_OF_TLS_1_1)
        alert = await ended(stream)
        # Python's does not get to send it.
        assert not alert or (alert[0], alert[5:]) == (ALERT, bytes((FATAL, PROTOCOL_VERSION)))


@pytest.mark.rule("R71")
async def test_a_client_of_another_ca_an_expired_one_and_a_bridge_are_refused(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        unique_id = await lab.secure()
        controller = await lab.tls()
        assert isinstance(await controller.hello(new_id()), Welcome)
        stranger = Authority.of(lab.folder / "stranger" / "ca").client_file
        expired = lab.authority.client(lab.folder / "expired.ca", days=-1)
        server = server_credential(lab, unique_id)
        for credential in (stranger, expired, server):
            context = tls_context(credential, is_server=False)
            context.verify_mode = ssl.CERT_NONE
            stream = trio.SSLStream(await lab.plain(), context)
            # TLS 1.3 tells a client of its certificate's refusal when it reads first.
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some(1)
        await works(controller)


@pytest.mark.rule("R71", "R13")
async def test_handshakes_that_dawdle_are_few_and_short_and_disturb_nobody(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        controller = await lab.tls()
        assert isinstance(await controller.hello(new_id()), Welcome)
        dawdling: list[trio.SocketStream] = []
        began_s = trio.current_time()
        for first in (b"", b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03"):
            dawdling.append(await lab.plain())
            await dawdling[-1].send_all(first)
        assert await ended(await lab.plain()) == b""
        assert trio.current_time() - began_s < 5
        await works(controller)
        for stream in dawdling:
            assert await ended(stream) == b""
        assert trio.current_time() - began_s >= 5
        inside = None
        while inside is None:  # the bridge may not have seen yet that they are gone
            with contextlib.suppress(NotTrusted):
                inside = await lab.tls()
        assert isinstance(await inside.hello(new_id(), take_over=True), Welcome)


@pytest.mark.rule("R73")
async def test_a_record_of_more_than_4096_bytes_ends_the_connection(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = tls_context(lab.authority.client_file, is_server=False)
            context.maximum_version = newest
            stream = trio.SSLStream(await lab.plain(), context, https_compatible=True)
            whole = Batch((Wait(0),) * ((MAX_TLS_DATA - 400) // 7))
            peer = Peer(stream)
            assert isinstance(await peer.hello(new_id()), Welcome)
            await peer.send(BeginRun(1, Unclaimed.RESIDUE), BatchRequest(1, 0, whole))
            assert isinstance(await peer.receive(), BatchResult)
            await stream.send_all(bytes(MAX_TLS_DATA + 1))
            await ended(stream)


@pytest.mark.rule("R68")
async def test_the_window_of_the_console_lets_a_bridge_be_secured(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        controller = await lab.tls()
        assert isinstance(await controller.hello(new_id()), Welcome)
        assert [(await lab.shown()).startswith("lab: ") for _ in range(2)] == [True, True]
        lab.say("secure", "insecure", "secure", "nonsense")
        said: list[str] = []
        while len(said) < 4:  # the core's console ends each answer by ok
            said += [line for line in [(await lab.shown()).removeprefix("lab: ")] if line != "ok\n"]
        assert said[0].startswith("this bridge is in secure mode; the fingerprint of its key: ")
        assert said[1] == "key and certificates are forgotten: this bridge is not in secure mode\n"
        assert said[2].startswith("this bridge is not in secure mode, and can be secured within 5 ")
        assert said[2].split()[-1] != said[0].split()[-1]
        assert said[3].startswith("error: no such ")
        assert (await controller.closing()).reason is CloseReason.SHUTDOWN
        assert lab.kept == []
        await lab.secure()


@pytest.mark.rule("R73", "R44")
async def test_what_a_slow_reader_gets_inside_tls_is_whole(bridge_kind: Securable) -> None:
    async with bridge_kind.running() as lab:
        await lab.secure()
        with trio.socket.socket() as narrow:
            narrow.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 1)
            await narrow.connect((lab.host, lab.port))
            context = tls_context(lab.authority.client_file, is_server=False)
            peer = Peer(await handshake(trio.SocketStream(narrow), context, is_server=False))
            assert isinstance(await peer.hello(new_id()), Welcome)
            data = bytes(number % 251 for number in range(PARTS * PART_BYTES))
            part = Batch((Send(b"?"), Receive(PART_BYTES, 30_000_000)))
            batches = [BatchRequest(1, number, part) for number in range(PARTS)]
            await peer.send(BeginRun(1, Unclaimed.RESIDUE), *batches)
            for at in range(0, len(data), PART_BYTES):
                await lab.hears(1)
                await said_slowly(lab, data[at : at + PART_BYTES])
                await peer.send(Ping(1))  # slow, on a busy machine, but not dead (R22)
            heard = b""
            for _ in range(PARTS):
                (result,) = await results(peer, 1)
                heard += result.outputs[0].data
                await peer.send(Ping(1))
            assert heard == data


async def said_slowly(lab: Lab, data: bytes) -> None:
    """The target says it, as far as its line takes it."""
    while data:
        await trio.lowlevel.wait_writable(lab.far)
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(lab.far, data[:1024]) :]
