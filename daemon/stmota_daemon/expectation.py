"""Watching a board's log for what it is expected to say after a flash."""

from contextlib import aclosing
from dataclasses import dataclass

import trio

from stmota_daemon.bounded_search import SearchTooSlow, bounded_search
from stmota_daemon.work import Board, WorkFailed
from stmota_protocol.api import FlashOptions, Problem, ProblemCode
from stmota_protocol.expectation import BadPattern, compile_pattern

MAX_SEARCHED = 4096
"""Characters of one line that are searched: what the log cuts lines at."""
SHOWN = 80


class ExpectationMissed(WorkFailed):
    """The image is in the flash and was started, and the board did not say what it should."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the board is to say, and within how long of its start."""

    pattern: str
    within_s: float

    @staticmethod
    def of(options: FlashOptions) -> "Expectation | None":
        """Return a flash's expectation. Raises `WorkFailed` for an expression that is none."""
        if options.expect is None:
            return None
        try:
            compile_pattern(options.expect)
        except BadPattern as bad:
            raise WorkFailed(Problem(code=ProblemCode.USAGE, message=str(bad), step="check")) from bad
        return Expectation(options.expect, options.within_s)

    async def met(self, board: Board, mark: int) -> str:
        """Return the line in which it was found, of those logged since `mark`. Raises `ExpectationMissed`.

        A line is searched each time more of it has come: a prompt has no end.
        """
        pattern = compile_pattern(self.pattern)
        line = last = ""
        try:
            with trio.move_on_after(self.within_s):
                async with aclosing(board.log_pieces(mark)) as pieces:
                    async for piece in pieces:
                        line = (line + piece.text)[-MAX_SEARCHED:]
                        if bounded_search(pattern, line):
                            return line.strip()
                        last = line.strip() or last
                        line = "" if piece.complete else line
        except SearchTooSlow:
            raise ExpectationMissed(self._too_slow(line)) from None
        raise ExpectationMissed(self._missed(last))

    def _missed(self, last: str) -> Problem:
        said = f'; the last it said was "{last[:SHOWN]}"' if last else "; it said nothing"
        return Problem(
            code=ProblemCode.EXPECTATION_FAILED,
            message=f"the board did not say {self.pattern!r} within {self.within_s:g} s of its start{said}",
            remedy="`stmota logs` has all it said; give a slow start more time with --within",
            step="expect",
            expected=self.pattern,
            got=last[:SHOWN] or "nothing",
        )

    def _too_slow(self, line: str) -> Problem:
        return Problem(
            code=ProblemCode.EXPECTATION_FAILED,
            message=f"{self.pattern!r} takes too long to search in a line of {len(line)} characters: what the"
            " board says cannot be judged",
            remedy="take repeats out of repeats, as in (a+)+",
            step="expect",
            expected=self.pattern,
        )
