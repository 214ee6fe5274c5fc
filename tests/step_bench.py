"""Steps carried out at a scripted port on the virtual clock, without a bridge."""

from collections.abc import Callable

from scripted_port import Reply, ScriptedPort, silent
from stmota_edge.executor import AsyncExecutor
from stmota_protocol.steps import Batch, Result, Step, UartSettings

NACK = 0x1F
BYTE_US = 100
"""At 100000 baud 8N1."""


def says(*replies: tuple[int, bytes]) -> Callable[[bytes], Reply]:
    return lambda _: list(replies)


async def execute(
    *steps: Step, target: Callable[[bytes], Reply] = silent, knows_ahead: bool = False
) -> tuple[Result, ScriptedPort]:
    port = ScriptedPort(target, knows_ahead=knows_ahead)
    port.settings = UartSettings(baud=100_000)
    executor = AsyncExecutor(port, port.settings)
    return await executor.execute(Batch(steps)), port
