"""What a board is to say after a flash, and the image before that is put back when it does not."""

import re
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from lab import LabBridge, LabDaemon, LinkBoard, lab_daemon
from sample_images import make_image
from stmota_daemon.bounded_search import SearchTooSlow, bounded_search
from stmota_daemon.expectation import Expectation, ExpectationMissed
from stmota_protocol.api import FlashOptions, Job, JobState, LogRecord, ProblemCode
from stmota_protocol.expectation import BadPattern, compile_pattern
from stmota_simulator.boards import make_board
from stmota_simulator.chip import Boot, State

OLD = make_image(2000, text="old 1.0 ready", seed=1)
NEW = make_image(3000, text="new 2.0 ready", seed=2)
BAD = make_image(3000, text="new 2.1 panic", seed=3)


@asynccontextmanager
async def lab_of(bridge: LabBridge, state_dir: Path) -> AsyncGenerator[LabDaemon]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bridge.run)
        async with lab_daemon(state_dir, {"lab": bridge}) as lab:
            yield lab
        nursery.cancel_scope.cancel()


def new_bridge(image: bytes = OLD) -> LabBridge:
    return LabBridge(make_board("F103xB", image=image))


async def flashed(lab: LabDaemon, image: bytes, **options: bool | float | str | None) -> Job:
    return await lab.ended(lab.flash("lab", image, **options))  # type: ignore[arg-type]


