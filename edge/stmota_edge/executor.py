"""What executes batches at a port, whether trio can wait for that port or it blocks a thread."""

from abc import ABC, abstractmethod

import trio

from stmota_edge.effects import NOTHING, Drain, Effect, Read, Received, SleepUntil, Write
from stmota_edge.engine import Engine
from stmota_edge.errors import EdgeError
from stmota_edge.execution import BatchAborted, Steps
from stmota_edge.port import AsyncPort
from stmota_protocol.steps import Batch, Configure, Line, Result, Sense, SetLines, UartSettings


class Executor(ABC):
    """One UART that executes batches, used by one task; `abort` may come from any task of its thread."""

    lines: Line
    """Lines that can be driven."""

    @property
    def answer_delay_us(self) -> int:
        """How much later than at the UART itself bytes are received: measured, 0 where nothing is between."""
        return 0

    @abstractmethod
    def now_us(self) -> int:
        """The edge's clock: microseconds since the port was made."""

    @abstractmethod
    async def execute(self, batch: Batch) -> Result:
        """Execute a batch. Its result has no residue yet: that is in `take_unclaimed`.

        Never raises for what the port does: a result tells. A cancellation ends the batch between two bytes.
        """

    @abstractmethod
    def abort(self) -> None:
        """End the batch in hand between two bytes; nothing when there is none."""

    @abstractmethod
    def take_unclaimed(self) -> list[Received]:
        """What the batches executed so far received and no step consumed; each byte once."""

    @abstractmethod
    async def receive(self, until_us: int | None) -> Received:
        """Wait, outside a batch, for received bytes, until a time; a time in the past polls once.

        Raises `PortFailed`. Cancellation loses no byte.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Release the port; its lines go to their safe levels first."""


class AsyncExecutor(Executor):
    """Executes batches at an `AsyncPort`, in trio's own thread."""

    def __init__(self, port: AsyncPort, settings: UartSettings | None = None) -> None:
        self.lines = port.lines
        self._port = port
        self._engine = Engine(port, settings or UartSettings())
        self._in_hand: trio.CancelScope | None = None

    def now_us(self) -> int:
        """The port's clock."""
        return self._port.now_us()

    async def execute(self, batch: Batch) -> Result:
        """Drive the engine; an abort cancels the effect in hand."""
        steps = self._engine.execute(batch)
        try:
            with trio.CancelScope() as self._in_hand:
                return await self._drive(steps)
        finally:
            self._in_hand = None
        self._port.drop_unsent()
        return ended(steps, BatchAborted())

    def abort(self) -> None:
        """Cancel the effect in hand."""
        if self._in_hand is not None:
            self._in_hand.cancel()

    def take_unclaimed(self) -> list[Received]:
        """From the engine."""
        return self._engine.take_unclaimed()

    async def receive(self, until_us: int | None) -> Received:
        """From the port."""
        return Received(*await self._port.read(until_us))

    async def aclose(self) -> None:
        """Close the port."""
        await self._port.aclose()

    async def _drive(self, steps: Steps[Result]) -> Result:
        try:
            effect = next(steps)
            while True:
                try:
                    answer = await self._perform(effect)
                except EdgeError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(answer)
        except StopIteration as stop:
            result: Result = stop.value
            return result

    async def _perform(self, effect: Effect) -> Received:
        port = self._port
        match effect:
            case Read():
                return Received(*await port.read(effect.until_us))
            case Write():
                await port.write(effect.data)
            case Drain():
                await port.drain()
            case SleepUntil():
                await port.sleep_until(effect.until_us)
            case SetLines():
                await port.set_lines(effect.mask, effect.levels)
            case Sense():
                return Received(port.now_us(), bytes(await port.sense()))
            case Configure():
                await port.configure(effect.settings)
        return NOTHING


def ended(steps: Steps[Result], error: Exception) -> Result:
    """Throw an error into a batch, which ends it."""
    try:
        steps.throw(error)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    message = "a batch went on after its end"
    raise RuntimeError(message)
