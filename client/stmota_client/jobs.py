"""Runs one job from its request to its end, and lets Ctrl-C end it in order."""

from collections.abc import Sequence

import msgspec

from stmota_client.arguments import OnJob
from stmota_client.choose import reference
from stmota_client.client import Client
from stmota_client.errors import ClientError, JobFailed
from stmota_client.interruption import Interruption
from stmota_client.progress import View, new_view
from stmota_client.session import bridge_session
from stmota_client.streams import RESUME_FOR_S
from stmota_client.trace_output import TraceOutput
from stmota_protocol.api import (
    Bridge,
    FlashOptions,
    Job,
    JobKind,
    JobOptions,
    JobRequest,
    JobState,
    Problem,
    ProblemCode,
    StateEvent,
)


class Left(Exception):
    """A second Ctrl-C: the user left while the job was still under way."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"left; job {job.id} on {job.bridge} goes on in the daemon")


class DoneBeforeCancelled(JobFailed):
    """Ctrl-C came too late: the job did what it was asked for first."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        message = f"job {job.id} on {job.bridge} was done before it could be cancelled"
        self.problem = Problem(code=ProblemCode.CANCELLED, message=message)


def run_kind(arguments: OnJob, kind: JobKind) -> Job:
    """Run a job without options on the board that `arguments` name; return it when it is done."""
    with bridge_session(arguments) as (client, bridge):
        return run_job(client, bridge, JobRequest(kind=kind, bridge=reference(bridge)), arguments)


def run_options(arguments: OnJob, kind: JobKind, options: JobOptions, *contents: bytes) -> Job:
    """Store the options' files, if there are any, and run a job; return it when it is done."""
    with bridge_session(arguments) as (client, bridge):
        for content in contents:
            client.upload_firmware(content)
        request = JobRequest(kind=kind, bridge=reference(bridge), options=options)
        return run_job(client, bridge, request, arguments)


def run_flash(arguments: OnJob, contents: Sequence[bytes], options: FlashOptions) -> Job:
    """Store the options' files, flash them onto the board that `arguments` name, return the job when done."""
    with bridge_session(arguments) as (client, bridge):
        for content in contents:
            client.upload_firmware(content)
        request = JobRequest(kind=JobKind.FLASH, bridge=reference(bridge), flash=options)
        return run_job(client, bridge, request, arguments)


def run_job(client: Client, bridge: Bridge, request: JobRequest, arguments: OnJob) -> Job:
    """Start a job, show its events, return it when it is done; its trace, if one is wanted, however it ends.

    Raises `JobFailed` when it ends otherwise or a Ctrl-C came, `Left` on a second Ctrl-C.
    """
    if arguments.trace is None:
        return _run_job(client, bridge, request, arguments)
    with TraceOutput(arguments.trace) as output:
        request = msgspec.structs.replace(request, trace=True)
        try:
            job = _run_job(client, bridge, request, arguments)
        except JobFailed as failed:
            output.fetch(client, failed.job)
            raise
        output.fetch(client, job)
    return job


def _run_job(client: Client, bridge: Bridge, request: JobRequest, arguments: OnJob) -> Job:
    with Interruption() as interruption:
        job = client.start_job(request)
        job_id = job.id
        try:
            with new_view(quiet=arguments.quiet) as view:
                interruption.on_request(lambda: _cancel(client, job.id, view, interruption))
                if bridge.job is not None:
                    view.note(f"{bridge.name} is {bridge.state.value}: waiting for job {bridge.job} to end")
                for event in client.job_events(job_id, on_break=lambda: view.note(_gone(job_id))):
                    view.show(event)
                    job = event.job if isinstance(event, StateEvent) else job
        except KeyboardInterrupt:
            raise Left(job) from None
        except ClientError as error:
            raise _with_job(error, job) from error
    if job.state is not JobState.DONE:
        raise JobFailed(job)
    if interruption.is_requested:
        raise DoneBeforeCancelled(job)
    return job


def _gone(job_id: str) -> str:
    return (
        f"the daemon went away: waiting for it up to {RESUME_FOR_S:.0f} s; job {job_id} goes on when it is"
        " back (`stmota daemon start` starts it)"
    )


def _with_job(error: ClientError, job: Job) -> ClientError:
    """Say what becomes of the job when its daemon does not come back."""
    if error.problem.code is not ProblemCode.NO_DAEMON:
        return error
    message = f"{error.problem.message}; job {job.id} on {job.bridge} goes on when it runs again"
    return ClientError(msgspec.structs.replace(error.problem, message=message))


def _cancel(client: Client, job_id: str, view: View, interruption: Interruption) -> None:
    view.note("cancelling; Ctrl-C again leaves at once, and the job goes on")
    try:
        client.cancel(job_id)
    except ClientError as error:
        if not interruption.is_left:  # a second Ctrl-C closed the connection under this request
            view.note(f"could not cancel: {error}")
