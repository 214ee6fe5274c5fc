"""The HTTP API over a real Unix socket, in this process, before bridges that the tests direct."""

import hashlib
import json
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio.testing

from bridge_lab import Lab, bridge_lab
from fake_edge import FakeEdge, FakeWork, identity
from stmota_daemon.announcements import Announcement
from stmota_daemon.api import make_app
from stmota_daemon.api_bridges import BridgeRoutes
from stmota_daemon.api_daemon import DaemonRoutes
from stmota_daemon.api_events import EventRoutes
from stmota_daemon.api_firmware import FirmwareRoutes
from stmota_daemon.api_jobs import JobRoutes
from stmota_daemon.config import BridgeConfig, read_config
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.instance import listening_socket, listening_tcp
from stmota_daemon.openapi import openapi
from stmota_daemon.server import HttpServer
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import (
    API_VERSION,
    Bridge,
    BridgeEvent,
    DaemonEvent,
    DaemonGreeting,
    Job,
    JobChanged,
    JobEvent,
    JobState,
    LogRecord,
    MissedEvent,
    NetworkPlace,
    Phase,
    Problem,
    ProblemCode,
    StateEvent,
)
from stmota_protocol.messages import Console
from stmota_protocol.trace import TraceEnd, TraceHeader, read_trace

WITHIN_S = 30.0
"""A deadlock's end; nothing here waits on purpose."""
GREETING = DaemonGreeting(
    product="stmotad", version="1.2.3", api_version=API_VERSION, pid=1, uid=2, started_at=3.0
)
LAB = BridgeConfig("lab", NetworkPlace(host="host", port=1))
FIRMWARE = b"firmware" * 1000
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()
LOG = "/v1/bridges/lab/log"
FAR = Announcement("far-2", "0000000000000002", "far", ("far",), 1, None, None)


def flash_of(filename: str, **more: int) -> dict[str, list[dict[str, object]]]:
    return {"files": [{"firmware": SHA256, "filename": filename, **more}]}


class Api:
    """A served API and a client of it."""

    def __init__(self, lab: Lab, client: httpx.AsyncClient, port: int, state_dir: Path) -> None:
        self.lab = lab
        self.client = client
        self.port = port
        self.socket = state_dir / "run" / "s.sock"
        self.config_file = state_dir / "config" / "config.toml"
        self.is_asked_to_end = False

    async def get(self, path: str, kind: type[Any]) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200
        return msgspec.json.decode(answer.content, type=kind)

    async def post_job(self, **fields: object) -> httpx.Response:
        return await self.client.post("/v1/jobs", content=json.dumps(fields))

    async def stream(self, path: str, **headers: str) -> list[tuple[int, bytes]]:
        async with self.client.stream("GET", path, headers=headers) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            return parse_events(await answer.aread())

    async def read_until(self, path: str, is_enough: Callable[[bytes], Awaitable[bool]]) -> bytes:
        """Read a stream until `is_enough` of all that came says so; then hang up."""
        received = b""
        async with await trio.open_unix_socket(str(self.socket)) as stream:
            await stream.send_all(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            while b"\n\n" not in received or not await is_enough(received):
                received += await stream.receive_some()
        return received


def parse_events(body: bytes) -> list[tuple[int, bytes]]:
    """Find the events; around them may be comments and the framing of chunks."""
    return [(int(number), data) for number, data in re.findall(rb"id: (\d+)\ndata: (.*)\n\n", body)]


def problem_of(answer: httpx.Response) -> Problem:
    return msgspec.json.decode(answer.content, type=Problem)


OpenApi = Callable[[], AbstractAsyncContextManager[Api]]


@pytest.fixture
def edge() -> FakeEdge:
    return FakeEdge()


@pytest.fixture
def work() -> FakeWork:
    return FakeWork()


@pytest.fixture
def open_api(tmp_path: Path, edge: FakeEdge, work: FakeWork) -> OpenApi:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Api]:
        path = tmp_path / "run" / "s.sock"
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        with (
            trio.fail_after(WITHIN_S),
            listening_socket(path) as unix,
            listening_tcp(("127.0.0.1", 0)) as tcp,
        ):
            async with (
                bridge_lab(tmp_path, edge, work, [LAB]) as lab,
                trio.open_nursery() as nursery,
                httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
            ):
                api = Api(lab, client, tcp.getsockname()[1], tmp_path)
                nursery.start_soon(HttpServer(app_of(api, tmp_path), [unix, tcp]).serve)
                yield api
                nursery.cancel_scope.cancel()

    return opened


