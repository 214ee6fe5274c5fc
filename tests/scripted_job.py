"""A scripted daemon whose one job is done at once."""

import hashlib
from typing import Any

import msgspec

from sample_answers import LAB, job
from scripted_daemon import Answer, EventStream, ScriptedDaemon, answer
from stmota_protocol.api import Job, JobKind, JobOptions, JobRequest, JobState, StateEvent
from stmota_protocol.api.chip_work import ChipResult, MemoryPiece, ReadResult

FLASH = 0x0800_0000
CONTENT = bytes(range(40))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
READ = ReadResult(
    firmware=SHA256,
    pieces=(MemoryPiece(address=FLASH, length=40),),
    erased_value=0xFF,
    seconds=0.5,
    bytes_per_s=80.0,
    line_rate_share=0.876,
    recoveries=0,
)


def script(daemon: ScriptedDaemon, kind: JobKind, result: ChipResult | None, **more: Any) -> None:
    """Let a job of a kind be done at once."""
    state = JobState.FAILED if "problem" in more else JobState.DONE
    done: Job = job(state, kind, result=result, **more)
    daemon.on("POST", "/v1/jobs", answer(job(JobState.QUEUED, kind), 201))
    daemon.on("GET", "/v1/jobs/j1/events", EventStream([StateEvent(number=1, at=1.0, job=done)]))
    daemon.on("GET", f"/v1/firmware/{SHA256}", Answer(CONTENT))
    daemon.on("HEAD", f"/v1/firmware/{SHA256}", Answer())


def asked(daemon: ScriptedDaemon) -> JobOptions | None:
    """The options of the one job that was asked for."""
    [request] = daemon.asked("POST", "/v1/jobs")
    decoded = msgspec.json.decode(request.body, type=JobRequest)
    assert decoded.bridge == LAB.id
    return decoded.options
