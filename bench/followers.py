"""Readers of many boards' logs in one process: they count, and look at as little as that takes.

Run as `python -m bench.followers SOCKET --boards 64 --each 10 --seconds 20`; prints one JSON document.
"""

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, field

import trio

from bench.table import median, percentile
from bench.talkers import LINE_BYTES

RECORD = re.compile(rb"id: (\d+)\ndata: ")
TEXT = re.compile(rb'"text":"(\d{12}) (\d{13}\.\d{6}) ')
LOST = re.compile(rb'"lost":([1-9]\d*)|"type":"missed","count":(\d+)')
READ_BYTES = 262_144
CONNECT_AT_ONCE = 32
"""A Unix socket whose backlog is full refuses more instead of letting them wait."""

SETTLE_S = 2.0
"""After the last has connected: what waited for its turn meanwhile is read by then."""


@dataclass(slots=True)
class Counts:
    """What all followers saw while it was counted."""

    awaited: int
    """Followers that have not connected yet."""
    all_follow: trio.Event = field(default_factory=trio.Event)
    is_counting: bool = False
    records: int = 0
    lost: int = 0
    """Records missing between two, and bytes that the daemon says were lost."""
    delays_s: list[float] = field(default_factory=list[float])
    """Age of the oldest line of each piece, when it came."""


async def _follow(socket: str, board: str, counts: Counts, at_once: trio.Semaphore) -> None:
    async with at_once:
        stream = await trio.open_unix_socket(socket)
        request = f"GET /v1/bridges/{board}/log?lines=0&follow=1 HTTP/1.1\r\nHost: stmotad\r\n\r\n"
        await stream.send_all(request.encode())
        rest = bytes(await stream.receive_some(READ_BYTES))
    counts.awaited -= 1
    if not counts.awaited:
        counts.all_follow.set()
    newest: int | None = None
    while data := await stream.receive_some(READ_BYTES):
        now_s = time.monotonic()
        whole, found, rest = (rest + bytes(data)).rpartition(b"\n\n")
        if not found:
            continue
        ids = [int(number) for number in RECORD.findall(whole)]
        if newest is not None and ids:
            counts.lost += ids[-1] - newest - len(ids)
        newest = ids[-1] if ids else newest
        if not counts.is_counting:
            continue
        counts.records += len(ids)
        counts.lost += sum(int(lost or missed) for lost, missed in LOST.findall(whole))
        stamps = TEXT.findall(whole)
        if stamps:
            counts.delays_s.append(now_s - float(stamps[0][1]))


async def _run(socket: str, boards: int, each: int, seconds: float) -> Counts:
    counts = Counts(awaited=boards * each)
    at_once = trio.Semaphore(CONNECT_AT_ONCE)
    async with trio.open_nursery() as nursery:
        for number in range(boards * each):
            nursery.start_soon(_follow, socket, f"talker-{number % boards + 1}", counts, at_once)
        await counts.all_follow.wait()
        await trio.sleep(SETTLE_S)
        counts.is_counting = True
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return counts


def main() -> None:
    """Follow, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket")
    parser.add_argument("--boards", type=int, default=64)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    counts = trio.run(_run, given.socket, given.boards, given.each, given.seconds)
    found = {
        "records": counts.records,
        "bytes": counts.records * LINE_BYTES,
        "lost": counts.lost,
        "median_s": median(counts.delays_s),
        "p99_s": percentile(counts.delays_s, 99),
        "pieces": len(counts.delays_s),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