def app_of(api: Api, state_dir: Path) -> Any:
    services = api.lab.services
    firmware = FirmwareStore(state_dir / "firmware")
    about = DaemonRoutes(GREETING, lambda: setattr(api, "is_asked_to_end", True))
    routes = [
        *about.routes(),
        *BridgeRoutes(api.lab.bridges, api.config_file).routes(),
        *FirmwareRoutes(firmware).routes(),
        *JobRoutes(services.jobs, api.lab.bridges, firmware, services.traces).routes(),
        *EventRoutes(api.lab.bridges, services.logs, api.lab.events).routes(),
    ]
    about.description = openapi(routes, "1.2.3")
    return make_app(routes, "1.2.3")


async def test_the_greeting_says_who_answers(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.get("/v1/greeting")
        assert msgspec.json.decode(answer.content, type=DaemonGreeting) == GREETING
        assert answer.headers["stmota-version"] == "1.2.3"


async def test_every_route_is_described(open_api: OpenApi) -> None:
    async with open_api() as api:
        description = await api.get("/v1/openapi.json", dict[str, Any])
        assert description["openapi"] == "3.1.0"
        assert {path: sorted(methods) for path, methods in description["paths"].items()} == {
            "/v1/greeting": ["get"],
            "/v1/openapi.json": ["get"],
            "/v1/shutdown": ["post"],
            "/v1/bridges": ["get", "post"],
            "/v1/bridges/{ref}": ["delete", "get"],
            "/v1/bridges/{ref}/log": ["get"],
            "/v1/firmware/{sha256}": ["get", "head", "put"],
            "/v1/jobs": ["get", "post"],
            "/v1/jobs/{id}": ["get"],
            "/v1/jobs/{id}/cancel": ["post"],
            "/v1/jobs/{id}/events": ["get"],
            "/v1/jobs/{id}/trace": ["get"],
            "/v1/events": ["get"],
        }
        text = json.dumps(description)
        schemas = description["components"]["schemas"]
        references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert references <= set(schemas)
        assert {"Bridge", "Job", "FlashReport", "Problem", "LogRecord"} <= set(schemas)


async def test_bridges_are_told_by_name_and_by_id(open_api: OpenApi, edge: FakeEdge) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        [bridge] = await api.get("/v1/bridges", list[Bridge])
        assert bridge.name == "lab"
        assert (await api.get("/v1/bridges/lab", Bridge)).address == "host:1"
        await trio.testing.wait_all_tasks_blocked()
        assert (await api.get("/v1/bridges/0000000000000001", Bridge)).name == "lab"


async def test_an_unknown_bridge_is_a_problem_that_names_those_known(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.get("/v1/bridges/rack")
        assert answer.status_code == 404
        assert problem_of(answer).code is ProblemCode.UNKNOWN_BRIDGE
        assert problem_of(answer).message == "no bridge is called 'rack'; known are: lab"
        assert answer.headers["stmota-version"] == "1.2.3"


async def test_a_bridge_is_added_to_the_configuration_and_removed_from_it(open_api: OpenApi) -> None:
    place = {"kind": "network", "host": "10.0.0.7", "port": 7820}
    async with open_api() as api:
        answer = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert answer.status_code == 201
        assert msgspec.json.decode(answer.content, type=Bridge).address == "10.0.0.7:7820"
        assert [bridge.name for bridge in read_config(api.config_file).bridges] == ["rack"]
        again = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert again.status_code == 409
        gone = await api.client.delete("/v1/bridges/rack")
        assert (gone.status_code, gone.content) == (204, b"")
        assert read_config(api.config_file).bridges == ()
        assert [bridge.name for bridge in await api.get("/v1/bridges", list[Bridge])] == ["lab"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is no AddBridge"),
        (b"[]", "Expected `object`"),
        (b'{"name": "a"}', "missing required field `place`"),
        (b'{"name": "a b", "place": {"kind": "network", "host": "h", "port": 1}}', "a bridge's name has"),
        (b'{"name": "a", "place": {"kind": "network", "host": "h h", "port": 1}}', "its host is no"),
        (b'{"name": "a", "place": {"kind": "network", "host": "h", "port": 0}}', "its port must be"),
        (b'{"name": "a", "place": {"kind": "serial", "url": ""}}', "its serial port is no"),
        (b'{"name": "a", "place": {"kind": "serial", "url": "u", "reset": "cts"}}', "reset and boot0 are"),
        (
            b'{"name": "a", "place": {"kind": "serial", "url": "u", "reset": "rts", "boot0": "!rts"}}',
            "need a line each",
        ),
        (b'{"name": "a", "place": {"kind": "air"}}', "Invalid value 'air'"),
        (b"\xff", "the body is no AddBridge"),
    ],
)
async def test_a_bad_body_is_a_problem_with_status_400(open_api: OpenApi, body: bytes, said: str) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/bridges", content=body)
        assert answer.status_code == 400
        assert problem_of(answer).code is ProblemCode.USAGE
        assert said in problem_of(answer).message
        assert not api.config_file.exists()


async def test_a_configuration_with_mistakes_is_not_touched(open_api: OpenApi) -> None:
    place = {"kind": "network", "host": "10.0.0.7", "port": 7820}
    async with open_api() as api:
        api.config_file.parent.mkdir(mode=0o700)
        api.config_file.write_text("[x]\n")
        answer = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert answer.status_code == 500
        assert "config.toml:1: x: is not known here" in problem_of(answer).message
        assert api.config_file.read_text() == "[x]\n"


async def test_a_body_that_is_too_large_is_refused(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/jobs", content=b" " * (1024 * 1024 + 1))
        assert answer.status_code == 413
        assert problem_of(answer).message == "the body exceeds 1048576 bytes"


async def test_firmware_is_sent_once(open_api: OpenApi) -> None:
    path = f"/v1/firmware/{SHA256}"
    async with open_api() as api:
        assert (await api.client.head(path)).status_code == 404
        assert (await api.client.put(path, content=FIRMWARE)).status_code == 201
        assert (await api.client.head(path)).status_code == 200


async def test_firmware_is_given_back_as_it_came(open_api: OpenApi) -> None:
    path = f"/v1/firmware/{SHA256}"
    async with open_api() as api:
        missing = await api.client.get(path)
        assert missing.status_code == 404
        assert problem_of(missing).code is ProblemCode.UNKNOWN_FIRMWARE
        await api.client.put(path, content=FIRMWARE)
        answer = await api.client.get(path)
        assert answer.content == FIRMWARE
        assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "status", "said"), [("00" * 32, 422, "has SHA-256"), ("xyz", 400, "is no SHA-256")]
)
async def test_bad_firmware_is_refused(open_api: OpenApi, name: str, status: int, said: str) -> None:
    async with open_api() as api:
        answer = await api.client.put(f"/v1/firmware/{name}", content=FIRMWARE)
        assert answer.status_code == status
        assert said in problem_of(answer).message


