"""The Python client against a scripted daemon."""

import hashlib
import os
import socket
import time
from pathlib import Path

import msgspec
import pytest

from sample_answers import LAB, LOG, REPORT, greeting, job
from scripted_daemon import Answer, EventStream, Reply, Request, ScriptedDaemon, answer, refuse
from stmota_client import peer, streams
from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import (
    AddBridge,
    BridgeEvent,
    JobEvent,
    JobKind,
    JobRequest,
    JobState,
    LogRecord,
    MissedEvent,
    NetworkPlace,
    NoteEvent,
    Problem,
    ProblemCode,
    StateEvent,
)

DONE = StateEvent(number=3, at=3.0, job=job(JobState.DONE, report=REPORT))
EVENTS = "/v1/jobs/j1/events"


def note(number: int) -> JobEvent:
    return NoteEvent(number=number, at=float(number), text=f"note {number}", warning=False)


def record(number: int) -> LogRecord:
    return LogRecord(number=number, at=float(number), text=f"line {number}", complete=True)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the pauses between tries instead of making them."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_every_method_asks_its_route(daemon: ScriptedDaemon) -> None:
    daemon.on("POST", "/v1/bridges", answer(LAB, 201))
    daemon.on("DELETE", "/v1/bridges/lab%2F1", Answer(status=204))
    daemon.on("POST", "/v1/jobs", answer(job(), 201))
    daemon.on("GET", "/v1/jobs", answer([job()]))
    daemon.on("GET", "/v1/jobs/j1", answer(job()))
    daemon.on("POST", "/v1/jobs/j1/cancel", answer(job(JobState.CANCELLING), 202))
    daemon.on("POST", "/v1/shutdown", Answer(status=202))
    added = AddBridge(name="lab", place=NetworkPlace(host="h", port=1))
    request = JobRequest(kind=JobKind.RESET)

    with Client(daemon.url) as client:
        assert client.greeting().product == "stmotad"
        assert client.bridges() == [LAB]
        assert client.bridge("lab-esp32") == LAB
        assert client.add_bridge(added) == LAB
        client.remove_bridge("lab/1")
        assert client.start_job(request) == job()
        assert client.jobs() == [job()]
        assert client.job("j1") == job()
        assert client.cancel("j1") == job(JobState.CANCELLING)
        client.shutdown()

    bodies = {request.path: request.body for request in daemon.requests if request.body}
    assert bodies == {
        "/v1/bridges": b'{"name":"lab","place":{"kind":"network","host":"h","port":1}}',
        "/v1/jobs": b'{"kind":"reset","bridge":null,"flash":null,"options":null,"wait":true,"trace":false}',
    }


def test_an_empty_image_is_stored_like_any_other(daemon: ScriptedDaemon) -> None:
    sha256 = hashlib.sha256(b"").hexdigest()
    daemon.on("HEAD", f"/v1/firmware/{sha256}", Answer(status=404))
    daemon.on("PUT", f"/v1/firmware/{sha256}", Answer(status=201))

    with Client(daemon.url) as client:
        assert client.upload_firmware(b"") == sha256

    assert [request.method for request in daemon.requests] == ["HEAD", "PUT"]


def test_a_refusal_is_the_daemons_problem(daemon: ScriptedDaemon) -> None:
    problem = Problem(code=ProblemCode.UNKNOWN_BRIDGE, message="no bridge x", remedy="known: lab-esp32")
    daemon.on("GET", "/v1/bridges/x", refuse(problem, 404))

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        client.bridge("x")

    assert caught.value.problem == problem


