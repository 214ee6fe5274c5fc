"""The routes of jobs."""

import os
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.api_job_checks import check_request
from stmota_daemon.api_routes import Route, json_answer, json_body, resume_number
from stmota_daemon.bridges import Bridges
from stmota_daemon.event_stream import EventStream, events_bytes
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.job_feed import JobFeed
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.trace_store import TraceStore
from stmota_protocol.api import Job, JobEvent, JobRequest, ProblemCode

TRACE_TYPE = "application/jsonl"
PIECE_BYTES = 256 * 1024


class JobRoutes:
    """Jobs: asked for, told of, cancelled."""

    def __init__(
        self, jobs: JobRegistry, bridges: Bridges, firmware: FirmwareStore, traces: TraceStore
    ) -> None:
        self._jobs = jobs
        self._bridges = bridges
        self._firmware = firmware
        self._traces = traces

    def routes(self) -> list[Route]:
        """Return the rows of the table."""
        missing, conflict = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
        return [
            Route("GET", "/v1/jobs", self._list, "The newest jobs, newest first", list[Job]),
            Route(
                "POST", "/v1/jobs", self._submit, "Queue a job", Job, HTTPStatus.CREATED, body=JobRequest,
                refusals=(missing, conflict),
            ),
            Route("GET", "/v1/jobs/{id}", self._get, "One job", Job, refusals=(missing,)),
            Route(
                "POST", "/v1/jobs/{id}/cancel", self._cancel, "Ask for a job's end", Job,
                HTTPStatus.ACCEPTED, refusals=(missing,),
            ),
            Route(
                "GET", "/v1/jobs/{id}/events", self._events,
                "A job's events from the first (or after Last-Event-ID) to its end", JobEvent,
                is_stream=True, refusals=(missing,),
            ),
            Route(
                "GET", "/v1/jobs/{id}/trace", self._trace, "A job's trace as far as it is, as lines of JSON",
                bytes, refusals=(missing,), media_type=TRACE_TYPE,
            ),
        ]  # fmt: skip

    async def _list(self, _request: Request) -> Response:
        return json_answer(self._jobs.jobs())

    async def _get(self, request: Request) -> Response:
        return json_answer(self._job(request))

    async def _submit(self, request: Request) -> Response:
        asked = await json_body(request, JobRequest)
        check_request(asked, self._firmware)
        return json_answer(self._bridges.submit(asked), HTTPStatus.CREATED)

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        self._bridges.cancel(job.id)
        return json_answer(self._job(request), HTTPStatus.ACCEPTED)

    async def _events(self, request: Request) -> Response:
        feed = self._jobs.feed(request.path_params["id"])
        if feed is None:
            raise _unknown_job(request)
        return EventStream(_Reader(feed, resume_number(request) or 0).pull)

    async def _trace(self, request: Request) -> Response:
        job = self._job(request)
        path = self._traces.find(job.id)
        if path is None:
            why = "has none any more: it made room" if job.trace else "was started without one"
            raise refused(
                ProblemCode.NO_TRACE,
                f"there is no trace of job {job.id}: the job {why}",
                "start it with --trace FILE",
                HTTPStatus.NOT_FOUND,
            )
        return StreamingResponse(_pieces(path), media_type=TRACE_TYPE)

    def _job(self, request: Request) -> Job:
        job = self._jobs.job(request.path_params["id"])
        if job is None:
            raise _unknown_job(request)
        return job


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    """A file as it is now, which may grow meanwhile."""
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
            left -= len(piece)
            yield piece


class _Reader:
    """One reader's place in a job's events."""

    def __init__(self, feed: JobFeed, number: int) -> None:
        self._feed = feed
        self._number = number

    async def pull(self) -> bytes | None:
        events = await self._feed.wait_since(self._number)
        if not events:
            return None
        self._number = events[-1].number + 1
        return events_bytes((event.number, event) for event in events)


def _unknown_job(request: Request) -> Refused:
    job_id = str(request.path_params["id"])
    return refused(ProblemCode.UNKNOWN_JOB, f"there is no job {job_id[:40]!r}", "GET /v1/jobs lists them")
