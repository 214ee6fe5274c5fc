"""Ctrl-C and SIGTERM during a flash, in a real process."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from command_line import Ended
from sample_answers import REPORT, job
from scripted_daemon import EventStream, Reply, Request, ScriptedDaemon, answer, refuse
from stmota_protocol.api import Job, JobState, Phase, PhaseEvent, Problem, ProblemCode, StateEvent

MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from stmota_client.main import main; main()"
)
STMOTA = [sys.executable, "-c", MAIN]
"""A background job of a shell ignores SIGINT, and so would its children: here they must not."""
PATIENCE_S = 120.0
"""Only a hung test waits so long."""
WRITING = PhaseEvent(number=0, at=0.0, phase=Phase.WRITE, total=65536, text="writing 64 KiB")
CANCELLED = job(
    JobState.CANCELLED, problem=Problem(code=ProblemCode.CANCELLED, message="cancelled; the chip was reset")
)
ASKED = "cancelling; Ctrl-C again leaves at once, and the job goes on\n"


class LongJob:
    """A job that ends as `end` once the daemon was asked to cancel it; or when `may_end` is set."""

    def __init__(self, daemon: ScriptedDaemon, end: Job = CANCELLED) -> None:
        self.may_end = threading.Event()
        self.is_cancelled = threading.Event()
        self.cancel_reply: Reply = answer(job(JobState.CANCELLING), 202)
        self.ends_on_cancel = True
        daemon.on("POST", "/v1/jobs", answer(job(), 201))
        daemon.on("POST", "/v1/jobs/j1/cancel", self._cancel)
        events = [WRITING, StateEvent(number=1, at=2.0, job=end)]
        daemon.on("GET", "/v1/jobs/j1/events", EventStream(events, before_event=self._before))

    def _cancel(self, _: Request) -> Reply:
        self.is_cancelled.set()
        if self.ends_on_cancel:
            self.may_end.set()
        return self.cancel_reply

    def _before(self, number: int) -> None:
        if number == 1:
            assert self.may_end.wait(PATIENCE_S)


class Process:
    """`stmota reset` in a process of its own: a job like a flash, without an image."""

    def __init__(self, *options: str) -> None:
        command = [*STMOTA, "reset", "--no-autostart", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def await_line(self) -> str:
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        self.said += line
        return line

    def ended(self) -> Ended:
        out, err = self._process.communicate(timeout=PATIENCE_S)
        return Ended(self._process.returncode, out, self.said + err)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def long_job(daemon: ScriptedDaemon) -> Iterator[LongJob]:
    job = LongJob(daemon)
    yield job
    job.may_end.set()


@pytest.fixture
def client(long_job: LongJob) -> Iterator[Process]:
    """Start a client that is in the middle of its job."""
    process = Process("--json")
    try:
        assert process.await_line() == "writing 64 KiB\n"
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_job_waits_for_its_end_and_exits_130(
    client: Process, long_job: LongJob, number: signal.Signals
) -> None:
    client.signal(number)

    ended = client.ended()

    assert long_job.is_cancelled.is_set()
    assert (ended.code, ended.err) == (130, f"writing 64 KiB\n{ASKED}error: cancelled; the chip was reset\n")
    assert msgspec.convert(ended.json, Job) == CANCELLED


def test_a_second_signal_leaves_at_once_and_says_that_the_job_goes_on(
    client: Process, long_job: LongJob
) -> None:
    long_job.ends_on_cancel = False
    client.signal(signal.SIGINT)
    assert client.await_line() == ASKED
    assert long_job.is_cancelled.wait(PATIENCE_S)
    client.signal(signal.SIGINT)

    ended = client.ended()

    assert (ended.code, ended.out) == (130, "")
    assert ended.err == f"writing 64 KiB\n{ASKED}left; job j1 on lab-esp32 goes on in the daemon\n"


def test_a_cancellation_that_is_refused_is_told_and_the_job_followed_to_its_end(
    client: Process, long_job: LongJob
) -> None:
    long_job.cancel_reply = refuse(Problem(code=ProblemCode.NOT_ALLOWED, message="not your job"), 403)
    client.signal(signal.SIGINT)

    ended = client.ended()

    assert ended.code == 130
    assert "could not cancel: not your job\n" in ended.err


def test_a_job_done_before_it_could_be_cancelled_says_so(daemon: ScriptedDaemon) -> None:
    long_job = LongJob(daemon, end=job(JobState.DONE, report=REPORT))
    process = Process()
    try:
        process.await_line()
        process.signal(signal.SIGINT)
        ended = process.ended()
    finally:
        long_job.may_end.set()
        process.kill()

    assert ended.code == 130
    assert ended.err.endswith("error: job j1 on lab-esp32 was done before it could be cancelled\n")


def test_a_signal_while_the_job_is_being_asked_for_cancels_it_once_its_id_is_known(
    daemon: ScriptedDaemon, long_job: LongJob
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def start(_: Request) -> Reply:
        is_asked.set()
        assert may_answer.wait(PATIENCE_S)
        return answer(job(), 201)

    daemon.on("POST", "/v1/jobs", start)
    process = Process()
    try:
        assert is_asked.wait(PATIENCE_S)
        process.signal(signal.SIGINT)
        may_answer.set()
        ended = process.ended()
    finally:
        may_answer.set()
        process.kill()

    assert long_job.is_cancelled.is_set()
    assert ended.code == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_a_log_ends_with_130_and_no_traceback(
    daemon: ScriptedDaemon, number: signal.Signals
) -> None:
    is_over = threading.Event()
    quiet = EventStream([WRITING], before_event=lambda _: is_over.wait(PATIENCE_S))
    is_following = threading.Event()

    def follow(_: Request) -> Reply:
        is_following.set()
        return quiet

    daemon.on("GET", "/v1/bridges/0011223344556677/log", follow)
    command = [*STMOTA, "logs", "-f"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert is_following.wait(PATIENCE_S)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        is_over.set()
        process.kill()
        process.communicate()

    assert (process.returncode, out, err) == (130, "", "")
