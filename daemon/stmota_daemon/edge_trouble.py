"""Failures of a batch that are neither the chip's nor the wires': the edge cannot do it, or not now."""

from stmota_daemon.link import LinkLost
from stmota_daemon.work import WorkFailed
from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.steps import Cause, Outcome, Result, Rs485, UartSettings


class RateRefused(WorkFailed):
    """The edge's UART cannot be set as the ROM needs it."""


def not_out_of_an_erase() -> Problem:
    """Return why a board without NRST cannot be talked to after half an erase."""
    return Problem(
        code=ProblemCode.FAILED,
        message="an erase failed half-way, and this bridge has no NRST line to end it safely: what is sent"
        " now the chip may take for the pages to erase",
        remedy="reset or power-cycle the board by hand, then flash again; with NRST wired to it the bridge"
        " does that",
        step="reset",
    )


def _no_direction_line() -> Problem:
    return Problem(
        code=ProblemCode.FAILED,
        message="the bridge cannot turn an RS-485 line at this baud: it drives no direction line, or RTS is"
        " wired to something else",
        remedy="with an adapter that turns by itself leave rs485 out of the bridge's configuration and set"
        " echo = true; a serial port needs RTS free",
        step="configure",
    )


def check_edge(result: Result, settings: UartSettings) -> None:
    """Turn what only the edge's owner can mend into the job's failure; `settings` are the UART's."""
    if result.cause is Cause.UNSUPPORTED and settings.rs485 is not Rs485.OFF:
        raise WorkFailed(_no_direction_line())
    if result.cause is Cause.UNSUPPORTED:
        raise RateRefused(
            Problem(
                code=ProblemCode.FAILED,
                message=f"the bridge cannot do step {result.failed_step} of this batch"
                f" at {settings.baud} baud",
                remedy="try another --baud; a bridge on a plain socket:// port cannot change parity or baud",
                step="configure",
            )
        )
    if result.cause is Cause.PORT:
        raise WorkFailed(
            Problem(
                code=ProblemCode.UNREACHABLE,
                message="the bridge's serial port failed",
                remedy="was its adapter unplugged? Check it at the bridge, then try again",
                step="port",
            )
        )
    if result.outcome is Outcome.ABORTED:
        raise LinkLost