async def test_firmware_that_says_it_is_too_large_is_refused_before_it_comes(open_api: OpenApi) -> None:
    head = b"PUT /v1/firmware/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    async with open_api() as api, await trio.open_unix_socket(str(api.socket)) as stream:
        await stream.send_all(head % (SHA256.encode(), 64 * 2**20 + 1))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 413")


async def test_an_upload_that_breaks_off_leaves_nothing(open_api: OpenApi, tmp_path: Path) -> None:
    head = b"PUT /v1/firmware/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000\r\n\r\n"
    async with open_api() as api:
        async with await trio.open_unix_socket(str(api.socket)) as stream:
            await stream.send_all(head % SHA256.encode() + FIRMWARE[:4000])
            while not list((tmp_path / "firmware").iterdir()):
                await trio.lowlevel.checkpoint()
        while list((tmp_path / "firmware").iterdir()):
            await trio.lowlevel.checkpoint()
        assert (await api.client.head(f"/v1/firmware/{SHA256}")).status_code == 404


async def test_a_job_is_queued_done_and_told(open_api: OpenApi) -> None:
    async with open_api() as api:
        await api.client.put(f"/v1/firmware/{SHA256}", content=FIRMWARE)
        answer = await api.post_job(kind="flash", bridge="lab", flash=flash_of("fw.bin"))
        assert answer.status_code == 201
        job = msgspec.json.decode(answer.content, type=Job)
        events = await api.stream(f"/v1/jobs/{job.id}/events")
        states = [msgspec.json.decode(data, type=JobEvent) for _, data in events]
        assert [event.job.state for event in states if isinstance(event, StateEvent)] == [
            JobState.QUEUED,
            JobState.RUNNING,
            JobState.DONE,
        ]
        assert [number for number, _ in events] == [0, 1, 2]
        assert await api.stream(f"/v1/jobs/{job.id}/events", **{"Last-Event-ID": "1"}) == events[2:]
        assert (await api.get(f"/v1/jobs/{job.id}", Job)).state is JobState.DONE
        assert [found.id for found in await api.get("/v1/jobs", list[Job])] == [job.id]


