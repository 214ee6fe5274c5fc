"""`stmota doctor`."""

import typer

from stmota_client import screen
from stmota_client.arguments import OnJob, add_command
from stmota_client.errors import ClientError
from stmota_client.escape import escape
from stmota_client.jobs import run_kind
from stmota_protocol.api import DoctorReport, JobKind, Problem


class WiringFault(ClientError):
    """The doctor found something: its report is what `--json` prints."""

    def __init__(self, problem: Problem, report: DoctorReport) -> None:
        super().__init__(problem)
        self._report = report

    @property
    def document(self) -> object:
        """The whole report."""
        return self._report


def doctor(arguments: OnJob) -> None:
    """Find out which wire between bridge and board is wrong.

    Looks at the idle levels, listens to the application, holds the chip in reset, enters its
    bootloader and asks it. Tells each finding as it is made, and ends with one verdict: exit code 0
    when the wiring is right, 1 with the wires to look at when it is not. Where two faults look the
    same from the bridge, both are named. Nothing is written; the board is reset several times, and
    started again at the end.
    """
    job = run_kind(arguments, JobKind.DOCTOR)
    report = job.doctor
    if report is None:
        return
    if not report.left_running and not arguments.json:
        screen.warn("the board may not run: reset it by hand, with BOOT0 low")
    if report.problem is not None:
        raise WiringFault(report.problem, report)
    if arguments.json:
        screen.document(report)
    else:
        screen.data(escape(f"{job.bridge}: {report.verdict}"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(
        app,
        "doctor",
        OnJob,
        doctor,
        examples=("stmota doctor --bridge lab-esp32", "stmota doctor -b lab-esp32 --json | jq .suspects"),
    )
