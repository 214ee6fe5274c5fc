"""What tests of ROM defects share: the host's table without those of a kind; chips that start by the pin."""

from collections.abc import Callable

from stmota_protocol.chips.defects import DefectKind

PIN_DECIDES = {"nBOOT_SEL": 0}
Without = Callable[[DefectKind], None]
