"""The HTTP API's streams: a board's log, and all that happens."""

import socket
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from api_lab import LOG, Api, OpenApi, parse_events, problem_of
from fake_edge import FakeEdge, identity
from stmota_daemon.announcements import Announcement
from stmota_daemon.api_events import LogReader
from stmota_daemon.console_log import ConsoleLogs
from stmota_daemon.log_pieces import FollowedLogs
from stmota_protocol.api import BridgeEvent, DaemonEvent, JobChanged, JobState, LogRecord, MissedEvent
from stmota_protocol.messages import Console

FAR = Announcement("far-2", "0000000000000002", "far", ("far",), 1, None, None)


async def write_log(api: Api, edge: FakeEdge, first: int, count: int) -> None:
    await trio.testing.wait_all_tasks_blocked()
    position = sum(len(b"line %d\n" % number) for number in range(first))
    for number in range(first, first + count):
        data = b"line %d\n" % number
        edge.link.say(Console(position, 0, data))
        position += len(data)
    while api.lab.task.log is None or api.lab.task.log.next_number < first + count:
        await trio.lowlevel.checkpoint()


def log_texts(events: list[tuple[int, bytes]]) -> list[str]:
    return [msgspec.json.decode(data, type=LogRecord).text for _, data in events]


async def test_a_log_is_read_from_its_end(open_api: OpenApi, edge: FakeEdge) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        await write_log(api, edge, 0, 1200)
        assert log_texts(await api.stream(f"{LOG}?lines=2")) == ["line 1198", "line 1199"]
        assert len(await api.stream(LOG)) == 100
        whole = await api.stream(f"{LOG}?lines=5000")
        assert log_texts(whole) == [f"line {number}" for number in range(1200)]
        assert log_texts(await api.stream(LOG, **{"Last-Event-ID": "1197"})) == ["line 1198", "line 1199"]
        assert await api.stream(f"{LOG}?lines=0") == []


async def test_who_does_not_follow_gets_what_there_was_when_it_asked(
    open_api: OpenApi, edge: FakeEdge, tmp_path: Path
) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        await write_log(api, edge, 0, 3)
        logs = ConsoleLogs(tmp_path / "of another daemon")
        reader = LogReader(api.lab.task, logs, FollowedLogs(), 2, follow=False, number=None)
        first = await reader.pull()
        await write_log(api, edge, 3, 2)
        assert first is not None
        assert log_texts(parse_events(first)) == ["line 1", "line 2"]
        assert await reader.pull() is None


async def test_a_follower_sees_what_is_stored_and_then_what_comes(open_api: OpenApi, edge: FakeEdge) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        await write_log(api, edge, 0, 2)

        async def has_seen_both(body: bytes) -> bool:
            if b"line 2" not in body:
                await write_log(api, edge, 2, 1)
            return b"line 2" in body

        body = await api.read_until(f"{LOG}?lines=1&follow=1", has_seen_both)
        assert log_texts(parse_events(body)) == ["line 1", "line 2"]


async def test_a_bridge_is_held_while_its_log_is_followed(open_api: OpenApi, edge: FakeEdge) -> None:
    edge.identities["far:1"] = identity("far", number=2)
    async with open_api() as api:
        api.lab.bridges.announced(FAR)
        far = api.lab.bridges.find("far")
        assert not far.wants_link()
        async with api.client.stream("GET", "/v1/bridges/far/log?follow=1"):
            while far.connector.link is None:
                await trio.testing.wait_all_tasks_blocked()
            assert far.wants_link()
        while far.wants_link():
            await trio.testing.wait_all_tasks_blocked()
        assert far.connector.link is not None
        assert await api.stream("/v1/bridges/far/log") == []
        assert not far.wants_link()


@pytest.mark.parametrize("path", ["/v1/bridges", "/v1/events"])
async def test_who_asks_for_all_bridges_has_them_looked_at(
    open_api: OpenApi, edge: FakeEdge, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("stmota_daemon.peek_times.PEEK_GAP_S", 0.0)
    edge.identities["far:1"] = identity("far", number=2)
    async with open_api() as api:
        api.lab.bridges.announced(FAR)
        while len(edge.peeks) < 1:
            await trio.testing.wait_all_tasks_blocked()
        async with api.client.stream("GET", path):
            while len(edge.peeks) < 2:
                await trio.testing.wait_all_tasks_blocked()


async def test_a_reader_of_records_that_are_gone_is_told_how_many(
    open_api: OpenApi, edge: FakeEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stmota_daemon.console_log.MAX_TAIL", 5)
    async with open_api() as api:
        await edge.opened.wait()
        await write_log(api, edge, 0, 3)
        log = api.lab.task.log
        assert log is not None
        monkeypatch.setattr(type(log), "first_number", 2)
        events = await api.stream(LOG, **{"Last-Event-ID": "0"})
        assert msgspec.json.decode(events[0][1], type=MissedEvent) == MissedEvent(count=1, resume_from=2)
        assert events[1][0] == 2


async def test_the_log_of_a_bridge_that_never_answered_is_empty(open_api: OpenApi, edge: FakeEdge) -> None:
    edge.identities.clear()
    async with open_api() as api:
        assert await api.stream(LOG) == []


@pytest.mark.parametrize("query", ["lines=x", "lines=-1", "lines=1000001", "follow=2", "lines=²"])
async def test_a_bad_query_is_refused(open_api: OpenApi, query: str) -> None:
    async with open_api() as api:
        answer = await api.client.get(f"{LOG}?{query}")
        assert answer.status_code == 400
        assert "is no number from 0 to" in problem_of(answer).message


async def test_everything_that_happens_is_told_after_how_things_are(open_api: OpenApi) -> None:
    async with open_api() as api:

        async def is_done(body: bytes) -> bool:
            if b'"type":"job"' not in body:
                await api.post_job(kind="reset")
            return b'"done"' in body

        body = await api.read_until("/v1/events", is_done)
        events = [msgspec.json.decode(data, type=DaemonEvent) for _, data in parse_events(body)]
        assert isinstance(events[0], BridgeEvent)
        states = [event.job.state for event in events if isinstance(event, JobChanged)]
        assert states[-1] is JobState.DONE


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(
    open_api: OpenApi, edge: FakeEdge
) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        await write_log(api, edge, 0, 1)
        stuck = socket.create_connection(("127.0.0.1", api.port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET %b?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" % LOG.encode())
        much = (b"x" * 1000 + b"\n") * 4000  # more than any socket's buffers
        edge.link.say(Console(len(b"line 0\n"), 0, much))
        await trio.testing.wait_all_tasks_blocked()
        assert (await api.client.get("/v1/greeting")).status_code == 200
    stuck.close()
