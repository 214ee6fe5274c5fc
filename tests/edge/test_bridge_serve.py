"""`stmota bridge serve` as a process of its own, over a pty."""

import os
import pty
import signal
import subprocess
import sys
import tty
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest
import trio

from bridge_peer import Peer
from stmota_protocol.messages import BatchRequest, BatchResult, BeginRun, Welcome
from stmota_protocol.steps import Batch, Expect, Line, Send, Unclaimed

WITHIN_S = 60.0
SERVE = "import typer; from stmota_edge.cli import serve; typer.run(serve)"


@pytest.fixture
def target() -> Generator[tuple[int, str], None, None]:
    """The far end of a pty, and the path of the near one."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


@asynccontextmanager
async def serving(*options: str) -> AsyncGenerator[trio.Process, None]:
    command = [sys.executable, "-c", SERVE, *options]
    with trio.fail_after(WITHIN_S):
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr:
            try:
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


async def read_all(stream: trio.abc.ReceiveStream | None) -> str:
    assert stream is not None
    return b"".join([bytes(chunk) async for chunk in stream]).decode()


async def address_of(process: trio.Process, name: str) -> tuple[str, int]:
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        line += await process.stdout.receive_some(1)
    words = line.decode().split()
    assert words[:3] == [name, "listening", "on"]
    host, _, port = words[3].rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_serial_port_becomes_a_bridge_until_a_signal(
    target: tuple[int, str], how: signal.Signals
) -> None:
    far, path = target
    options = ("--name", "desk", "--port", path, "--listen", "127.0.0.1:0", "--reset", "rts", "--no-mdns")
    async with serving(*options) as process:
        host, port = await address_of(process, "desk")
        stream = await trio.open_tcp_stream(host, port)
        async with stream:
            peer = Peer(stream)
            assert isinstance(await peer.hello(), Welcome)
            assert peer.connection.identity is not None
            assert (peer.connection.identity.name, peer.connection.identity.lines) == ("desk", Line.NRST)
            await peer.send(BeginRun(1, Unclaimed.RESIDUE))
            await peer.send(BatchRequest(1, 0, Batch((Send(b"\x7f"), Expect(0x79, 30_000_000)))))
            await trio.lowlevel.wait_readable(far)
            assert os.read(far, 10) == b"\x7f"
            os.write(far, b"\x79")
            message = await peer.receive()
            assert isinstance(message, BatchResult)
            assert message.result.is_done
            process.send_signal(how)
            assert await peer.closing()
        assert await process.wait() == 0
        assert (await read_all(process.stdout), await read_all(process.stderr)) == ("", "")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--port", "/dev/no-such-port"), 1, "error: /dev/no-such-port: no such port"),
        (("--port", "nonsense://x"), 2, "nonsense://x: not a port that can be opened"),
        (("--port", "PTY", "--reset", "cts"), 2, "it can be rts, dtr, !rts or !dtr"),
        (("--port", "PTY", "--listen", "host:port"), 2, "write HOST:PORT"),
        (("--port", "PTY", "--listen", "192.0.2.1:0"), 1, "cannot listen on 192.0.2.1:0"),
        (("--port", "PTY", "--console", "fast"), 2, "'fast' is no UART setting"),
        (("--port", "PTY", "--name", "\x1b[2J"), 2, "'\\x1b[2J' is no name for a bridge: 1 to "),
    ],
)
async def test_what_cannot_be_served_is_said_without_a_traceback(
    target: tuple[int, str], options: tuple[str, ...], code: int, says: str
) -> None:
    given = ["--name", "desk", *(target[1] if option == "PTY" else option for option in options)]
    async with serving(*given) as process:
        error = " ".join(word for word in (await read_all(process.stderr)).split() if word not in "│╭╮╰╯─")
        assert await process.wait() == code
    assert says in error
    assert "Traceback" not in error


async def test_a_bridge_that_others_can_reach_comes_with_a_warning(target: tuple[int, str]) -> None:
    async with serving(
        "--name", "desk", "--port", target[1], "--listen", "0.0.0.0:0", "--no-mdns"
    ) as process:
        await address_of(process, "desk")
        process.terminate()
        warning = await read_all(process.stderr)
    assert warning.startswith("warning: whoever reaches 0.0.0.0:")
    assert "not secured" in warning


async def test_a_port_in_use_is_said(target: tuple[int, str]) -> None:
    options = ("--name", "desk", "--port", target[1], "--listen", "127.0.0.1:0")
    async with serving(*options) as first:
        await address_of(first, "desk")
        async with serving(*options) as second:
            assert "in use by another program" in await read_all(second.stderr)
            assert await second.wait() == 1
