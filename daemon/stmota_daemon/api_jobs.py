"""The routes of jobs."""

import os
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stmota_daemon.api_error import Refused, refused
from stmota_daemon.api_routes import Route, json_answer, json_body, resume_number
from stmota_daemon.bridges import Bridges
from stmota_daemon.event_stream import EventStream, events_bytes
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.job_feed import JobFeed
from stmota_daemon.jobs import JobRegistry
from stmota_daemon.trace_store import TraceStore
from stmota_protocol.api import FlashFile, FlashOptions, Job, JobEvent, JobKind, JobRequest, ProblemCode
from stmota_protocol.expectation import MAX_WITHIN_S, BadPattern, compile_pattern

MIN_BAUD = 1200
"""The slowest any ROM of the table synchronises at (AN3155 §3.1 and the devices' limits)."""
MAX_BAUD = 2_000_000
"""Beyond what any ROM follows; the bridge's own limits show as a failed step."""
MAX_FILENAME = 255
MAX_FILES = 16
"""Of one flash: a bootloader, an application, settings and more; bounds what a job can ask to read."""
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
                bytes, refusals=(missing,),
            ),
        ]  # fmt: skip

    async def _list(self, _request: Request) -> Response:
        return json_answer(self._jobs.jobs())

    async def _get(self, request: Request) -> Response:
        return json_answer(self._job(request))

    async def _submit(self, request: Request) -> Response:
        asked = await json_body(request, JobRequest)
        if (asked.kind is JobKind.FLASH) != (asked.flash is not None):
            raise refused(ProblemCode.USAGE, "`flash` belongs to a job of the kind flash, and only there")
        if asked.flash is not None:
            _check_expectation(asked.flash)
            self._check(asked.flash)
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
        return StreamingResponse(_pieces(path), media_type="application/jsonl")

    def _job(self, request: Request) -> Job:
        job = self._jobs.job(request.path_params["id"])
        if job is None:
            raise _unknown_job(request)
        return job

    def _check(self, options: FlashOptions) -> None:
        """Refuse what can be seen to be wrong without a chip."""
        if not 0 < len(options.files) <= MAX_FILES:
            raise refused(
                ProblemCode.USAGE, f"a flash takes 1 to {MAX_FILES} files, not {len(options.files)}"
            )
        if options.baud is not None and not MIN_BAUD <= options.baud <= MAX_BAUD:
            raise refused(ProblemCode.USAGE, f"baud {options.baud} is not from {MIN_BAUD} to {MAX_BAUD}")
        for file in options.files:
            self._check_file(file)

    def _check_file(self, file: FlashFile) -> None:
        if not 0 < len(file.filename) <= MAX_FILENAME or not file.filename.isprintable():
            raise refused(ProblemCode.USAGE, f"filename must have 1 to {MAX_FILENAME} printable characters")
        if file.address is not None and not 0 <= file.address < 2**32:
            raise refused(ProblemCode.USAGE, f"address {file.address} is no 32-bit address")
        if not self._firmware.has(file.firmware):
            raise refused(
                ProblemCode.UNKNOWN_FIRMWARE,
                f"the firmware {file.firmware[:64]!r} is not in the store",
                "send it first: PUT /v1/firmware/{sha256}",
            )


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    """A file as it is now, which may grow meanwhile."""
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
            left -= len(piece)
            yield piece


def _check_expectation(options: FlashOptions) -> None:
    if options.expect is None:
        if options.rollback:
            raise refused(ProblemCode.USAGE, "rollback needs expect: without it every start is good")
        return
    if not options.start:
        raise refused(ProblemCode.USAGE, "expect needs a start: a board left in its bootloader says nothing")
    if not 0 < options.within_s <= MAX_WITHIN_S:
        raise refused(ProblemCode.USAGE, f"within_s {options.within_s} is not from 0 to {MAX_WITHIN_S:g}")
    try:
        compile_pattern(options.expect)
    except BadPattern as bad:
        raise refused(ProblemCode.USAGE, str(bad)) from bad


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
