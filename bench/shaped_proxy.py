"""A simulated network between whoever connects and a port of this machine.

Run as `python -m bench.shaped_proxy --rtt-ms 50 7820`; it prints where it listens and ends with SIGTERM.
"""

import argparse
import sys
from functools import partial

import trio

from bench.virtual_flash import JITTER, link_conditions
from stmota_simulator.link import LinkConditions
from stmota_simulator.link_end import LinkEnd, through_link
from stmota_simulator.until_signal import run_until_signal

PUMP_BYTES = 65_536


async def _serve(conditions: LinkConditions, port: int) -> None:
    async def one(stream: trio.SocketStream) -> None:
        await through_link(stream, conditions, partial(_join, port))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, listening = listeners[0].socket.getsockname()[:2]
    sys.stdout.write(f"proxy listening on {host}:{listening}\n")
    sys.stdout.flush()
    await trio.serve_listeners(one, listeners)


async def _join(port: int, far: LinkEnd) -> None:
    """Carry bytes both ways until either end."""
    near = await trio.open_tcp_stream("127.0.0.1", port)
    async with near, trio.open_nursery() as nursery:
        nursery.start_soon(_carry, near, far, nursery.cancel_scope)
        await _carry(far, near, nursery.cancel_scope)


async def _carry(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream, end: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(PUMP_BYTES):
            await sink.send_all(data)
    except trio.BrokenResourceError:
        pass  # the other one hears of it by the end
    finally:
        end.cancel()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--rtt-ms", type=float, default=0)
    given = parser.parse_args()
    run_until_signal(partial(_serve, link_conditions(given.rtt_ms / 1000, JITTER), given.port))


if __name__ == "__main__":
    main()
