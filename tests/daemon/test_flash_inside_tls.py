"""A flash inside TLS is as fast as one outside: virtual clock, a link with a round trip of 50 ms."""

import ssl
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from lab import CONTROLLER_ID, LabBridge, LinkBoard, RecordingReport
from sample_images import make_image
from stmota_daemon.authority import Authority
from stmota_daemon.bridge_link import open_bridge_link
from stmota_daemon.flash import flash
from stmota_edge.tls import handshake, tls_context
from stmota_protocol.api import FlashFile, FlashOptions
from stmota_simulator.boards import make_board
from stmota_simulator.link import LinkConditions
from stmota_simulator.link_end import simulated_link

IMAGE = make_image(30_000)
OPTIONS = FlashOptions(files=(FlashFile(firmware="", filename="fw.bin"),))


async def tls_ends(
    near: trio.abc.Stream, far: trio.abc.Stream, credential: Path
) -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """Both ends inside TLS; one certificate will do for both."""
    ends: dict[bool, trio.abc.Stream] = {}

    async def end(stream: trio.abc.Stream, *, is_server: bool) -> None:
        context = tls_context(credential, is_server=is_server)
        context.verify_mode = ssl.CERT_NONE
        ends[is_server] = await handshake(stream, context, is_server=is_server)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: end(far, is_server=True))
        await end(near, is_server=False)
    return ends[False], ends[True]


async def flash_s(conditions: LinkConditions, credential: Path | None) -> float:
    """Flash a fresh board; return the virtual seconds it took, inside TLS if there is a credential."""
    board = make_board("F103xB")
    bridge = LabBridge(board)
    near: trio.abc.Stream
    far: trio.abc.Stream
    near, far = simulated_link(conditions)
    if credential is not None:
        near, far = await tls_ends(near, far, credential)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        nursery.start_soon(bridge.serve_stream, far)
        async with open_bridge_link(near, CONTROLLER_ID, "lab") as link:
            began_s = trio.current_time()
            await flash(LinkBoard(link), RecordingReport(), [IMAGE], OPTIONS)
            took_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    assert board.flash[: len(IMAGE)] == IMAGE
    return took_s


@pytest.mark.parametrize("bytes_per_s", [None, 100_000], ids=["a fast link", "100 kB/s"])
async def test_a_flash_inside_tls_takes_as_long_as_outside(
    tmp_path: Path, autojump_clock: MockClock, bytes_per_s: float | None
) -> None:
    conditions = LinkConditions.of(rtt_ms=50, bytes_per_s=bytes_per_s)
    plain_s = await flash_s(conditions, None)
    inside_s = await flash_s(conditions, Authority.of(tmp_path).client_file)
    assert inside_s <= plain_s * 1.02
