"""A refusal of the API: a problem, and the HTTP status that fits it."""

from http import HTTPStatus

from stmota_protocol.api import Problem, ProblemCode

STATUS: dict[ProblemCode, HTTPStatus] = {
    ProblemCode.USAGE: HTTPStatus.BAD_REQUEST,
    ProblemCode.UNKNOWN_BRIDGE: HTTPStatus.NOT_FOUND,
    ProblemCode.UNKNOWN_JOB: HTTPStatus.NOT_FOUND,
    ProblemCode.UNKNOWN_FIRMWARE: HTTPStatus.NOT_FOUND,
    ProblemCode.AMBIGUOUS_BRIDGE: HTTPStatus.CONFLICT,
    ProblemCode.BUSY: HTTPStatus.CONFLICT,
    ProblemCode.HELD: HTTPStatus.CONFLICT,
    ProblemCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ProblemCode.SECURED_ELSEWHERE: HTTPStatus.FORBIDDEN,
    ProblemCode.NOT_SECURE: HTTPStatus.FORBIDDEN,
    ProblemCode.UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Statuses of the problems that a request itself can meet; those of jobs are in the jobs."""


class Refused(Exception):
    """A request is refused."""

    def __init__(self, problem: Problem, status: HTTPStatus | None = None) -> None:
        self.problem = problem
        self.status = status or STATUS.get(problem.code, HTTPStatus.INTERNAL_SERVER_ERROR)
        super().__init__(problem.message)


def refused(
    code: ProblemCode, message: str, remedy: str | None = None, status: HTTPStatus | None = None
) -> Refused:
    """Return a refusal, to be raised."""
    return Refused(Problem(code=code, message=message, remedy=remedy), status)
