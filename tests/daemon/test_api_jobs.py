"""The HTTP API's routes of jobs."""

import msgspec
import pytest
import trio

from api_lab import FIRMWARE, SHA256, OpenApi, problem_of
from fake_edge import FakeWork
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Job, JobEvent, JobState, Phase, ProblemCode, StateEvent
from stmota_protocol.trace import TraceEnd, TraceHeader, read_trace


def flash_of(filename: str, **more: int) -> dict[str, list[dict[str, object]]]:
    return {"files": [{"firmware": SHA256, "filename": filename, **more}]}


async def test_a_job_is_queued_done_and_told(open_api: OpenApi) -> None:
    async with open_api() as api:
        await api.client.put(f"/v1/firmware/{SHA256}", content=FIRMWARE)
        answer = await api.post_job(kind="flash", bridge="lab", flash=flash_of("fw.bin"))
        assert answer.status_code == 201
        job = msgspec.json.decode(answer.content, type=Job)
        events = await api.stream(f"/v1/jobs/{job.id}/events")
        states = [msgspec.json.decode(data, type=JobEvent) for _, data in events]
        assert [event.job.state for event in states if isinstance(event, StateEvent)] == [
            JobState.QUEUED,
            JobState.RUNNING,
            JobState.DONE,
        ]
        assert [number for number, _ in events] == [0, 1, 2]
        assert await api.stream(f"/v1/jobs/{job.id}/events", **{"Last-Event-ID": "1"}) == events[2:]
        assert (await api.get(f"/v1/jobs/{job.id}", Job)).state is JobState.DONE
        assert [found.id for found in await api.get("/v1/jobs", list[Job])] == [job.id]


def with_options(kind: str, **options: object) -> dict[str, object]:
    return {"kind": kind, "options": {"kind": kind, **options}}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"kind": "flash"}, 400, "belongs to a job of the kind flash"),
        ({"kind": "info", "flash": flash_of("f")}, 400, "belongs to a job"),
        ({"kind": "dance"}, 400, "Invalid enum value 'dance'"),
        ({"kind": "info", "bridge": "rack"}, 404, "known are: lab"),
        ({"kind": "flash", "flash": flash_of("f")}, 404, "is not in the store"),
        ({"kind": "flash", "flash": flash_of("")}, 400, "filename must have"),
        ({"kind": "flash", "flash": flash_of("f") | {"baud": 1}}, 400, "baud 1 is not"),
        ({"kind": "flash", "flash": flash_of("f", address=-1)}, 400, "no 32-bit"),
        ({"kind": "flash", "flash": flash_of("f") | {"rollback": True}}, 400, "rollback needs expect"),
        ({"kind": "flash", "flash": flash_of("f") | {"expect": "("}}, 400, "is no regular expression"),
        ({"kind": "flash", "flash": flash_of("f") | {"expect": "a", "start": False}}, 400, "needs a start"),
        (
            {"kind": "flash", "flash": flash_of("f") | {"expect": "a", "within_s": 0}},
            400,
            "within_s 0.0 is not",
        ),
        ({"kind": "flash", "flash": flash_of("f", kept=True)}, 404, "is not in the store"),
        ({"kind": "flash", "flash": {"files": []}}, 400, "1 to 16 files make a job, not 0"),
        (
            {"kind": "flash", "flash": {"files": flash_of("f")["files"] * 17}},
            400,
            "1 to 16 files make a job, not 17",
        ),
        ({"kind": "read"}, 400, "a job of the kind read needs its `options`"),
        ({"kind": "read", "options": {"kind": "erase"}}, 400, "are not of the kind read"),
        ({"kind": "info", "options": {"kind": "read"}}, 400, "are not of the kind info"),
        (with_options("read", address=0), 400, "`address` and `length` go together"),
        (with_options("read", address=2**32 - 1, length=2), 400, "no 32-bit range"),
        (with_options("read", address=0, length=0), 400, "no 32-bit range"),
        (with_options("read", baud=1), 400, "baud 1 is not"),
        (with_options("verify", **flash_of("f")), 404, "is not in the store"),
        (with_options("verify", files=[]), 400, "1 to 16 files make a job, not 0"),
        (with_options("erase", address=0, length=1, units=[1]), 400, "a range or units, not both"),
        (with_options("go", address=-1), 400, "no 32-bit range"),
        (with_options("option-bytes", raw=[{"address": 0, "data": "x"}]), 400, "'x' is no hex"),
    ],
)
async def test_a_bad_job_is_refused(
    open_api: OpenApi, fields: dict[str, object], status: int, said: str
) -> None:
    async with open_api() as api:
        answer = await api.post_job(**fields)
        assert answer.status_code == status
        assert said in problem_of(answer).message
        assert await api.get("/v1/jobs", list[Job]) == []


