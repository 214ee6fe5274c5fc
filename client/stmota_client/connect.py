"""Finds the daemon a command shall talk to, starts one if that is allowed, and checks its version."""

import os
from collections.abc import Callable

from stmota_client.autostart import start_daemon
from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import API_VERSION, DaemonGreeting, ProblemCode
from stmota_protocol.places import BadPlace, DaemonAddress, UnixAddress, default_socket, parse_daemon_url

ENVIRONMENT = "STMOTA_DAEMON"


def connect(
    url: str | None, *, autostart: bool, warn: Callable[[str], None]
) -> tuple[Client, DaemonGreeting]:
    """Return a client of a daemon that answers, and its greeting.

    `url` is `--daemon`, else `STMOTA_DAEMON`, else the default socket; only there a daemon is started.
    Raises `ClientError` (NO_DAEMON, OLD_DAEMON); `warn` gets what does not stop a command.
    """
    url = url or os.environ.get(ENVIRONMENT) or None
    client = Client(_address(url))
    try:
        greeting = _greeting(client, may_start=autostart and url is None)
        check_version(greeting, warn)
    except BaseException:
        client.close()
        raise
    return client, greeting


def check_version(greeting: DaemonGreeting, warn: Callable[[str], None]) -> None:
    """Raise `ClientError` for another major API version; `warn` of a daemon that can less than we ask."""
    ours, theirs = _dotted(API_VERSION), _dotted(greeting.api_version)
    daemon = f"the running daemon (stmota {greeting.version}, pid {greeting.pid})"
    if greeting.api_version[0] > API_VERSION[0]:
        raise ClientError.of(
            ProblemCode.OLD_DAEMON,
            f"{daemon} is newer than this client: it speaks API {theirs}, this client {ours}",
            "update this stmota",
        )
    older = f"{daemon} is older than this client: it speaks API {theirs}, this client {ours}"
    remedy = "restart it with `stmota daemon stop`; the next command starts the new one"
    if greeting.api_version[0] < API_VERSION[0]:
        raise ClientError.of(ProblemCode.OLD_DAEMON, older, remedy)
    if greeting.api_version < API_VERSION:
        warn(f"{older}; {remedy}")


def _address(url: str | None) -> DaemonAddress:
    try:
        return UnixAddress(default_socket()) if url is None else parse_daemon_url(url)
    except BadPlace as error:
        raise ClientError.of(ProblemCode.USAGE, str(error)) from error


def _greeting(client: Client, *, may_start: bool) -> DaemonGreeting:
    try:
        return client.greeting()
    except ClientError as error:
        if error.problem.code is not ProblemCode.NO_DAEMON or not may_start:
            raise
    return start_daemon(client)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
