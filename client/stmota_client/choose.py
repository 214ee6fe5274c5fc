"""Which bridge a command is for."""

import os
import time

from stmota_client.client import Client
from stmota_client.errors import ClientError
from stmota_protocol.api import Bridge, DaemonGreeting, ProblemCode

ENVIRONMENT = "STMOTA_BRIDGE"
DISCOVERY_S = 3.0
"""A daemon this young may not have heard of every bridge: mDNS answers within 1 s, twice asked."""
ASK_EVERY_S = 0.2


def choose_bridge(client: Client, greeting: DaemonGreeting, wanted: str | None) -> Bridge:
    """Return the bridge named by `wanted`, else by `STMOTA_BRIDGE`, else the only one known.

    Waits for discovery while the daemon is younger than `DISCOVERY_S`. Raises `ClientError`.
    """
    wanted = wanted or os.environ.get(ENVIRONMENT) or None
    age_s = max(0.0, time.time() - greeting.started_at)  # a daemon elsewhere may have another clock
    settled_at = time.monotonic() + max(0.0, DISCOVERY_S - age_s)
    while True:
        is_settled = time.monotonic() >= settled_at
        try:
            return client.bridge(wanted) if wanted else _only(client.bridges(), is_settled=is_settled)
        except ClientError as error:
            if error.problem.code is not ProblemCode.UNKNOWN_BRIDGE or is_settled:
                raise
        time.sleep(ASK_EVERY_S)


def reference(bridge: Bridge) -> str:
    """Return what names this bridge and no other: its id, or its name while that is unknown."""
    return bridge.id or bridge.name


def _only(bridges: list[Bridge], *, is_settled: bool) -> Bridge:
    if len(bridges) == 1 and is_settled:
        return bridges[0]
    if len(bridges) > 1:
        known = ", ".join(sorted(f"{bridge.name} ({reference(bridge)})" for bridge in bridges))
        raise ClientError.of(
            ProblemCode.AMBIGUOUS_BRIDGE,
            f"{len(bridges)} bridges are known: {known}",
            f"name one with --bridge, or in {ENVIRONMENT}",
        )
    raise ClientError.of(
        ProblemCode.UNKNOWN_BRIDGE,
        "no bridge is known",
        "is it on? look with `stmota discover`, or add it: stmota bridge add NAME HOST",
    )
