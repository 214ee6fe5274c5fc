"""Facts of the wire that vectors do not show."""

import re

import pytest

from stmota_protocol.frames import MAGIC, PREAMBLE, Malformed, encode_frame, take_frame
from stmota_protocol.limits import MAX_FRAME, MAX_PAYLOAD, MAX_SKIP, MAX_SMALL_FRAME
from stmota_protocol.messages import (
    BatchRequest,
    BatchResult,
    CloseReason,
    Closing,
    Console,
    ConsoleGap,
    Hello,
    Message,
    Ping,
    Unknown,
)
from stmota_protocol.steps import (
    MAX_STEPS,
    Arrival,
    Batch,
    Cause,
    Configure,
    Expect,
    LineErrors,
    OnSilence,
    Outcome,
    Output,
    Receive,
    ReceiveCounted,
    Result,
    Send,
    Step,
    UartSettings,
    Wait,
)
from stmota_protocol.wire import (
    KNOWN_STEPS,
    MessageType,
    StepNumber,
    decode_message,
    encode_message,
    request_bytes,
)

NAME = "x" * 65


def decoded(data: bytes) -> Message:
    frame = take_frame(bytearray(data), MAX_FRAME)
    assert frame is not None
    return decode_message(frame)


def test_message_numbers_never_change() -> None:
    assert {number.name: int(number) for number in MessageType} == {
        "GREETING": 1,
        "HELLO": 2,
        "WELCOME": 3,
        "BUSY": 4,
        "PING": 5,
        "PONG": 6,
        "UNSUPPORTED": 7,
        "CLOSING": 8,
        "BEGIN_RUN": 16,
        "BATCH_REQUEST": 17,
        "BATCH_RESULT": 18,
        "ABORT": 19,
        "END_RUN": 20,
        "CONSOLE": 32,
        "CONSOLE_GAP": 33,
        "CONSOLE_ACK": 34,
        "GET_SETTINGS": 64,
        "SETTINGS": 65,
        "SET_SETTINGS": 66,
        "SETTINGS_ANSWER": 67,
        "RESTART": 68,
        "UPDATE_BEGIN": 80,
        "UPDATE_STATUS": 81,
        "UPDATE_DATA": 82,
        "UPDATE_FINISH": 83,
        "UPDATE_CANCEL": 84,
        "SECURE_REQUEST": 96,
        "SECURE_CSR": 97,
        "SECURE_INSTALL": 98,
        "SECURE_ANSWER": 99,
    }


def test_step_numbers_never_change() -> None:
    assert {number.name: int(number) for number in StepNumber} == {
        "SEND": 1,
        "EXPECT": 2,
        "RECEIVE": 3,
        "RECEIVE_COUNTED": 4,
        "RECEIVE_UNTIL_QUIET": 5,
        "DISCARD": 6,
        "SET_LINES": 7,
        "SENSE": 8,
        "WAIT": 9,
        "CONFIGURE": 10,
    }
    assert frozenset(range(1, 11)) == KNOWN_STEPS


def test_outcomes_causes_and_close_reasons_never_change() -> None:
    assert [(item.name, int(item)) for item in Outcome] == [
        ("DONE", 0),
        ("FAILED", 1),
        ("SKIPPED", 2),
        ("ABORTED", 3),
    ]
    assert [(item.name, int(item)) for item in Cause] == [
        ("SILENCE", 1),
        ("WRONG_BYTE", 2),
        ("ECHO", 3),
        ("CAP", 4),
        ("UNSUPPORTED", 5),
        ("PORT", 6),
        ("OTHER", 255),
    ]
    assert [(item.name, int(item)) for item in CloseReason] == [
        ("SHUTDOWN", 1),
        ("REPLACED", 2),
        ("TAKEN_OVER", 3),
        ("PROTOCOL_ERROR", 4),
        ("VERSION", 5),
        ("TOO_MANY", 6),
        ("TOO_SLOW", 7),
        ("SECURED", 8),
    ]


