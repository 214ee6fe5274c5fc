"""The HTTP API as a whole: who answers, its routes, and who is refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from api_lab import GREETING, OpenApi, problem_of
from plain_http import http_client
from stmota_protocol.api import DaemonGreeting, ProblemCode


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


async def test_a_body_that_is_too_large_is_refused(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/jobs", content=b" " * (1024 * 1024 + 1))
        assert answer.status_code == 413
        assert problem_of(answer).message == "the body exceeds 1048576 bytes"


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
    async with open_api() as api, http_client() as client:
        answer = await client.get(f"http://127.0.0.1:{api.port}/v1/greeting", headers={"Host": host})
        assert answer.status_code == status


async def test_bytes_that_are_no_http_disturb_nobody(open_api: OpenApi, tmp_path: Path) -> None:
    async with open_api() as api:
        async with await trio.open_unix_socket(str(tmp_path / "run" / "s.sock")) as stream:
            await stream.send_all(b"\x00\xffSTMOTA garbage\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
        assert (await api.client.get("/v1/greeting")).status_code == 200
