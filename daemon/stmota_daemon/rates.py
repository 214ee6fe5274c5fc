"""Which baud the ROM is talked to at: the user's, or the fastest that works, and a lower one after trouble.

`--baud auto` begins at the fastest rate that the chip's ROM may measure, by what is known of the board,
and goes down until sync and several GET in a row are answered right. A bridge says nothing of its own
limit: it refuses to set a rate, and that is the limit.
"""

from stmota_protocol.api import Problem, ProblemCode
from stmota_protocol.chips import Chip
from stmota_protocol.chips.autobaud import FASTEST_BAUD, fastest_baud
from stmota_protocol.chips.start_up import UNKNOWN_START_UP_US, start_up_us

RATES = (FASTEST_BAUD, 460_800, 230_400, 115_200, 57_600, 38_400, 19_200, 9_600, 4_800, 2_400, 1_200)
"""Standard rates down to the slowest that ST tests (AN3155 §2: 1200 to 115200)."""
SURE_BAUD = 115_200
"""The highest rate that ST tests on all families: silence here is not for the rate's sake."""
GETS_IN_A_SEARCH = 4
"""Right answers to GET in a row before a rate is taken: some 60 bytes each way."""
START_UP_SLACK_US = 100_000
"""On top of the start-up time, at a rate that is only being tried."""


class Rates:
    """The rate in use, and the lower ones that may be tried. `baud` None: search."""

    def __init__(self, baud: int | None, chip: Chip | None) -> None:
        self._is_search = baud is None
        self._chip = chip
        self._has_worked = False
        first = baud or (FASTEST_BAUD if chip is None else fastest_baud(chip))
        lower = [rate for rate in RATES if rate < first]
        self._lower = lower if self._is_search else lower[:1]
        self.baud = first

    @property
    def is_searching(self) -> bool:
        """Whether no rate has been found yet."""
        return self._is_search and not self._has_worked

    @property
    def is_guess(self) -> bool:
        """Whether the present rate may well be too fast: failure is then quickly believed."""
        return self.is_searching and self.baud > SURE_BAUD

    @property
    def gets(self) -> int:
        """Right answers to GET that it takes."""
        return GETS_IN_A_SEARCH if self._is_search else 1

    def sync_for_us(self, longest_us: int) -> int:
        """How long to ask for an ACK: `longest_us`, but no slow start is waited for at a guess."""
        if not self.is_guess:
            return longest_us
        start_up = UNKNOWN_START_UP_US if self._chip is None else start_up_us(self._chip)
        return min(start_up + START_UP_SLACK_US, longest_us)

    def worked(self) -> None:
        """The ROM answers at this rate."""
        self._has_worked = True

    def may_be_to_blame(self, problem: Problem) -> bool:
        """Whether a lower rate may help the ROM's not answering, and is for us to choose."""
        if self.is_searching:
            refused = problem.step == "configure"
            return refused or self.is_guess or problem.code is not ProblemCode.SILENT
        return self._has_worked and problem.code is not ProblemCode.SILENT and problem.step == "sync"

    def step_down(self) -> bool:
        """Take the next lower rate; False when there is none that may be tried."""
        if not self._lower:
            return False
        self.baud = self._lower.pop(0)
        return True
