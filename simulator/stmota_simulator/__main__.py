"""`python -m stmota_simulator`: the same as `stmota sim`."""

from stmota_simulator.cli import app

app(prog_name="stmota sim")
