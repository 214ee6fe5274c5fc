"""A command's connection, from its arguments."""

from collections.abc import Generator
from contextlib import contextmanager

from stmota_client import screen
from stmota_client.arguments import Common, OnBridge
from stmota_client.choose import choose_bridge
from stmota_client.client import Client
from stmota_client.connect import connect
from stmota_protocol.api import Bridge, DaemonGreeting


@contextmanager
def session(arguments: Common) -> Generator[tuple[Client, DaemonGreeting]]:
    """Connect to the daemon that `arguments` name. Raises `ClientError`."""
    client, greeting = connect(arguments.daemon, autostart=not arguments.no_autostart, warn=screen.warn)
    with client:
        yield client, greeting


@contextmanager
def bridge_session(arguments: OnBridge) -> Generator[tuple[Client, Bridge]]:
    """Connect, and choose the bridge that `arguments` name. Raises `ClientError`."""
    with session(arguments) as (client, greeting):
        yield client, choose_bridge(client, greeting, arguments.bridge)
