"""What a scripted daemon says to `stmota flash`."""

import hashlib

from sample_answers import REPORT, job
from stmota_protocol.api import (
    FlashFile,
    Job,
    JobEvent,
    JobState,
    Phase,
    ProgressEvent,
    StateEvent,
)

IMAGE = b"\x00\x50\x00\x20\x01\x01\x00\x08" + bytes(range(256))
SHA256 = hashlib.sha256(IMAGE).hexdigest()
FW_BIN = FlashFile(firmware=SHA256, filename="fw.bin")
EVENTS = "/v1/jobs/j1/events"
DONE = job(JobState.DONE, report=REPORT)
CLOSING = (
    "lab-esp32: fw.bin: 65536 bytes at 0x08000000 in 14.2 s, 4599 B/s, 87 % of line rate, "
    'verified, started, seen: "hello from F103"\n'
)


def ending(ended: Job, at: float = 14.3) -> JobEvent:
    return StateEvent(number=9, at=at, job=ended)


def progress(number: int, at: float, done: int, phase: Phase = Phase.WRITE) -> ProgressEvent:
    return ProgressEvent(
        number=number, at=at, phase=phase, done=done, total=65536, bytes_per_s=8192.0, line_rate_share=0.811
    )