def test_preamble_never_changes() -> None:
    assert PREAMBLE == b"STMOTA\x01\x01"
    assert MAGIC == b"STMOTA"


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (Hello(bytes(15), "desk"), "controller id of 15 bytes; it has 16"),
        (Hello(bytes(16), NAME), "a text of 65 bytes; the most is 64: 'xxxxxxxxxxxxxxxxxxxx'…"),
        (Console(0, 0, b""), "console data of 0 bytes; 1 to 1024 are possible"),
        (Console(0, 0, bytes(1025)), "console data of 1025 bytes; 1 to 1024 are possible"),
        (ConsoleGap(0, 0), "a gap of no bytes"),
        (Ping(-1), "Ping: "),
        (Ping(1 << 32), "Ping: "),
        (Unknown(0x4F, bytes(MAX_PAYLOAD + 1)), "a message of 65536 bytes; the most is 65535"),
        (BatchRequest(0, 0, Batch((Wait(0),) * (MAX_STEPS + 1))), "a batch of 1025 steps; the most is 1024"),
        (BatchResult(0, 0, Result(Outcome.DONE, residue=bytes(65))), "a residue of 65 bytes; the most is 64"),
        (BatchResult(0, 0, Result(Outcome.FAILED)), "a failed result names the step and the cause"),
        (
            BatchResult(0, 0, Result(Outcome.DONE, outputs=(Output(1, b""), Output(1, b"")))),
            "outputs come in the order of their steps, one a step",
        ),
        (
            BatchResult(0, 0, Result(Outcome.DONE, arrivals=(Arrival(2, 1), Arrival(1, 2)))),
            "arrivals come in the order of their steps, one a step",
        ),
    ],
)
def test_message_the_wire_cannot_say_is_refused(message: Message, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        encode_message(message)


REPEAT = Expect(0x79, 1, on_silence=OnSilence.REPEAT, repeat_back=1)


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ((Wait(0), Wait(1 << 32)), 1),
        ((Expect(256, 0),), 0),
        ((Expect(1, 0, bytes(MAX_SKIP + 1)),), 0),
        ((ReceiveCounted(3, 0, 0, 0),), 0),
        ((Configure(UartSettings(0)),), 0),
        ((REPEAT,), 0),
        ((Send(b""), REPEAT, REPEAT), 2),
        ((Send(bytes(MAX_PAYLOAD + 1)),), 0),
    ],
)
def test_step_the_wire_cannot_say_is_named(steps: tuple[Step, ...], wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"^step {wrong}: ."):
        encode_message(BatchRequest(0, 0, Batch(steps)))


def test_counts_stop_at_their_largest_value() -> None:
    huge = 1 << 40
    result = Result(
        Outcome.DONE,
        arrivals=(Arrival(0, huge),),
        errors=LineErrors(huge, huge, huge),
        residue_lost=huge,
    )
    found = decoded(encode_message(BatchResult(1, 2, result)))
    assert found == BatchResult(
        1,
        2,
        Result(
            Outcome.DONE,
            arrivals=(Arrival(0, 0xFFFF_FFFF),),
            errors=LineErrors(0xFFFF, 0xFFFF, 0xFFFF),
            residue_lost=0xFFFF_FFFF,
        ),
    )


def test_a_cause_to_come_is_kept_as_other() -> None:
    result = Result(Outcome.FAILED, failed_step=3, cause=Cause.PORT)
    data = bytearray(encode_message(BatchResult(1, 2, result)))
    data[4 + 11] = 99
    found = decoded(bytes(data))
    assert found == BatchResult(1, 2, Result(Outcome.FAILED, failed_step=3, cause=Cause.OTHER))


def test_text_of_closing_is_cut_between_two_characters() -> None:
    found = decoded(encode_message(Closing(CloseReason.PROTOCOL_ERROR, "x" + "é" * 200)))
    assert found == Closing(CloseReason.PROTOCOL_ERROR, "x" + "é" * 99)


def test_text_of_closing_that_is_no_unicode_is_replaced() -> None:
    assert decoded(encode_message(Closing(CloseReason.SHUTDOWN, "a\udc80"))) == Closing(
        CloseReason.SHUTDOWN, "a?"
    )


def test_frame_leaves_what_follows_it() -> None:
    data = encode_frame(5, 0, b"abcd")
    buffer = bytearray(data + b"tail")
    frame = take_frame(buffer, MAX_SMALL_FRAME)
    assert frame is not None
    assert (frame.message_type, frame.payload, frame.port) == (5, b"abcd", 0)
    assert buffer == b"tail"


def test_frame_is_refused_by_its_header_alone() -> None:
    header = encode_frame(5, 0, bytes(MAX_SMALL_FRAME - 3))[:4]
    with pytest.raises(Malformed, match=r"^a message \(type 0x05\) of 1029 bytes where the most is 1028$"):
        take_frame(bytearray(header), MAX_SMALL_FRAME)


def test_longest_frame_is_taken() -> None:
    buffer = bytearray(encode_frame(5, 0, bytes(MAX_SMALL_FRAME - 4)))
    assert take_frame(buffer, MAX_SMALL_FRAME) is not None
    assert not buffer


def test_a_page_in_256_byte_blocks_fits_a_16_kib_batch_limit() -> None:
    block = (Send(b"\x31\xce"), REPEAT, Send(bytes(5)), Expect(0x79, 1), Send(bytes(258)), Expect(0x79, 1))
    page = Batch((*block, *(Expect(0x79, 1) if step is REPEAT else step for step in block * 7)))
    assert len(page.steps) == 48
    assert request_bytes(page) == len(encode_message(BatchRequest(1, 0, page))) == 2518


def test_receive_of_the_most_is_said_by_the_wire() -> None:
    message = BatchRequest(0, 0, Batch((Receive(0xFFFF, 0),)))
    assert decoded(encode_message(message)) == message
