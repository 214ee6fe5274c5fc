"""A whole daemon in this process, its API over real sockets, and bridges that may be secured."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import trio

from plain_http import http_client
from secure_daemon import WITHIN_S
from stmota_daemon.config import BridgeConfig, Config
from stmota_daemon.daemon import Daemon, opened
from stmota_daemon.instance import Places, held
from stmota_daemon.subscription import DaemonEvents
from stmota_protocol.api import (
    Bridge,
    CertificateAuthority,
    NetworkPlace,
    Problem,
    ProblemCode,
    SecureState,
)
from stmota_protocol.api.wire import Wire

T = TypeVar("T")
SECURITY = "/v1/bridges/desk/security"


class DaemonApi:
    """What people ask of one life of a daemon that has a bridge `desk`."""

    def __init__(self, events: DaemonEvents, unix: httpx.AsyncClient, tcp: httpx.AsyncClient) -> None:
        self._events = events
        self.unix = unix
        self.tcp = tcp

    async def ask(self, method: str, path: str, kind: Any, body: Wire | None = None) -> Any:
        """Raises `Refusal`."""
        content = None if body is None else msgspec.json.encode(body)
        answer = await self.unix.request(method, path, content=content)
        if answer.status_code >= 400:
            raise Refusal(msgspec.json.decode(answer.content, type=Problem), answer.status_code)
        return None if kind is None else msgspec.json.decode(answer.content, type=kind)

    async def authorities(self) -> list[CertificateAuthority]:
        found: list[CertificateAuthority] = await self.ask("GET", "/v1/ca", list[CertificateAuthority])
        return found

    async def desk(self, secure: SecureState, problem: ProblemCode | None = None) -> Bridge:
        """Wait until the daemon knows the bridge so."""

        async def known() -> Bridge | None:
            bridge: Bridge = await self.ask("GET", "/v1/bridges/desk", Bridge)
            is_so = bridge.secure is secure and (bridge.problem and bridge.problem.code) is problem
            return bridge if is_so else None

        return await self.wait_for(known)

    async def wait_for(self, look: Callable[[], Awaitable[T | None]]) -> T:
        """Return what a look finds; each event of the daemon's is a reason for another."""
        subscription = self._events.subscribe()
        try:
            while (found := await look()) is None:
                await subscription.next()
            return found
        finally:
            self._events.unsubscribe(subscription)


class Refusal(Exception):
    """What the API said no with."""

    def __init__(self, problem: Problem, status: int) -> None:
        self.problem = problem
        self.status = status
        super().__init__(problem.message)


@asynccontextmanager
async def daemon_of(folder: Path, place: NetworkPlace) -> AsyncGenerator[DaemonApi]:
    """One life of a daemon on that directory."""
    places = Places(folder / "run" / "s.sock", folder / "state", folder / "config.toml")
    config = Config(
        name="tester", listen=("127.0.0.1", 0), mdns=False, bridges=(BridgeConfig("desk", place),)
    )
    with trio.fail_after(WITHIN_S), held(places), opened(places, config) as (services, listeners):
        daemon = Daemon(services, config, places.config_file)
        port = listeners[1].getsockname()[1]
        async with (
            trio.open_nursery() as nursery,
            http_client(socket=places.socket) as unix,
            http_client(f"http://127.0.0.1:{port}") as tcp,
        ):
            await nursery.start(daemon.run, listeners)
            yield DaemonApi(services.events, unix, tcp)
            daemon.shut_down()
