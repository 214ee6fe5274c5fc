"""A soft bridge on a scripted port, and links of the daemon's to it, in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from trio.testing import memory_stream_pair

from scripted_port import ScriptedPort, acknowledges
from stmota_edge.soft_bridge import SoftBridge

ID = b"controller-id-16"


class Lab:
    """A soft bridge on a scripted port, and connections to it."""

    def __init__(self, nursery: trio.Nursery, port: ScriptedPort, credit: int) -> None:
        self.port = port
        self.bridge = SoftBridge(port, name="lab", unique_id=b"12345678", credit=credit)
        self._nursery = nursery
        self._ends: list[trio.abc.AsyncResource] = []

    def connect(self) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._ends += [ours, theirs]
        self._nursery.start_soon(self.bridge.serve_stream, theirs)
        return ours

    async def cut(self) -> None:
        for end in self._ends:
            await trio.aclose_forcefully(end)

    def cut_after(self, seconds: float) -> None:
        async def wait_and_cut() -> None:
            await trio.sleep(seconds)
            await self.cut()

        self._nursery.start_soon(wait_and_cut)


@asynccontextmanager
async def lab(port: ScriptedPort | None = None, credit: int = 65536) -> AsyncGenerator[Lab, None]:
    async with trio.open_nursery() as nursery:
        lab = Lab(nursery, port or ScriptedPort(acknowledges), credit)
        nursery.start_soon(lab.bridge.run)
        yield lab
        nursery.cancel_scope.cancel()