async def test_a_board_that_says_it_is_good_and_the_line_is_the_evidence(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lab_of(new_bridge(), tmp_path) as lab:
        job = await flashed(lab, NEW, expect=r"new \d\.\d ready", within_s=5.0)
    assert job.state is JobState.DONE
    assert job.report is not None
    assert (job.report.started, job.report.started_evidence) == (True, "new 2.0 ready")


async def test_a_board_may_take_its_time_within_the_limit(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lab_of(new_bridge(), tmp_path) as lab:
        job = await flashed(lab, NEW, expect=r"^up 4 s$", within_s=5.0)
        assert job.state is JobState.DONE
        late = await flashed(lab, NEW, expect=r"^up 4 s$", within_s=3.0)
    assert late.state is JobState.FAILED
    assert late.problem is not None
    assert late.problem.message == (
        "the board did not say '^up 4 s$' within 3 s of its start; the last it said was \"up 2 s\""
    )


async def test_a_board_that_does_not_say_it_fails_the_job_and_keeps_the_image(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge()
    async with lab_of(bridge, tmp_path) as lab:
        job = await flashed(lab, BAD, expect="ready", within_s=2.0)
        assert bridge.board.state is State.APPLICATION
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code is ProblemCode.EXPECTATION_FAILED
    assert (job.problem.expected, job.problem.step) == ("ready", "expect")
    assert bridge.board.flash[: len(BAD)] == BAD


async def test_what_the_old_image_said_before_the_start_does_not_count(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lab_of(new_bridge(), tmp_path) as lab:
        job = await flashed(lab, BAD, expect="old 1.0 ready", within_s=2.0)
    assert job.state is JobState.FAILED


async def test_rollback_puts_back_the_image_that_was_verified_before_and_says_so(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge(b"")
    async with lab_of(bridge, tmp_path) as lab:
        await flashed(lab, OLD)
        job = await flashed(lab, BAD, expect="ready", within_s=2.0, rollback=True)
        notes = await lab.notes(job)
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code is ProblemCode.EXPECTATION_FAILED
    assert job.problem.message.endswith("; the image before (fw.bin) is back, verified and started")
    assert any("putting back fw.bin" in note for note in notes)
    assert bridge.board.flash[: len(OLD)] == OLD
    assert bridge.board.boots[-1].text == "old 1.0 ready"


async def test_the_image_to_go_back_to_is_the_last_one_that_was_good(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge(b"")
    async with lab_of(bridge, tmp_path) as lab:
        await flashed(lab, OLD)
        await flashed(lab, NEW, expect="ready", rollback=True)
        for _ in range(2):
            await flashed(lab, BAD, expect="ready", within_s=2.0, rollback=True)
    assert bridge.board.flash[: len(NEW)] == NEW


async def test_rollback_is_found_again_by_the_next_daemon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge(b"")
    async with lab_of(bridge, tmp_path) as lab:
        await flashed(lab, OLD)
    again = LabBridge(bridge.board)
    async with lab_of(again, tmp_path) as lab:
        await flashed(lab, BAD, expect="ready", within_s=2.0, rollback=True)
    assert again.board.flash[: len(OLD)] == OLD


@pytest.mark.parametrize("unverified", [False, True])
async def test_rollback_without_an_image_before_is_refused_before_the_erase(
    unverified: bool, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge()
    async with lab_of(bridge, tmp_path) as lab:
        if unverified:
            await flashed(lab, NEW)
            await flashed(lab, OLD, verify=False)
        before = bridge.board.counters.unit_erases
        job = await flashed(lab, BAD, expect="ready", rollback=True)
    assert job.problem is not None
    assert job.problem.code is ProblemCode.NO_IMAGE_BEFORE
    assert "no image was ever verified on this chip" in job.problem.message
    assert bridge.board.counters.unit_erases == before
    assert bridge.board.flash[: len(OLD)] == OLD


async def test_rollback_to_an_image_that_left_the_store_is_refused_before_the_erase(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge()
    async with lab_of(bridge, tmp_path) as lab:
        first = await flashed(lab, OLD)
        assert first.flash is not None
        (tmp_path / "firmware" / first.flash.files[0].firmware).unlink()
        job = await flashed(lab, BAD, expect="ready", rollback=True)
    assert job.problem is not None
    assert job.problem.message.endswith("fw.bin of the image before is not in the store any more")
    assert bridge.board.flash[: len(OLD)] == OLD


async def test_a_rollback_that_fails_says_that_the_board_may_start_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    bridge = new_bridge()

    started = trio.Event()

    def note_start(boot: Boot) -> None:
        if boot.text == "new 2.1 panic":
            started.set()

    async def cut_off_after_start() -> None:
        await started.wait()
        await trio.sleep(0.5)
        bridge.is_cut_off = True
        bridge.cut_connections()

    async with lab_of(bridge, tmp_path) as lab, trio.open_nursery() as nursery:
        await flashed(lab, OLD)
        bridge.board.chip.on_boot.append(note_start)
        nursery.start_soon(cut_off_after_start)
        job = await flashed(lab, BAD, expect="ready", within_s=2.0, rollback=True)
    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert job.problem.code is ProblemCode.EXPECTATION_FAILED
    assert "; putting back the image before (fw.bin) FAILED: the bridge lab" in job.problem.message
    assert job.problem.remedy is not None
    assert job.problem.remedy.startswith("the board may start nothing now: ")
    assert bridge.board.flash[: len(BAD)] == BAD


async def test_an_expression_of_exponential_time_ends_the_watch_and_not_the_daemon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    image = make_image(1000, text="a" * 60)
    async with lab_of(new_bridge(), tmp_path) as lab:
        job = await flashed(lab, image, expect="(a+)+b", within_s=2.0)
        assert job.problem is not None
        assert job.problem.code is ProblemCode.EXPECTATION_FAILED
        assert "takes too long to search in a line of 60 characters" in job.problem.message
        assert (await flashed(lab, NEW, expect="ready")).state is JobState.DONE


class TalkingBoard(LinkBoard):
    """Says pieces of lines, one a second."""

    def __init__(self, *pieces: tuple[str, bool]) -> None:
        self._pieces = pieces

    async def log_pieces(self, mark: int) -> AsyncGenerator[LogRecord]:
        for number, (text, complete) in enumerate(self._pieces):
            await trio.sleep(1)
            yield LogRecord(number=number, at=0.0, text=text, complete=complete)
        await trio.sleep_forever()


@pytest.mark.parametrize(
    ("pattern", "line"),
    [("login: ", "login:"), ("^login: root", "login: root"), ("boot.*done$", "boot is done")],
)
async def test_a_line_is_searched_as_it_grows(
    pattern: str, line: str, autojump_clock: trio.testing.MockClock
) -> None:
    board = TalkingBoard(("boot ", False), ("is done", True), ("login: ", False), ("root", True))
    assert await Expectation(pattern, 10.0).met(board, 0) == line


async def test_nothing_is_found_across_lines(autojump_clock: trio.testing.MockClock) -> None:
    board = TalkingBoard(("boot", True), ("done", True))
    with pytest.raises(ExpectationMissed) as missed:
        await Expectation("boot.*done", 10.0).met(board, 0)
    assert missed.value.problem.got == "done"


async def test_a_silent_board_said_nothing(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(ExpectationMissed) as missed:
        await Expectation("ready", 10.0).met(TalkingBoard(), 0)
    assert missed.value.problem.message.endswith("within 10 s of its start; it said nothing")


def test_a_bounded_search_finds_or_does_not_and_leaves_no_signal_behind() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    assert bounded_search(re.compile("b+"), "aabb")
    assert not bounded_search(re.compile("^b+"), "aabb")
    with pytest.raises(SearchTooSlow):
        bounded_search(re.compile("(a+)+b"), "a" * 60)
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty expression"),
        ("(", "is no regular expression: missing ), unterminated subpattern at position 0"),
        ("x" * 501, "may have 500 characters, not 501"),
    ],
)
def test_a_bad_expression_says_why(text: str, said: str) -> None:
    with pytest.raises(BadPattern, match=re.escape(said)):
        compile_pattern(text)


def test_a_job_of_an_older_client_expects_nothing() -> None:
    options = msgspec.json.decode(b'{"files": []}', type=FlashOptions)
    assert (options.expect, options.rollback) == (None, False)
