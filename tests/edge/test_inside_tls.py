"""The bridge protocol inside TLS: rights, take-over, reconnection, and records that are not too long."""

import ssl
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair

from bridge_peer import CONTROLLER_ID, OTHER_ID, Peer
from secured_bridge import Secured, running
from stmota_daemon.authority import Authority
from stmota_edge.soft_settings import NOT_ALLOWED, SoftSettings, SoftUpkeep
from stmota_edge.tls import TlsStream, handshake, tls_context
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    BeginRun,
    Busy,
    CloseReason,
    Message,
    Welcome,
)
from stmota_protocol.steps import Batch, UartSettings, Unclaimed, Wait
from stmota_protocol.upkeep import (
    GetSettings,
    NetworkRights,
    SetSettings,
    SettingChange,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
)

MAX = 4096
FreeStream: TypeAlias = "trio.SSLStream[trio.StapledStream[MemorySendStream, MemoryReceiveStream]]"


def upkeep_of(folder: Path) -> SoftUpkeep:
    return SoftUpkeep(SoftSettings("lab", UartSettings()), folder / "kept.json", is_open=False)


async def ask(peer: Peer, message: Message) -> Message | None:
    await peer.send(message)
    return await peer.receive()


@pytest.mark.rule("R58", "R60")
async def test_what_provisioning_did_not_allow_over_plain_tcp_is_allowed_inside_tls(tmp_path: Path) -> None:
    async with running(tmp_path, upkeep=upkeep_of(tmp_path)) as lab:
        plain = await lab.plain()
        assert (await plain.greeting()).identity.rights is NetworkRights.NONE
        assert isinstance(await plain.hello(), Welcome)
        refused = await ask(plain, GetSettings())
        assert refused == SettingsAnswer(SettingsVerdict.REFUSED, "", NOT_ALLOWED)
        assert (await lab.secure()).is_done
        inside = await lab.tls()
        assert (await inside.greeting()).identity.rights is NetworkRights.SETTINGS
        assert isinstance(await inside.hello(), Welcome)
        done = await ask(inside, SetSettings((SettingChange("name", "bench"),)))
        assert done == SettingsAnswer(SettingsVerdict.AFTER_RESTART, "", "")
        told = await ask(inside, GetSettings())
        assert isinstance(told, Settings)
        assert (told.settings[0].key, told.settings[0].value) == ("name", "bench")


async def seated(lab: Secured) -> Peer:
    controller = await lab.tls()
    assert isinstance(await controller.hello(CONTROLLER_ID), Welcome)
    return controller


async def test_take_over_and_reconnection_work_inside_tls_as_they_do_outside(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        assert (await lab.secure()).is_done
        first = await seated(lab)
        await first.send(BeginRun(7, Unclaimed.RESIDUE), BatchRequest(7, 0, Batch((Wait(0),))))
        assert isinstance(await first.receive(), BatchResult)
        again = await lab.tls()  # the same controller comes back, before its old connection is gone
        welcome = await again.hello(CONTROLLER_ID)
        assert isinstance(welcome, Welcome)
        assert welcome.last_result is not None
        assert welcome.last_result.run == 7
        assert (await first.closing()).reason is CloseReason.REPLACED
        other = await lab.tls()
        assert isinstance(await other.hello(OTHER_ID), Busy)
        assert isinstance(await other.hello(OTHER_ID, take_over=True), Welcome)
        assert (await again.closing()).reason is CloseReason.TAKEN_OVER


async def tls_pair(folder: Path) -> tuple[TlsStream, FreeStream]:
    """Two ends: ours, and one that makes records as it likes."""
    authority = Authority.of(folder)
    ours, theirs = memory_stream_pair()
    ends: list[TlsStream] = []

    async def answer() -> None:
        context = tls_context(authority.client_file, is_server=True)
        context.verify_mode = ssl.CERT_NONE
        ends.append(await handshake(theirs, context, is_server=True))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        context = tls_context(authority.client_file, is_server=False)
        context.verify_mode = ssl.CERT_NONE
        free = trio.SSLStream(ours, context, https_compatible=True)
        await free.do_handshake()
    return ends[0], free


@pytest.mark.rule("R73")
@pytest.mark.parametrize("length", [0, 1, MAX, MAX + 1, 3 * MAX + 7])
async def test_what_is_sent_goes_out_in_records_of_at_most_4096_bytes(
    tmp_path: Path, autojump_clock: MockClock, length: int
) -> None:
    ours, free = await tls_pair(tmp_path)
    data = bytes(range(256)) * (length // 256) + bytes(length % 256)
    pieces: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, data)
        got = b""
        while len(got) < length:
            piece = bytes(await free.receive_some(16384))  # OpenSSL reads one record at a time
            pieces.append(len(piece))
            got += piece
    assert got == data
    assert pieces == [MAX] * (length // MAX) + ([length % MAX] if length % MAX else [])


@pytest.mark.rule("R73")
async def test_a_record_of_4096_bytes_is_read_in_any_pieces_and_a_longer_one_ends_the_connection(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    ours, free = await tls_pair(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(free.send_all, bytes(MAX))
        lengths = [len(await ours.receive_some(1000)) for _ in range(5)]
    assert lengths == [1000, 1000, 1000, 1000, 96]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(free.send_all, bytes(MAX + 1))
        with pytest.raises(trio.BrokenResourceError, match="a TLS record of more than 4096 bytes"):
            await ours.receive_some(1)
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some(1)
