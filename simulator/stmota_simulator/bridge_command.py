"""What `stmota sim bridge` does: virtual boards behind soft bridges, on TCP and mDNS."""

import hashlib
import sys
from dataclasses import dataclass, replace
from functools import partial

import trio

from stmota_edge.announce import announced
from stmota_edge.listen import ListenAddress, is_loopback
from stmota_edge.soft_bridge import SoftBridge
from stmota_edge.soft_settings import checked_name
from stmota_protocol.limits import UNIQUE_ID_BYTES
from stmota_simulator.board import VirtualBoard
from stmota_simulator.board_order import BoardOrder
from stmota_simulator.link import LinkConditions
from stmota_simulator.link_end import through_link
from stmota_simulator.port import VirtualPort
from stmota_simulator.until_signal import run_until_signal


@dataclass(frozen=True, slots=True)
class BridgeOrder:
    """The options of `stmota sim bridge`."""

    board: BoardOrder
    name: str
    count: int | None
    listen: str
    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    is_announced: bool = True

    def names(self) -> list[str]:
        """The bridges' names. Raises ValueError for one that no bridge can have."""
        if self.count is None:
            return [checked_name(self.name)]
        return [checked_name(f"{self.name}-{number}") for number in range(1, self.count + 1)]

    def addresses(self) -> list[ListenAddress]:
        """Where each listens: ports counted up from the one asked for, or free ones. Raises ValueError."""
        first = ListenAddress.parse(self.listen)
        return [
            replace(first, port=first.port + index) if first.port else first
            for index in range(len(self.names()))
        ]

    def conditions(self) -> LinkConditions | None:
        """The simulated network, if there is to be one."""
        if not (self.rtt_ms or self.jitter_ms):
            return None
        return LinkConditions.of(self.rtt_ms, self.jitter_ms)


def bridge_id(name: str) -> bytes:
    """The unique id of a virtual bridge: the same name has the same one."""
    return hashlib.sha256(f"stmota sim {name}".encode()).digest()[:UNIQUE_ID_BYTES]


def run_bridges(order: BridgeOrder) -> None:
    """Serve until SIGINT or SIGTERM. Raises `SimulatorError`, ValueError or OSError, said for people."""
    boards = [order.board.make(serial=name) for name in order.names()]
    addresses = order.addresses()
    run_until_signal(partial(_serve_all, order, boards, addresses))


async def _serve_all(order: BridgeOrder, boards: list[VirtualBoard], addresses: list[ListenAddress]) -> None:
    listening = [await _listen(address) for address in addresses]
    conditions = order.conditions()
    async with trio.open_nursery() as nursery:
        for name, board, listeners in zip(order.names(), boards, listening, strict=True):
            bridge = SoftBridge(VirtualPort(board), name=name, unique_id=bridge_id(name))
            if conditions is None:
                await nursery.start(bridge.serve, listeners)
            else:
                await nursery.start(_serve_over_link, bridge, listeners, conditions)
            for listener in listeners:
                _tell(bridge, board, listener)
                if order.is_announced:
                    nursery.start_soon(_announce, bridge, listener)


async def _serve_over_link(
    bridge: SoftBridge,
    listeners: list[trio.SocketListener],
    conditions: LinkConditions,
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    """Serve as `bridge.serve` does, each connection over a simulated link of its own."""

    async def serve_one(stream: trio.SocketStream) -> None:
        await through_link(stream, conditions, bridge.serve_stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        await nursery.start(trio.serve_listeners, serve_one, listeners)
        task_status.started()


async def _listen(address: ListenAddress) -> list[trio.SocketListener]:
    """Raises OSError, with the address in it."""
    try:
        return await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        message = f"cannot listen on {address}: {cause.strerror or cause}"
        raise OSError(message) from error


def _tell(bridge: SoftBridge, board: VirtualBoard, listener: trio.SocketListener) -> None:
    """Say where a bridge listens."""
    host, port = listener.socket.getsockname()[:2]
    address = ListenAddress(host, port)
    facts = f"{board.model.title}, id {bridge.identity.unique_id.hex()}"
    sys.stdout.write(f"{bridge.identity.name} listening on {address} ({facts})\n")
    sys.stdout.flush()
    if not is_loopback(host):
        sys.stderr.write(f"warning: whoever reaches {address} can use this virtual bridge\n")


async def _announce(bridge: SoftBridge, listener: trio.SocketListener) -> None:
    """Announce a bridge until cancelled."""
    host, port = listener.socket.getsockname()[:2]
    async with announced(bridge.identity, host, port):
        await trio.sleep_forever()
