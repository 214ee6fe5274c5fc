"""The one error of the client: a failure as the API's data."""

from stmota_protocol.api import EXIT_CODES, ExitCode, Job, JobState, Problem, ProblemCode


class ClientError(Exception):
    """What was asked for did not happen; `problem` says what, where and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem

    @classmethod
    def of(cls, code: ProblemCode, message: str, remedy: str | None = None) -> "ClientError":
        """Make one from its code, its one line and what to do about it."""
        return cls(Problem(code=code, message=message, remedy=remedy))

    @property
    def exit_code(self) -> ExitCode:
        """What `stmota` exits with for it."""
        return EXIT_CODES[self.problem.code]

    @property
    def document(self) -> object:
        """What `--json` prints for it."""
        return {"problem": self.problem}


class JobFailed(ClientError):
    """A job ended otherwise than done; `job` is its last state."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.problem or _unexplained(job))
        self.job = job

    @property
    def exit_code(self) -> ExitCode:
        """A cancelled job is an interrupted command, whatever its problem's code."""
        return ExitCode.INTERRUPTED if self.job.state is JobState.CANCELLED else super().exit_code

    @property
    def document(self) -> object:
        """The job itself: it holds the problem."""
        return self.job


def _unexplained(job: Job) -> Problem:
    if job.state is JobState.CANCELLED:
        return Problem(
            code=ProblemCode.CANCELLED,
            message=f"job {job.id} was cancelled",
            remedy="once its erase began the board starts nothing: flash it again" if job.flash else None,
        )
    return Problem(
        code=ProblemCode.FAILED,
        message=f"job {job.id} {job.state.value} and gave no reason",
        remedy="look at the daemon's log file",
    )
