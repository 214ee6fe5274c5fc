"""A board's bare UART on TCP behind a simulated network: what tools without a bridge are measured on.

Each connection gets a board of its own, in its bootloader, its UART at 8E1. Run as
`python -m bench.shaped_board --rtt-ms 50`; it prints where it listens and ends with SIGTERM.
"""

import argparse
import sys
from functools import partial

import trio

from bench.virtual_flash import JITTER, link_conditions
from stmota_protocol.steps import Parity, UartSettings
from stmota_simulator.boards import make_board
from stmota_simulator.link import LinkConditions
from stmota_simulator.link_end import LinkEnd, through_link
from stmota_simulator.port import VirtualPort
from stmota_simulator.until_signal import run_until_signal


async def _serve(conditions: LinkConditions, chip: str, baud: int) -> None:
    async def one(stream: trio.SocketStream) -> None:
        await through_link(stream, conditions, partial(_join, chip, baud))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, port = listeners[0].socket.getsockname()[:2]
    sys.stdout.write(f"board listening on {host}:{port}\n")
    sys.stdout.flush()
    await trio.serve_listeners(one, listeners)


async def _join(chip: str, baud: int, far: LinkEnd) -> None:
    """Carry bytes both ways until the network's end."""
    port = VirtualPort(make_board(chip, boot0=True))
    await port.configure(UartSettings(baud, parity=Parity.EVEN))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_to_network, port, far)
        async for data in far:
            await port.write(bytes(data))
        nursery.cancel_scope.cancel()


async def _to_network(port: VirtualPort, far: LinkEnd) -> None:
    while True:
        _, data = await port.read(None)
        await far.send_all(data)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chip", default="F103xB")
    parser.add_argument("--baud", type=int, default=115_200)
    parser.add_argument("--rtt-ms", type=float, default=0)
    given = parser.parse_args()
    conditions = link_conditions(given.rtt_ms / 1000, JITTER)
    run_until_signal(partial(_serve, conditions, given.chip, given.baud))


if __name__ == "__main__":
    main()
