"""Server-sent events, however their bytes are cut."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_answers import job
from stmota_client import events
from stmota_client.client import JOB_EVENTS, LOG_EVENTS
from stmota_client.errors import ClientError
from stmota_client.events import ServerSentEvent, server_sent_events
from stmota_protocol.api import JobState, LogRecord, ProblemCode, StateEvent

STREAM = (
    b": keep-alive\n\n"
    b'id: 7\ndata: {"a":1}\n\n'
    b"event: other\nretry: 5\nid: 8\r\ndata:{}\r\n\r\n"
    b"id: nine\ndata: one\ndata: two\n\n"
    b"id: 10\n\n"
    b"id: 11\ndata: cut"
)
EVENTS = [
    ServerSentEvent(7, b'{"a":1}'),
    ServerSentEvent(8, b"{}"),
    ServerSentEvent(None, b"one\ntwo"),
]


def test_a_stream_is_read_whole() -> None:
    assert list(server_sent_events([STREAM])) == EVENTS


def test_a_stream_is_read_byte_by_byte() -> None:
    assert list(server_sent_events(STREAM[i : i + 1] for i in range(len(STREAM)))) == EVENTS


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_a_stream_is_read_cut_anywhere(cuts: list[int]) -> None:
    ends = [*cuts, len(STREAM)]
    assert list(server_sent_events(STREAM[a:b] for a, b in zip([0, *cuts], ends, strict=True))) == EVENTS


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_what_only_some_splitters_take_for_a_line_end_stays_in_the_text(character: str) -> None:
    record = LogRecord(number=0, at=1.0, text=f"a{character}b", complete=True)

    [event] = server_sent_events([b"data: " + msgspec.json.encode(record) + b"\n\n"])

    assert LOG_EVENTS.decode(event.data) == record


def test_a_line_without_end_is_one_clean_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_LINE_BYTES", 100)

    with pytest.raises(ClientError, match="a line of more than 100 bytes"):
        list(server_sent_events([b"x" * 60, b"x" * 60]))


def test_an_event_of_a_kind_from_a_newer_daemon_is_skipped() -> None:
    assert JOB_EVENTS.decode(b'{"type": "weather", "sunny": true}') is None


def test_fields_from_a_newer_daemon_are_ignored() -> None:
    event = StateEvent(number=1, at=2.0, job=job(JobState.RUNNING))
    more = {**msgspec.to_builtins(event), "mood": "good"}

    assert JOB_EVENTS.decode(msgspec.json.encode(more)) == event


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type": 5}', b'{"type": "note"}', b"\xff"])
def test_what_is_no_event_is_one_clean_error(data: bytes) -> None:
    with pytest.raises(ClientError, match="the daemon's event is not as expected") as caught:
        JOB_EVENTS.decode(data)
    assert caught.value.problem.code is ProblemCode.FAILED


@settings(deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_give_events_or_a_client_error(chunks: list[bytes]) -> None:
    for sent in server_sent_events(chunks):
        with contextlib.suppress(ClientError):
            JOB_EVENTS.decode(sent.data)
