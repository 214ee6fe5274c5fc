"""The words of the console of `stmota bridge serve`."""

import os
import pty
import re
import subprocess
import sys
import tty
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from bridge_peer import Peer
from secured_bridge import enrol, running
from stmota_daemon.authority import Authority
from stmota_edge.serve_console import hear_words
from stmota_protocol.messages import CloseReason, Welcome
from stmota_protocol.secure_messages import SecureAnswer, SecureRequest

WITHIN_S = 60.0
SERVE = "import typer; from stmota_edge.cli import serve; typer.run(serve)"


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
async def test_each_line_is_a_word_until_the_end_of_the_input(kind: str) -> None:
    near, far = os.pipe() if kind == "pipe" else reversed(pty.openpty())
    heard: list[str] = []
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear_words, heard.append, near)
            os.write(far, b"secure\n\n  insecure \r\nse")
            while len(heard) < 2:
                await trio.lowlevel.checkpoint()
            os.write(far, b"cure\xff\n" + b"x" * 300 + b"\n")
            while len(heard) < 4:
                await trio.lowlevel.checkpoint()
            os.close(far)
    os.close(near)
    assert heard[:3] == ["secure", "insecure", "secure\N{REPLACEMENT CHARACTER}"]
    assert set(heard[3]) == {"x"}


async def test_what_is_neither_a_terminal_nor_a_pipe_is_no_console(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("insecure\n")
    with file.open() as words, Path(os.devnull).open() as nothing, trio.fail_after(WITHIN_S):  # noqa: ASYNC230
        for source in (words.fileno(), nothing.fileno(), 9999):
            await hear_words(pytest.fail, source)


async def test_the_console_opens_the_window_and_makes_the_bridge_forget(tmp_path: Path) -> None:
    async with running(tmp_path, window_s=0) as lab:
        obey = lab.bridge.security.obey
        assert obey("help") == "error: no such word; write secure or insecure"
        peer = await lab.plain()
        await peer.greeting()
        await peer.send(SecureRequest("desk"))
        refused = await peer.receive()
        assert isinstance(refused, SecureAnswer)
        shown = obey("secure")
        assert shown.startswith(
            "this bridge is not in secure mode, and can be secured within 5 minutes; the fingerprint of its"
        )
        assert (await lab.secure()).is_done
        assert lab.said[0].endswith(shown[-64:])
        assert obey("secure") == f"this bridge is in secure mode; the fingerprint of its key: {shown[-64:]}"
        inside = await lab.tls()
        assert isinstance(await inside.hello(), Welcome)
        changed = lab.bridge.security_changed
        assert obey("insecure") == "key and certificates are forgotten: this bridge is not in secure mode"
        assert changed.is_set()
        closing = await inside.closing()
        assert (closing.reason, closing.text) == (
            CloseReason.SHUTDOWN,
            "this bridge was made to forget secure mode",
        )
        assert not lab.file.exists()
        assert isinstance(await (await lab.plain()).hello(), Welcome)
        assert obey("secure")[-64:] != shown[-64:]  # another key


@pytest.fixture
def board() -> Generator[str]:
    """The path of a pty that nobody answers at."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield os.ttyname(near)
    os.close(far)
    os.close(near)


class Served:
    """`stmota bridge serve` as a process of its own, with words to type at it."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.port = 0
        self._printed = b""

    async def type(self, text: bytes) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(text)

    async def printed(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed that."""
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self._printed.decode())):
            piece = await self.process.stdout.receive_some()
            assert piece, self._printed
            self._printed += piece
        return found

    async def connect(self) -> Peer:
        return Peer(await trio.open_tcp_stream("127.0.0.1", self.port))


@asynccontextmanager
async def serving(folder: Path, board: str, *options: str) -> AsyncGenerator[Served]:
    serve = ("--name", "desk", "--port", board, "--listen", "127.0.0.1:0", "--no-mdns")
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", SERVE, *serve, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    async with process.stdin, process.stdout:
        try:
            with trio.fail_after(WITHIN_S):
                served = Served(process)
                served.port = int((await served.printed(r"listening on 127.0.0.1:(\d+)\n"))[1])
                yield served
                process.terminate()
                assert await process.wait() == 0
        finally:
            process.kill()


async def secured(served: Served, folder: Path) -> SecureAnswer:
    look = await served.connect()
    unique_id = (await look.greeting()).identity.unique_id
    await trio.aclose_forcefully(look.stream)
    peer = await served.connect()
    answer = await enrol(peer, Authority.of(folder), unique_id)
    await trio.aclose_forcefully(peer.stream)
    return answer


async def is_plain(served: Served) -> bool:
    peer = await served.connect()
    welcome = await peer.hello()
    await trio.aclose_forcefully(peer.stream)
    return isinstance(welcome, Welcome)


async def test_a_bridge_that_is_served_hears_words_outlives_its_input_and_forgets_when_it_is_told_to(
    tmp_path: Path, board: str
) -> None:
    async with serving(tmp_path, board, "--secure-window", "0") as served:
        await served.type(b"secure\n")
        await served.printed(
            "desk: this bridge is not in secure mode, and can be secured within 5 minutes; the"
        )
        assert (await secured(served, tmp_path / "ca")).is_done
        await served.type(b"secure\n")
        await served.printed("desk: this bridge is in secure mode; the fingerprint of its key: ")
        await served.type(b"insecure\n")
        assert served.process.stdin is not None
        await served.process.stdin.aclose()
        await served.printed("desk: key and certificates are forgotten: this bridge is not in secure mode\n")
        assert await is_plain(served)
    async with serving(tmp_path, board) as served:
        assert (await secured(served, tmp_path / "ca")).is_done
    async with serving(tmp_path, board, "--insecure") as served:
        await served.printed(
            "^desk: has forgotten its key and certificates: it is not in secure mode any more"
        )
        assert await is_plain(served)
