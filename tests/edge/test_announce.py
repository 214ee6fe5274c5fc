"""What mDNS tells of a bridge; real multicast, on the loopback interface only."""

import pytest
import trio
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from stmota_edge import announce
from stmota_edge.announce import announced, instance_name, service_info
from stmota_edge.identity import edge_identity
from stmota_protocol.messages import MDNS_KEYS, MDNS_SERVICE
from stmota_protocol.steps import EdgeIdentity, Line

WITHIN_S = 60.0


def identity(name: str = "lab", unique_id: bytes = b"\x01" * 8) -> EdgeIdentity:
    return edge_identity(name=name, unique_id=unique_id, lines=Line.NRST, console_ring=1, firmware="soft-9")


class Heard(ServiceListener):
    """Tells trio of services that come and go."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._tell, self.told = trio.open_memory_channel[tuple[str, str]](100)

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._token.run_sync_soon(self._tell.send_nowait, ("add", name))

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._token.run_sync_soon(self._tell.send_nowait, ("remove", name))

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self._token.run_sync_soon(self._tell.send_nowait, ("update", name))

    async def until(self, what: str, name: str) -> None:
        async for told in self.told:
            if told == (what, name):
                return


async def test_a_bridge_is_announced_while_it_serves_also_what_changes_and_withdrawn_after() -> None:
    bridge = identity(unique_id=b"announce")
    name = f"{instance_name(bridge)}.{MDNS_SERVICE}"
    zeroconf = await trio.to_thread.run_sync(lambda: Zeroconf(["127.0.0.1"]))
    heard = Heard()
    browser = await trio.to_thread.run_sync(lambda: ServiceBrowser(zeroconf, MDNS_SERVICE, heard))
    try:
        with trio.fail_after(WITHIN_S):
            async with announced(bridge, "127.0.0.1", 1234) as tell_secured:
                await heard.until("add", name)
                info = ServiceInfo(MDNS_SERVICE, name)
                assert await trio.to_thread.run_sync(lambda: info.request(zeroconf, 30_000))
                assert info.port == 1234
                assert info.parsed_addresses() == ["127.0.0.1"]
                assert info.decoded_properties["id"] == b"announce".hex()
                assert info.decoded_properties["secure"] == "0"
                await tell_secured(True)
                await heard.until("update", name)
                info = ServiceInfo(MDNS_SERVICE, name)
                assert await trio.to_thread.run_sync(lambda: info.request(zeroconf, 30_000))
                assert info.decoded_properties["secure"] == "1"
            await heard.until("remove", name)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(browser.cancel)
            await trio.to_thread.run_sync(zeroconf.close)


async def test_where_multicast_does_not_work_the_bridge_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> Zeroconf:
        raise OSError(19, "No such device")

    monkeypatch.setattr(announce, "Zeroconf", refuse)
    async with announced(identity(), "127.0.0.1", 1):
        assert "cannot announce this bridge by mDNS: [Errno 19] No such device" in caplog.text


@pytest.mark.rule("R55")
def test_the_texts_are_those_of_the_protocol() -> None:
    info = service_info(identity(), "127.0.0.1", 7820)
    assert tuple(info.decoded_properties) == MDNS_KEYS
    assert info.decoded_properties == {
        "name": "lab",
        "id": "0101010101010101",
        "protocol": "1.1",
        "firmware": "soft-9",
        "secure": "0",
    }


def test_two_bridges_of_one_name_are_two() -> None:
    assert instance_name(identity(unique_id=b"\x01" * 8)) != instance_name(identity(unique_id=b"\x02" * 8))


def test_a_long_name_fits_one_label() -> None:
    name = instance_name(identity("ä" * 32))
    assert len(name.encode()) <= 63
    assert name.endswith(" 0101010101010101")


def test_a_bridge_on_all_addresses_names_one_others_can_reach() -> None:
    info = service_info(identity(), "0.0.0.0", 7820)  # noqa: S104  (what is tested)
    assert info.parsed_addresses()
    assert "0.0.0.0" not in info.parsed_addresses()  # noqa: S104