async def test_a_job_is_cancelled_by_request_and_a_second_request_is_no_error(
    open_api: OpenApi, work: FakeWork
) -> None:
    begun = trio.Event()

    async def never(board: Board, report: Report, job: Job) -> WorkOutcome:
        begun.set()
        await trio.sleep_forever()
        raise AssertionError

    work.behaviour = never
    async with open_api() as api:
        job = msgspec.json.decode((await api.post_job(kind="reset")).content, type=Job)
        await begun.wait()
        answer = await api.client.post(f"/v1/jobs/{job.id}/cancel")
        assert answer.status_code == 202
        assert msgspec.json.decode(answer.content, type=Job).state is JobState.CANCELLING
        assert (await api.lab.ended(job)).state is JobState.CANCELLED
        again = await api.client.post(f"/v1/jobs/{job.id}/cancel")
        assert msgspec.json.decode(again.content, type=Job).state is JobState.CANCELLED


async def test_a_client_that_goes_away_does_not_stop_its_job(open_api: OpenApi, work: FakeWork) -> None:
    go_on = trio.Event()

    async def wait(board: Board, report: Report, job: Job) -> WorkOutcome:
        report.phase(Phase.WRITE, 100, "writing")
        await go_on.wait()
        report.progress(100, 1.0, 1.0)
        return WorkOutcome()

    work.behaviour = wait
    async with open_api() as api:
        job = msgspec.json.decode((await api.post_job(kind="reset")).content, type=Job)

        async def is_writing(body: bytes) -> bool:
            return b"writing" in body

        await api.read_until(f"/v1/jobs/{job.id}/events", is_writing)
        go_on.set()
        assert (await api.lab.ended(job)).state is JobState.DONE
        events = await api.stream(f"/v1/jobs/{job.id}/events")
        kinds = [type(msgspec.json.decode(data, type=JobEvent)).__name__ for _, data in events]
        # Progress of a job that has ended is not stored.
        assert kinds == ["StateEvent", "StateEvent", "PhaseEvent", "StateEvent"]


@pytest.mark.parametrize("path", ["", "/events", "/cancel"])
async def test_an_unknown_job_is_a_problem(open_api: OpenApi, path: str) -> None:
    async with open_api() as api:
        answer = await api.client.request("POST" if path == "/cancel" else "GET", f"/v1/jobs/nobody{path}")
        assert answer.status_code == 404
        assert problem_of(answer).code is ProblemCode.UNKNOWN_JOB


async def test_a_trace_is_lines_of_json_and_a_job_without_one_says_why(open_api: OpenApi) -> None:
    async with open_api() as api:
        traced, plain = [
            msgspec.json.decode(
                (await api.post_job(kind="info", bridge="lab", trace=trace)).content, type=Job
            )
            for trace in (True, False)
        ]
        await api.stream(f"/v1/jobs/{plain.id}/events")
        answer = await api.client.get(f"/v1/jobs/{traced.id}/trace")
        assert answer.headers["content-type"] == "application/jsonl"
        header, *_, end = read_trace(answer.content.splitlines(keepends=True))
        assert isinstance(header, TraceHeader)
        assert (header.job, header.kind) == (traced.id, "info")
        assert isinstance(end, TraceEnd)
        assert end.state == "done"
        missing = await api.client.get(f"/v1/jobs/{plain.id}/trace")
        assert missing.status_code == 404
        assert problem_of(missing).code is ProblemCode.NO_TRACE
        assert "was started without one" in problem_of(missing).message
