"""Executes batches at one UART, without I/O: what stays from one batch to the next.

A batch begins with an empty receive buffer: what came before it is nobody's, and so is what is left at its
end. What a step means is in `execution.py`.
"""

from stmota_edge.effects import Gauges, Received
from stmota_edge.execution import Execution, Steps
from stmota_protocol.steps import Batch, Result, UartSettings


class Engine:
    """One UART's executor without hands: its settings, and what it received and nobody consumed."""

    def __init__(self, gauges: Gauges, settings: UartSettings) -> None:
        self.settings = settings
        """As the port was last set."""
        self._gauges = gauges
        self._unclaimed: list[Received] = []

    def execute(self, batch: Batch) -> Steps[Result]:
        """Execute one batch; whatever becomes of it, the generator returns a result."""
        execution = Execution(batch, self._gauges, self.settings)
        try:
            return (yield from execution.run())
        finally:
            self.settings = execution.settings
            self._unclaimed += (received for received in execution.unclaimed if received.data)

    def take_unclaimed(self) -> list[Received]:
        """What the batches executed since the last call received and no step of theirs consumed."""
        unclaimed, self._unclaimed = self._unclaimed, []
        return unclaimed
