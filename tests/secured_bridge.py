"""A soft bridge that may be secured, over real TCP, and a CA: for tests of secure mode."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from trio.testing import open_stream_to_socket_listener

from bridge_peer import Peer
from scripted_port import ScriptedPort
from stmota_daemon.authority import Authority
from stmota_edge.secure_mode import SecureMode
from stmota_edge.soft_bridge import SoftBridge
from stmota_edge.soft_settings import SoftUpkeep
from stmota_edge.tls import handshake, tls_context
from stmota_protocol.secure_messages import SecureAnswer, SecureCsr, SecureInstall, SecureRequest

ID = bytes.fromhex("00112233445566aa")
WITHIN_S = 30.0


@dataclass
class Secured:
    """A bridge that may be secured, what its console shows, and a CA."""

    bridge: SoftBridge
    listener: trio.SocketListener
    authority: Authority
    file: Path
    said: list[str]
    streams: list[trio.SocketStream] = field(default_factory=list[trio.SocketStream])

    async def connect(self) -> trio.SocketStream:
        self.streams.append(await open_stream_to_socket_listener(self.listener))
        return self.streams[-1]

    async def plain(self) -> Peer:
        return Peer(await self.connect())

    async def tls(self, credential: Path | None = None) -> Peer:
        stream = await self.connect()
        context = tls_context(credential or self.authority.client_file, is_server=False)
        return Peer(await handshake(stream, context, is_server=False))

    async def secure(self, authority: Authority | None = None, unique_id: bytes = ID) -> SecureAnswer:
        """By the book, over plain TCP."""
        return await enrol(await self.plain(), authority or self.authority, unique_id)


async def enrol(peer: Peer, authority: Authority, unique_id: bytes = ID) -> SecureAnswer:
    await peer.greeting()
    await peer.send(SecureRequest("desk"))
    csr = await peer.receive()
    assert isinstance(csr, SecureCsr)
    await peer.send(SecureInstall(authority.sign(csr.csr, unique_id), authority.certificate))
    answer = await peer.receive()
    assert isinstance(answer, SecureAnswer)
    return answer


@asynccontextmanager
async def running(
    folder: Path, window_s: float = 300.0, upkeep: SoftUpkeep | None = None
) -> AsyncGenerator[Secured]:
    said: list[str] = []
    file = folder / "bridge" / "bridge.pem"
    mode = SecureMode(file, ID, said.append, window_s)
    bridge = SoftBridge(ScriptedPort(), name="lab", unique_id=ID, upkeep=upkeep, secure_mode=mode)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(bridge.serve, [listener])
            lab = Secured(bridge, listener, Authority.of(folder / "ca"), file, said)
            try:
                yield lab
            finally:
                for stream in lab.streams:
                    stream.socket.close()
            nursery.cancel_scope.cancel()
