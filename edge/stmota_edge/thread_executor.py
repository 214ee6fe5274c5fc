"""Executes batches at a port that blocks: a whole batch in a thread, no hop for each byte."""

import threading
from contextlib import suppress

import trio

from stmota_edge.effects import NOTHING, Drain, Effect, Read, Received, SleepUntil, Write
from stmota_edge.engine import Engine
from stmota_edge.errors import EdgeError
from stmota_edge.execution import BatchAborted
from stmota_edge.executor import Executor
from stmota_edge.threaded_port import ThreadedPort
from stmota_protocol.steps import Batch, Configure, Result, Sense, SetLines, UartSettings


class ThreadExecutor(Executor):
    """Drives the engine in a worker thread; between batches, the port's reading thread wakes trio."""

    def __init__(self, port: ThreadedPort, settings: UartSettings | None = None) -> None:
        self.lines = port.lines
        self._port = port
        self._engine = Engine(port, settings or UartSettings())
        self._abort = threading.Event()
        """Of the batch in hand, or the last one."""
        self._one_at_a_time = trio.CapacityLimiter(1)

    @property
    def answer_delay_us(self) -> int:
        """As the port measured it."""
        return self._port.answer_delay_us

    def now_us(self) -> int:
        """The port's clock."""
        return self._port.now_us()

    async def execute(self, batch: Batch) -> Result:
        """Execute in a thread. A cancellation aborts it there; the next batch waits until it has ended."""
        self._abort = abort = threading.Event()
        try:
            return await trio.to_thread.run_sync(
                self._drive,
                batch,
                abort,
                abandon_on_cancel=True,
                limiter=self._one_at_a_time,
            )
        except trio.Cancelled:
            self._port.abort(abort)
            raise

    def abort(self) -> None:
        """Wake the thread."""
        self._port.abort(self._abort)

    def take_unclaimed(self) -> list[Received]:
        """From the engine."""
        return self._engine.take_unclaimed()

    async def receive(self, until_us: int | None) -> Received:
        """From the port's reading thread, whole chunks."""
        token = trio.lowlevel.current_trio_token()
        while True:
            news = trio.Event()

            def tell(news: trio.Event = news) -> None:
                with suppress(trio.RunFinishedError):
                    token.run_sync_soon(news.set, idempotent=True)

            await trio.lowlevel.checkpoint()
            received = self._port.take(tell)
            if received.data or (until_us is not None and self.now_us() >= until_us):
                return received
            within_s = float("inf") if until_us is None else (until_us - self.now_us()) / 1e6
            with trio.move_on_after(max(within_s, 0)):
                await news.wait()

    async def aclose(self) -> None:
        """Close the port, in a thread: pyserial waits 0.3 s for some servers' sake."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._port.close)

    def _drive(self, batch: Batch, abort: threading.Event) -> Result:
        self._port.begin(abort)
        steps = self._engine.execute(batch)
        try:
            effect = next(steps)
            while True:
                try:
                    answer = self._perform(effect)
                except EdgeError as error:
                    effect = steps.throw(error)
                except BatchAborted as error:
                    self._port.drop_unsent()
                    effect = steps.throw(error)
                else:
                    effect = steps.send(answer)
        except StopIteration as stop:
            result: Result = stop.value
            return result

    def _perform(self, effect: Effect) -> Received:
        port = self._port
        match effect:
            case Read():
                return port.read(effect.until_us)
            case Write():
                port.write(effect.data)
            case Drain():
                port.drain()
            case SleepUntil():
                port.sleep_until(effect.until_us)
            case SetLines():
                port.set_lines(effect.mask, effect.levels)
            case Sense():
                return Received(port.now_us(), bytes(2))  # nothing can be read back
            case Configure():
                port.configure(effect.settings)
        return NOTHING