def with_options(kind: str, **options: object) -> dict[str, object]:
    return {"kind": kind, "options": {"kind": kind, **options}}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"kind": "flash"}, 400, "belongs to a job of the kind flash"),
        ({"kind": "info", "flash": flash_of("f")}, 400, "belongs to a job"),
        ({"kind": "dance"}, 400, "Invalid enum value 'dance'"),
        ({"kind": "info", "bridge": "rack"}, 404, "known are: lab"),
        ({"kind": "flash", "flash": flash_of("f")}, 404, "is not in the store"),
        ({"kind": "flash", "flash": flash_of("")}, 400, "filename must have"),
        ({"kind": "flash", "flash": flash_of("f") | {"baud": 1}}, 400, "baud 1 is not"),
        ({"kind": "flash", "flash": flash_of("f", address=-1)}, 400, "no 32-bit"),
        ({"kind": "flash", "flash": flash_of("f") | {"rollback": True}}, 400, "rollback needs expect"),
        ({"kind": "flash", "flash": flash_of("f") | {"expect": "("}}, 400, "is no regular expression"),
        ({"kind": "flash", "flash": flash_of("f") | {"expect": "a", "start": False}}, 400, "needs a start"),
        (
            {"kind": "flash", "flash": flash_of("f") | {"expect": "a", "within_s": 0}},
            400,
            "within_s 0.0 is not",
        ),
        ({"kind": "flash", "flash": flash_of("f", kept=True)}, 404, "is not in the store"),
        ({"kind": "flash", "flash": {"files": []}}, 400, "a flash takes 1 to 16 files, not 0"),
        ({"kind": "flash", "flash": {"files": flash_of("f")["files"] * 17}}, 400, "1 to 16 files, not 17"),
        ({"kind": "read"}, 400, "a job of the kind read needs its `options`"),
        ({"kind": "read", "options": {"kind": "erase"}}, 400, "are not of the kind read"),
        ({"kind": "info", "options": {"kind": "read"}}, 400, "are not of the kind info"),
        (with_options("read", address=0), 400, "`address` and `length` go together"),
        (with_options("read", address=2**32 - 1, length=2), 400, "no 32-bit range"),
        (with_options("read", address=0, length=0), 400, "no 32-bit range"),
        (with_options("read", baud=1), 400, "baud 1 is not"),
        (with_options("verify", firmware="0", filename="f"), 404, "is not in the store"),
        (with_options("erase", address=0, length=1, units=[1]), 400, "a range or units, not both"),
        (with_options("go", address=-1), 400, "no 32-bit range"),
        (with_options("option-bytes", raw=[{"address": 0, "data": "x"}]), 400, "'x' is no hex"),
    ],
)
async def test_a_bad_job_is_refused(
    open_api: OpenApi, fields: dict[str, object], status: int, said: str
) -> None:
    async with open_api() as api:
        answer = await api.post_job(**fields)
        assert answer.status_code == status
        assert said in problem_of(answer).message
        assert await api.get("/v1/jobs", list[Job]) == []


async def test_a_job_is_cancelled_by_request_and_a_second_request_is_no_error(
    open_api: OpenApi, work: FakeWork
) -> None:
    begun = trio.Event()

    async def never(board: Board, report: Report, job: Job) -> WorkOutcome:
        begun.set()
        await trio.sleep_forever()
        raise AssertionError

    work.behaviour = never
    async with open_api() as api:
        job = msgspec.json.decode((await api.post_job(kind="reset")).content, type=Job)
        await begun.wait()
        answer = await api.client.post(f"/v1/jobs/{job.id}/cancel")
        assert answer.status_code == 202
        assert msgspec.json.decode(answer.content, type=Job).state is JobState.CANCELLING
        assert (await api.lab.ended(job)).state is JobState.CANCELLED
        again = await api.client.post(f"/v1/jobs/{job.id}/cancel")
        assert msgspec.json.decode(again.content, type=Job).state is JobState.CANCELLED


