"""The C wire format: the shared vectors, and the Python parser as its judge."""

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol.frames import TYPE_AT, Malformed, take_frame
from stmota_protocol.limits import MAX_FRAME
from stmota_protocol.messages import BatchRequest, Greeting, Message, Unknown
from stmota_protocol.secure_messages import (
    SecureAnswer,
    SecureCsr,
    SecureInstall,
    SecureMessage,
    SecureRequest,
)
from stmota_protocol.steps import UnknownStep
from stmota_protocol.wire import charge, decode_message, encode_message
from stmota_protocol.wire_numbers import MessageType
from stmota_protocol.wire_steps import encode_step

ROOT = Path(__file__).parents[2]
HOST_TEST = ROOT / "bridge_firmware" / "host_test"
VECTORS = ROOT / "protocol" / "vectors"
NO_STEP = 0xFFFF
FRAMES_A_PROCESS = 60


def test_every_shared_vector_holds_in_c(build: Callable[..., Path]) -> None:
    program = build("test_vectors", HOST_TEST / "test_vectors.c")
    finished = subprocess.run([program, VECTORS], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    counted = dict(line.split(": ") for line in finished.stdout.splitlines())
    assert set(counted) == {str(path.relative_to(VECTORS)) for path in VECTORS.rglob("*.txt")}
    assert {name: int(count) for name, count in counted.items()} == {
        name: vectors_in(name) for name in counted
    }


def vectors_in(name: str) -> int:
    lines = (VECTORS / name).read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True)
class Seed:
    """A frame from the vectors and what is done to it."""

    frame: bytes
    changes: tuple[tuple[int, int], ...]
    cut: int
    surplus: bytes

    def bytes(self) -> bytes:
        """The payload changed, cut and lengthened, under a header that fits it."""
        payload = bytearray(self.frame[4:])
        for at, value in self.changes:
            if payload:
                payload[at % len(payload)] = value
        payload = payload[: max(len(payload) - self.cut, 0)] + self.surplus
        return len(payload).to_bytes(2, "little") + self.frame[2:4] + bytes(payload)


def frames_of_vectors() -> list[bytes]:
    frames: list[bytes] = []
    names = ("messages.txt", "surplus.txt", "malformed.txt")
    for name in (*names, "charges.txt", *(f"secure/{name}" for name in names)):
        for line in (VECTORS / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                frames.append(bytes.fromhex(line.split("|")[1]))  # noqa: PERF401  (a comprehension hides it)
    return [frame for frame in frames if len(frame) < 600]


SECURE: tuple[SecureMessage, ...] = (
    SecureRequest("desk"),
    SecureCsr(b"csr"),
    SecureInstall(b"one", b"other"),
    SecureAnswer(True, ""),
    SecureAnswer(False, "no"),
)
FRAMES = [*frames_of_vectors(), *map(encode_message, SECURE)]
interesting = st.sampled_from([0, 1, 2, 3, 4, 16, 17, 64, 65, 0x7F, 0x80, 0xC2, 0xED, 0xF4, 0xFE, 0xFF])
seeds = st.builds(
    Seed,
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.integers(0, 600), interesting | st.integers(0, 255)), max_size=4).map(tuple),
    st.sampled_from([0, 0, 0, 1, 2, 5]),
    st.sampled_from([b"", b"", b"\x00", b"\xff" * 7]),
)


def ask_c(program: Path, frames: list[bytes]) -> list[str]:
    lines = "".join(f"{frame.hex()}\n" for frame in frames)
    finished = subprocess.run([program], input=lines, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def python_says(data: bytes) -> Message | None:
    """None: it is malformed."""
    frame = take_frame(bytearray(data), MAX_FRAME)
    assert frame is not None
    try:
        return decode_message(frame)
    except Malformed:
        return None


def steps_of(request: BatchRequest) -> str:
    """As C tells them: charge, first step that is not understood, the steps."""
    steps = request.batch.steps
    unknown = [index for index, step in enumerate(steps) if isinstance(step, UnknownStep)]
    encoded = b"".join(map(encode_step, steps)).hex()
    return f" {charge(request.batch)} {unknown[0] if unknown else NO_STEP} {encoded}"


def check_same(data: bytes, said_by_c: str) -> None:
    message = python_says(data)
    if message is None:
        assert said_by_c == "malformed", data.hex()
        return
    verdict, _, rest = said_by_c.partition(" ")
    encoded, _, steps = rest.partition(" ")
    assert verdict == ("unknown" if isinstance(message, Unknown) else "ok"), data.hex()
    # C keeps a cause that it does not know; Python calls each of them OTHER. Compared as Python reads them.
    assert repr(python_says(bytes.fromhex(encoded))) == repr(message)
    if not isinstance(message, Greeting):  # C keeps a step number that is told twice; Python has a set
        assert len(bytes.fromhex(encoded)) == len(encode_message(message))
    if isinstance(message, BatchRequest):
        assert f" {steps}" == steps_of(message)


def test_every_message_is_among_the_frames_that_are_spoilt() -> None:
    assert {frame[TYPE_AT] for frame in FRAMES} >= set(MessageType)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.lists(seeds, min_size=FRAMES_A_PROCESS // 2, max_size=FRAMES_A_PROCESS))
def test_c_and_python_read_the_same_in_any_frame(wire_tool: Path, found: list[Seed]) -> None:
    frames = [seed.bytes() for seed in found]
    answers = ask_c(wire_tool, frames)
    assert len(answers) == len(frames)
    for frame, answer in zip(frames, answers, strict=True):
        check_same(frame, answer)


def test_c_and_python_read_the_same_in_thousands_of_spoilt_frames(wire_tool: Path) -> None:
    chance = random.Random(20)  # noqa: S311  (no secret)
    frames: list[bytes] = []
    for _ in range(4000):
        changes = tuple((chance.randrange(600), chance.randrange(256)) for _ in range(chance.randrange(4)))
        cut = chance.choice([0, 0, 0, 1, 2, chance.randrange(60)])
        frames.append(
            Seed(chance.choice(FRAMES), changes, cut, chance.randbytes(chance.randrange(3))).bytes()
        )
    for frame, answer in zip(frames, ask_c(wire_tool, frames), strict=True):
        check_same(frame, answer)


def test_a_frame_that_is_cut_anywhere_is_waited_for(wire_tool: Path) -> None:
    cut = [frame[:at] for frame in FRAMES[:40] for at in range(len(frame))]
    assert set(ask_c(wire_tool, cut)) == {"cut"}


@pytest.fixture(scope="session")
def wire_tool(build: Callable[..., Path]) -> Path:
    return build("wire_tool", HOST_TEST / "wire_tool.c")
