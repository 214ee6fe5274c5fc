"""Browsing, with a real zeroconf on the loopback interface; what comes of foreign text."""

import socket
import uuid

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from zeroconf import ServiceInfo, Zeroconf

from stmota_daemon import discovery
from stmota_daemon.announcements import MAX_ADDRESSES, Announcement, parse_announcement
from stmota_daemon.discovery import browse
from stmota_protocol.messages import MDNS_SERVICE

WITHIN_S = 60.0
"""A hang's end: a browser asks again after seconds if a packet was lost."""
ID = "00112233445566aa"
TEXT: dict[bytes, bytes | None] = {
    b"name": b"lab-esp32", b"id": ID.encode(), b"protocol": b"1.0", b"firmware": b"esp-1.2", b"secure": b"0",
}  # fmt: skip


def test_an_announcement_is_what_its_text_says() -> None:
    assert parse_announcement("lab-esp32._stmota", ["10.0.0.7"], 7820, TEXT) == Announcement(
        instance="lab-esp32._stmota", id=ID, name="lab-esp32", addresses=("10.0.0.7",), port=7820,
        firmware="esp-1.2", protocol="1.0", is_secured=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("addresses", "port", "text"),
    [
        ([], 7820, TEXT),
        (["10.0.0.7"], None, TEXT),
        (["10.0.0.7"], 0, TEXT),
        (["10.0.0.7"], 7820, {}),
        (["10.0.0.7"], 7820, TEXT | {b"id": b"../../etc"}),
        (["10.0.0.7"], 7820, TEXT | {b"id": None}),
    ],
)
def test_what_cannot_be_used_is_no_announcement(
    addresses: list[str], port: int | None, text: dict[bytes, bytes | None]
) -> None:
    assert parse_announcement("x", addresses, port, text) is None


def test_a_name_without_text_is_the_instances() -> None:
    found = parse_announcement(
        "esp._stmota-bridge._tcp.local.", ["10.0.0.7"], 1, {b"ID": ID.upper().encode()}
    )
    assert found is not None
    assert (found.name, found.id, found.firmware) == ("esp", ID, None)


@settings(deadline=None)
@given(
    name=st.binary(max_size=300),
    firmware=st.one_of(st.none(), st.binary(max_size=300)),
    addresses=st.lists(st.just("10.0.0.7"), min_size=1, max_size=20),
)
def test_foreign_text_is_short_and_printable(
    name: bytes, firmware: bytes | None, addresses: list[str]
) -> None:
    found = parse_announcement(
        "x.y", addresses, 1, {b"id": ID.encode(), b"name": name, b"firmware": firmware}
    )
    assert found is not None
    assert found.name.isprintable()
    assert 0 < len(found.name) <= 63
    assert (found.firmware or "").isprintable()
    assert len(found.firmware or "") <= 40
    assert len(found.addresses) <= MAX_ADDRESSES


async def test_a_bridge_on_loopback_is_found_and_its_end_is_noticed() -> None:
    instance = f"test-{uuid.uuid4().hex}.{MDNS_SERVICE}"  # others may announce on this machine, too
    info = ServiceInfo(
        MDNS_SERVICE, instance, port=7999, addresses=[socket.inet_aton("127.0.0.1")],
        properties={"name": "lab", "id": ID, "protocol": "1.0"}, server=f"{uuid.uuid4().hex}.local.",
    )  # fmt: skip
    came, went = trio.Event(), trio.Event()
    found: list[Announcement] = []

    def announced(announcement: Announcement) -> None:
        if announcement.instance == instance:
            found.append(announcement)
            came.set()

    def withdrawn(name: str) -> None:
        if name == instance:
            went.set()

    with trio.fail_after(WITHIN_S):
        announcer = await trio.to_thread.run_sync(lambda: Zeroconf(interfaces=["127.0.0.1"]))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(browse, ("127.0.0.1",), announced, withdrawn)
                await trio.to_thread.run_sync(announcer.register_service, info)
                await came.wait()
                await trio.to_thread.run_sync(announcer.unregister_service, info)
                await went.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(announcer.close)
    assert found[0] == Announcement(instance, ID, "lab", ("127.0.0.1",), 7999, None, "1.0")


async def test_where_mdns_cannot_work_the_daemon_goes_on_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(interfaces: tuple[str, ...]) -> Zeroconf:
        raise OSError(19, "No such device")

    monkeypatch.setattr(discovery, "_open", fail)
    with trio.fail_after(WITHIN_S):
        await browse((), lambda _: None, lambda _: None)
    assert "no discovery by mDNS" in caplog.text
    assert "configured addresses only" in caplog.text
