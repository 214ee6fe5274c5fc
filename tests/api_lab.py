"""The HTTP API over a real Unix socket, in this process, before bridges that the tests direct."""

import hashlib
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio

from bridge_lab import LAB, Lab, bridge_lab
from fake_edge import FakeEdge, FakeWork
from plain_http import http_client
from stmota_daemon.api import make_app
from stmota_daemon.api_bridges import BridgeRoutes
from stmota_daemon.api_daemon import DaemonRoutes
from stmota_daemon.api_events import EventRoutes
from stmota_daemon.api_firmware import FirmwareRoutes
from stmota_daemon.api_jobs import JobRoutes
from stmota_daemon.firmware_store import FirmwareStore
from stmota_daemon.instance import Places, held, listening_socket, listening_tcp
from stmota_daemon.openapi import openapi
from stmota_daemon.server import HttpServer
from stmota_protocol.api import API_VERSION, DaemonGreeting, Problem

WITHIN_S = 30.0
"""A deadlock's end; nothing here waits on purpose."""
GREETING = DaemonGreeting(
    product="stmotad", version="1.2.3", api_version=API_VERSION, pid=1, uid=2, started_at=3.0
)
FIRMWARE = b"firmware" * 1000
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()
LOG = "/v1/bridges/lab/log"


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


@asynccontextmanager
async def served_api(state_dir: Path, edge: FakeEdge, work: FakeWork) -> AsyncGenerator[Api]:
    path = state_dir / "run" / "s.sock"
    with (
        trio.fail_after(WITHIN_S),
        held(Places(path, state_dir, state_dir / "config.toml")),
        listening_socket(path) as unix,
        listening_tcp(("127.0.0.1", 0)) as tcp,
    ):
        async with (
            bridge_lab(state_dir, edge, work, [LAB]) as lab,
            trio.open_nursery() as nursery,
            http_client(socket=path) as client,
        ):
            api = Api(lab, client, tcp.getsockname()[1], state_dir)
            nursery.start_soon(HttpServer(app_of(api, state_dir), [unix, tcp]).serve)
            yield api
            nursery.cancel_scope.cancel()


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
