"""The HTTP API's routes of bridges."""

import msgspec
import pytest
import trio
import trio.testing

from api_lab import OpenApi, problem_of
from fake_edge import FakeEdge
from stmota_daemon.config import read_config
from stmota_protocol.api import Bridge, ProblemCode


async def test_bridges_are_told_by_name_and_by_id(open_api: OpenApi, edge: FakeEdge) -> None:
    async with open_api() as api:
        await edge.opened.wait()
        [bridge] = await api.get("/v1/bridges", list[Bridge])
        assert bridge.name == "lab"
        assert (await api.get("/v1/bridges/lab", Bridge)).address == "host:1"
        await trio.testing.wait_all_tasks_blocked()
        assert (await api.get("/v1/bridges/0000000000000001", Bridge)).name == "lab"


async def test_an_unknown_bridge_is_a_problem_that_names_those_known(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.get("/v1/bridges/rack")
        assert answer.status_code == 404
        assert problem_of(answer).code is ProblemCode.UNKNOWN_BRIDGE
        assert problem_of(answer).message == "no bridge is called 'rack'; known are: lab"
        assert answer.headers["stmota-version"] == "1.2.3"


async def test_a_bridge_is_added_to_the_configuration_and_removed_from_it(open_api: OpenApi) -> None:
    place = {"kind": "network", "host": "10.0.0.7", "port": 7820}
    async with open_api() as api:
        answer = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert answer.status_code == 201
        assert msgspec.json.decode(answer.content, type=Bridge).address == "10.0.0.7:7820"
        assert [bridge.name for bridge in read_config(api.config_file).bridges] == ["rack"]
        again = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert again.status_code == 409
        gone = await api.client.delete("/v1/bridges/rack")
        assert (gone.status_code, gone.content) == (204, b"")
        assert read_config(api.config_file).bridges == ()
        assert [bridge.name for bridge in await api.get("/v1/bridges", list[Bridge])] == ["lab"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is no AddBridge"),
        (b"[]", "Expected `object`"),
        (b'{"name": "a"}', "missing required field `place`"),
        (b'{"name": "a b", "place": {"kind": "network", "host": "h", "port": 1}}', "a bridge's name has"),
        (b'{"name": "a", "place": {"kind": "network", "host": "h h", "port": 1}}', "its host is no"),
        (b'{"name": "a", "place": {"kind": "network", "host": "h", "port": 0}}', "its port must be"),
        (b'{"name": "a", "place": {"kind": "serial", "url": ""}}', "its serial port is no"),
        (b'{"name": "a", "place": {"kind": "serial", "url": "u", "reset": "cts"}}', "reset and boot0 are"),
        (
            b'{"name": "a", "place": {"kind": "serial", "url": "u", "reset": "rts", "boot0": "!rts"}}',
            "need a line each",
        ),
        (b'{"name": "a", "place": {"kind": "air"}}', "Invalid value 'air'"),
        (b"\xff", "the body is no AddBridge"),
    ],
)
async def test_a_bad_body_is_a_problem_with_status_400(open_api: OpenApi, body: bytes, said: str) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/bridges", content=body)
        assert answer.status_code == 400
        assert problem_of(answer).code is ProblemCode.USAGE
        assert said in problem_of(answer).message
        assert not api.config_file.exists()


async def test_a_configuration_with_mistakes_is_not_touched(open_api: OpenApi) -> None:
    place = {"kind": "network", "host": "10.0.0.7", "port": 7820}
    async with open_api() as api:
        api.config_file.parent.mkdir(mode=0o700)
        api.config_file.write_text("[x]\n")
        answer = await api.client.post("/v1/bridges", json={"name": "rack", "place": place})
        assert answer.status_code == 500
        assert "config.toml:1: x: is not known here" in problem_of(answer).message
        assert api.config_file.read_text() == "[x]\n"
