"""Something else than a bridge where a bridge should be, and something else than a daemon at its port."""

import socket
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from real_lab import RealLab
from sample_images import make_image
from stmota_protocol.api import JobState, Phase

IMAGE = make_image(4096)
HTTP = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n"
GARBAGE = bytes(range(255, -1, -1)) * 64


@contextmanager
def server(says: bytes) -> Generator[int]:
    """A port where each connection gets some bytes and is then kept open; to its number."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    taken.append(connection)
                    connection.sendall(says)
                except OSError:
                    if listener.fileno() < 0 or not taken:
                        return
                    continue  # the peer has gone already

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            listener.close()
            thread.join()
            for connection in taken:
                connection.close()


def test_what_is_no_bridge_gets_one_clean_error(lab: RealLab) -> None:
    expected = {
        "off": "cannot be reached: Connection refused",
        "http": "cannot be reached: this is no stmota bridge protocol: it looks like an HTTP answer",
        "garbage": "cannot be reached: this is no stmota bridge protocol: it looks like bytes ff fe fd",
        "silent": "cannot be reached: it takes connections, but said nothing that a bridge says within 5 s",
    }
    firmware = lab.file("fw.bin", IMAGE)
    lab.daemon()
    with ExitStack() as servers, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        lab.add("off", nobody.getsockname()[1])
        for name, says in (("http", HTTP), ("garbage", GARBAGE), ("silent", b"")):
            lab.add(name, servers.enter_context(server(says)))
        flashes = {name: lab.start("flash", "-b", name, firmware) for name in expected}
        for name, flash in flashes.items():
            ended = flash.wait()
            assert (ended.code, ended.out) == (6, ""), (name, ended.err)
            assert f"error: the bridge {name} (127.0.0.1:" in ended.err
            assert expected[name] in ended.err
            assert "remedy: is it powered and in reach, and is that its address?" in ended.err
        listed = lab.stmota("discover", "--timeout", "0")
        assert listed.out.count("unreachable") == len(expected)
        assert listed.err.count("warning: the bridge ") == len(expected)


def test_bytes_that_are_no_protocol_do_not_disturb_a_flash_through_the_bridge(lab: RealLab) -> None:
    lab.daemon()
    bridge = lab.with_board("lab")
    job = lab.begin_flash("lab", IMAGE)
    lab.wait_for_phase(job, Phase.WRITE)
    for says in (GARBAGE, HTTP, b"", b"\x00" * 100_000):
        with socket.create_connection(("127.0.0.1", bridge.port)) as stranger:
            try:
                stranger.sendall(says)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(4096):
                    pass
            except ConnectionError:
                pass  # thrown out, which is fine
    ended = lab.ended(job)
    assert ended.state is JobState.DONE, ended.problem
    assert ended.report is not None
    assert (ended.report.verified, ended.report.started, ended.report.recoveries) == (True, True, 0)
    assert bridge.err == ""


def test_bytes_that_are_no_http_do_not_disturb_the_daemon(lab: RealLab) -> None:
    daemon = lab.daemon()
    for says in (GARBAGE, b"\x00" * 100_000, b"GET /v1/jobs SMTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(lab.socket))
            try:
                stranger.sendall(says)
                stranger.shutdown(socket.SHUT_WR)
                answer = stranger.recv(4096)
            except ConnectionError:
                continue
            assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert lab.api.jobs() == []
    assert "Traceback" not in daemon.err
