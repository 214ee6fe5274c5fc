"""The HTTP API's routes of firmware: each is sent once, whole, and given back as it came."""

from pathlib import Path

import pytest
import trio

from api_lab import FIRMWARE, SHA256, OpenApi, problem_of
from stmota_protocol.api import ProblemCode


async def test_firmware_is_sent_once(open_api: OpenApi) -> None:
    path = f"/v1/firmware/{SHA256}"
    async with open_api() as api:
        assert (await api.client.head(path)).status_code == 404
        assert (await api.client.put(path, content=FIRMWARE)).status_code == 201
        assert (await api.client.head(path)).status_code == 200


async def test_firmware_is_given_back_as_it_came(open_api: OpenApi) -> None:
    path = f"/v1/firmware/{SHA256}"
    async with open_api() as api:
        missing = await api.client.get(path)
        assert missing.status_code == 404
        assert problem_of(missing).code is ProblemCode.UNKNOWN_FIRMWARE
        await api.client.put(path, content=FIRMWARE)
        answer = await api.client.get(path)
        assert answer.content == FIRMWARE
        assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "status", "said"), [("00" * 32, 422, "has SHA-256"), ("xyz", 400, "is no SHA-256")]
)
async def test_bad_firmware_is_refused(open_api: OpenApi, name: str, status: int, said: str) -> None:
    async with open_api() as api:
        answer = await api.client.put(f"/v1/firmware/{name}", content=FIRMWARE)
        assert answer.status_code == status
        assert said in problem_of(answer).message


async def test_firmware_that_says_it_is_too_large_is_refused_before_it_comes(open_api: OpenApi) -> None:
    head = b"PUT /v1/firmware/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    async with open_api() as api, await trio.open_unix_socket(str(api.socket)) as stream:
        await stream.send_all(head % (SHA256.encode(), 64 * 2**20 + 1))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 413")


async def test_an_upload_that_breaks_off_leaves_nothing(open_api: OpenApi, tmp_path: Path) -> None:
    head = b"PUT /v1/firmware/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000\r\n\r\n"
    async with open_api() as api:
        async with await trio.open_unix_socket(str(api.socket)) as stream:
            await stream.send_all(head % SHA256.encode() + FIRMWARE[:4000])
            while not list((tmp_path / "firmware").iterdir()):
                await trio.lowlevel.checkpoint()
        while list((tmp_path / "firmware").iterdir()):
            await trio.lowlevel.checkpoint()
        assert (await api.client.head(f"/v1/firmware/{SHA256}")).status_code == 404