def test_a_problem_of_an_unknown_code_keeps_its_words(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", "/v1/bridges", Answer(b'{"code":"moon","message":"full moon","remedy":"wait"}', 409))

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        client.bridges()

    assert caught.value.problem == Problem(code=ProblemCode.FAILED, message="full moon", remedy="wait")


def test_an_error_page_of_something_else_is_quoted_escaped(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", "/v1/bridges", Answer(b"<h1>\x1b[31mBad Gateway</h1>", 502))

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        client.bridges()

    assert str(caught.value) == f"GET /v1/bridges: {daemon.url} answered 502: <h1>\\x1b[31mBad Gateway</h1>"


def test_a_server_without_our_header_is_no_daemon(daemon: ScriptedDaemon) -> None:
    daemon.version_header = False

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        client.greeting()

    assert caught.value.problem.code is ProblemCode.NO_DAEMON


def test_an_answer_that_does_not_fit_is_one_clean_error(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", "/v1/bridges", Answer(b'[{"name": 5}]'))

    with (
        Client(daemon.url) as client,
        pytest.raises(ClientError, match="the daemon's answer to GET /v1/bridges"),
    ):
        client.bridges()


def test_an_absent_socket_is_no_daemon_with_the_reason(private_places: Path) -> None:
    with Client(f"unix://{private_places}/absent.sock") as client, pytest.raises(ClientError) as caught:
        client.greeting()

    assert caught.value.problem == Problem(
        code=ProblemCode.NO_DAEMON,
        message=f"no stmota daemon answers at unix://{private_places}/absent.sock: No such file or directory",
        remedy="start it with `stmota daemon start`",
    )


def test_a_closed_tcp_port_is_no_daemon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(ClientError) as caught:
        client.greeting()

    assert caught.value.problem.code is ProblemCode.NO_DAEMON
    assert f"http://127.0.0.1:{port}: Connection refused" in str(caught.value)


def test_proxies_of_the_environment_are_not_for_the_daemon(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with Client(daemon.url) as client:
        assert client.bridges() == [LAB]


def test_a_server_of_another_user_is_not_spoken_to(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(peer, "ROOT", owner + 2)

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        client.greeting()

    assert caught.value.problem.code is ProblemCode.NOT_ALLOWED
    assert daemon.requests == []


def test_job_events_end_with_the_job(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", EVENTS, EventStream([note(0), DONE, note(4)]))

    with Client(daemon.url) as client:
        assert list(client.job_events("j1")) == [note(0), DONE]

    assert "Last-Event-ID" not in daemon.asked("GET", EVENTS)[0].headers


@pytest.mark.parametrize("broken", [True, False], ids=["cut", "ended"])
def test_job_events_go_on_where_the_stream_broke(
    daemon: ScriptedDaemon, pauses: list[float], broken: bool
) -> None:
    daemon.on(
        "GET",
        EVENTS,
        EventStream([note(0), note(1)], broken=broken),
        EventStream([], broken=broken),
        EventStream([note(2), DONE], first=2),
    )

    with Client(daemon.url) as client:
        assert list(client.job_events("j1")) == [note(0), note(1), note(2), DONE]

    resumed = [request.headers.get("Last-Event-ID") for request in daemon.asked("GET", EVENTS)]
    assert resumed == [None, "1", "1"]
    assert pauses == [0.1, 0.1]


def test_job_events_can_begin_after_a_number(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", EVENTS, EventStream([DONE], first=3))

    with Client(daemon.url) as client:
        assert list(client.job_events("j1", after=2)) == [DONE]

    assert daemon.asked("GET", EVENTS)[0].headers["Last-Event-ID"] == "2"


def test_a_stream_that_stays_away_is_given_up_after_half_a_minute(
    daemon: ScriptedDaemon, pauses: list[float]
) -> None:
    def gone(_: Request) -> Reply:
        daemon.path.unlink(missing_ok=True)
        return EventStream([note(0)], broken=True)

    daemon.on("GET", EVENTS, gone)

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        list(client.job_events("j1"))

    assert caught.value.problem.code is ProblemCode.NO_DAEMON
    assert streams.RESUME_FOR_S <= sum(pauses) < streams.RESUME_FOR_S + streams.LONGEST_PAUSE_S


def test_a_refusal_after_a_break_is_told_at_once(daemon: ScriptedDaemon) -> None:
    problem = Problem(code=ProblemCode.UNKNOWN_JOB, message="no job j1")
    daemon.on("GET", EVENTS, EventStream([note(0)], broken=True), refuse(problem, 404))

    with Client(daemon.url) as client, pytest.raises(ClientError) as caught:
        list(client.job_events("j1"))

    assert caught.value.problem == problem


def test_a_log_ends_with_what_is_stored(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", LOG, EventStream([record(5), record(6)], first=5))

    with Client(daemon.url) as client:
        assert list(client.log(str(LAB.id), lines=2)) == [record(5), record(6)]

    assert [request.query for request in daemon.asked("GET", LOG)] == [{"lines": "2", "follow": "0"}]


def test_a_log_that_was_cut_goes_on(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", LOG, EventStream([record(5)], first=5, broken=True), EventStream([record(6)], first=6))

    with Client(daemon.url) as client:
        assert list(client.log(str(LAB.id))) == [record(5), record(6)]

    assert [request.query for request in daemon.asked("GET", LOG)] == [{"follow": "0"}] * 2


def test_what_the_daemon_no_longer_has_is_told(daemon: ScriptedDaemon) -> None:
    missed = MissedEvent(count=2, resume_from=4)
    daemon.on("GET", LOG, EventStream([missed, record(4)], first=3))

    with Client(daemon.url) as client:
        assert list(client.log(str(LAB.id))) == [missed, record(4)]


def test_following_a_log_goes_on_after_the_daemon_ended_the_stream(daemon: ScriptedDaemon) -> None:
    daemon.on("GET", LOG, EventStream([record(1)], first=1), EventStream([record(2)], first=2))

    with Client(daemon.url) as client:
        log = client.log(str(LAB.id), follow=True)
        assert [next(log), next(log)] == [record(1), record(2)]
        log.close()

    assert daemon.asked("GET", LOG)[1].headers["Last-Event-ID"] == "1"


def test_daemon_events_are_read_once(daemon: ScriptedDaemon) -> None:
    event = BridgeEvent(at=1.0, bridge=LAB)
    daemon.on("GET", "/v1/events", EventStream([event]))

    with Client(daemon.url) as client:
        assert list(client.events()) == [event]


def test_a_client_can_be_used_after_close(daemon: ScriptedDaemon) -> None:
    client = Client(daemon.url)
    client.close()
    assert client.greeting() == msgspec.structs.replace(greeting(), started_at=client.greeting().started_at)
    client.close()