async def test_a_client_that_goes_away_does_not_stop_its_job(open_api: OpenApi, work: FakeWork) -> None:
    go_on = trio.Event()

    async def wait(board: Board, report: Report, job: Job) -> WorkOutcome:
        report.phase(Phase.WRITE, 100, "writing")
        await go_on.wait()
        report.progress(100, 1.0, 1.0)
        return WorkOutcome()

    work.behaviour = wait
    async with open_api() as api:
        job = msgspec.json.decode((await api.post_job(kind="reset")).content, type=Job)

        async def is_writing(body: bytes) -> bool:
            return b"writing" in body

        await api.read_until(f"/v1/jobs/{job.id}/events", is_writing)
        go_on.set()
        assert (await api.lab.ended(job)).state is JobState.DONE
        events = await api.stream(f"/v1/jobs/{job.id}/events")
        kinds = [type(msgspec.json.decode(data, type=JobEvent)).__name__ for _, data in events]
        # Progress of a job that has ended is not stored.
        assert kinds == ["StateEvent", "StateEvent", "PhaseEvent", "StateEvent"]


@pytest.mark.parametrize("path", ["", "/events", "/cancel"])
async def test_an_unknown_job_is_a_problem(open_api: OpenApi, path: str) -> None:
    async with open_api() as api:
        answer = await api.client.request("POST" if path == "/cancel" else "GET", f"/v1/jobs/nobody{path}")
        assert answer.status_code == 404
        assert problem_of(answer).code is ProblemCode.UNKNOWN_JOB


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


async def test_a_trace_is_lines_of_json_and_a_job_without_one_says_why(open_api: OpenApi) -> None:
    async with open_api() as api:
        traced, plain = [
            msgspec.json.decode(
                (await api.post_job(kind="info", bridge="lab", trace=trace)).content, type=Job
            )
            for trace in (True, False)
        ]
        await api.stream(f"/v1/jobs/{plain.id}/events")
        answer = await api.client.get(f"/v1/jobs/{traced.id}/trace")
        assert answer.headers["content-type"] == "application/jsonl"
        header, *_, end = read_trace(answer.content.splitlines(keepends=True))
        assert isinstance(header, TraceHeader)
        assert (header.job, header.kind) == (traced.id, "info")
        assert isinstance(end, TraceEnd)
        assert end.state == "done"
        missing = await api.client.get(f"/v1/jobs/{plain.id}/trace")
        assert missing.status_code == 404
        assert problem_of(missing).code is ProblemCode.NO_TRACE
        assert "was started without one" in problem_of(missing).message


async def test_a_shutdown_is_answered_before_it_happens(open_api: OpenApi) -> None:
    async with open_api() as api:
        assert (await api.client.post("/v1/shutdown")).status_code == 202
        await trio.testing.wait_all_tasks_blocked()
        assert api.is_asked_to_end


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/v1/nothing", 404), ("DELETE", "/v1/jobs", 405)],
)
async def test_what_is_no_route_is_a_problem(open_api: OpenApi, method: str, path: str, status: int) -> None:
    async with open_api() as api:
        answer = await api.client.request(method, path)
        assert answer.status_code == status
        assert problem_of(answer).code is ProblemCode.USAGE


async def test_a_web_page_is_refused(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/shutdown", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert problem_of(answer).code is ProblemCode.NOT_ALLOWED
        assert not api.is_asked_to_end


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
async def test_on_tcp_only_loopback_names_are_answered(open_api: OpenApi, host: str, status: int) -> None:
    async with open_api() as api, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{api.port}/v1/greeting", headers={"Host": host})
        assert answer.status_code == status


async def test_bytes_that_are_no_http_disturb_nobody(open_api: OpenApi, tmp_path: Path) -> None:
    async with open_api() as api:
        async with await trio.open_unix_socket(str(tmp_path / "run" / "s.sock")) as stream:
            await stream.send_all(b"\x00\xffSTMOTA garbage\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
        assert (await api.client.get("/v1/greeting")).status_code == 200


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
