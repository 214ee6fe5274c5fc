"""`stmota doctor` against a scripted daemon."""

import msgspec
import pytest

from command_line import Stmota
from sample_answers import job
from scripted_daemon import EventStream, ScriptedDaemon, answer
from stmota_protocol.api import (
    DoctorCheck,
    DoctorReport,
    JobEvent,
    JobKind,
    JobState,
    NoteEvent,
    Problem,
    ProblemCode,
    StateEvent,
)

HEALTHY = DoctorReport(
    healthy=True,
    verdict="the wiring is right",
    suspects=(),
    remedies=(),
    checks=(DoctorCheck(name="RX level", ok=True, text="idle, high"),),
    bridge_firmware="soft-0.1.0",
    chip="STM32F103 medium density (0x410)",
    left_running=True,
    problem=None,
)
FAULTY = msgspec.structs.replace(
    HEALTHY,
    healthy=False,
    verdict="TX does not reach the chip",
    suspects=("TX",),
    remedies=("wire it",),
    problem=Problem(
        code=ProblemCode.WIRING,
        message="look at TX: TX does not reach the chip",
        remedy="wire it",
        step="doctor",
    ),
)


@pytest.fixture
def examining(daemon: ScriptedDaemon) -> ScriptedDaemon:
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED, JobKind.DOCTOR), 201))
    return daemon


def ends(daemon: ScriptedDaemon, report: DoctorReport) -> None:
    events: list[JobEvent] = [
        NoteEvent(number=0, at=1.0, text="RX level: right: idle, high", warning=False),
        NoteEvent(number=1, at=1.1, text="bootloader: WRONG: 0x7F was not answered", warning=True),
        StateEvent(number=2, at=1.2, job=job(JobState.DONE, JobKind.DOCTOR, doctor=report)),
    ]
    daemon.on("GET", "/v1/jobs/j1/events", EventStream(events))


def test_a_healthy_board_s_verdict_is_the_output(examining: ScriptedDaemon, stmota: Stmota) -> None:
    ends(examining, HEALTHY)

    ended = stmota("doctor")

    assert (ended.code, ended.out) == (0, "lab-esp32: the wiring is right\n")
    assert ended.err == "RX level: right: idle, high\nwarning: bootloader: WRONG: 0x7F was not answered\n"


def test_a_wrong_wire_is_an_error_with_its_remedy_and_exit_code_1(
    examining: ScriptedDaemon, stmota: Stmota
) -> None:
    ends(examining, FAULTY)

    ended = stmota("doctor", "-q")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[1:] == [
        "error: look at TX: TX does not reach the chip",
        "  where: doctor",
        "  remedy: wire it",
    ]


@pytest.mark.parametrize(("report", "code"), [(HEALTHY, 0), (FAULTY, 1)])
def test_json_is_the_whole_report(
    examining: ScriptedDaemon, stmota: Stmota, report: DoctorReport, code: int
) -> None:
    ends(examining, report)

    ended = stmota("doctor", "--json")

    assert ended.code == code
    assert msgspec.convert(ended.json, DoctorReport) == report


def test_a_board_that_could_not_be_started_again_is_told(examining: ScriptedDaemon, stmota: Stmota) -> None:
    ends(examining, msgspec.structs.replace(HEALTHY, left_running=False))

    assert "warning: the board may not run: reset it by hand" in stmota("doctor").err
