from pathlib import Path

import pytest

from stmota_protocol import places
from stmota_protocol.places import BadPlace, TcpAddress, UnixAddress, parse_daemon_url


def test_the_socket_stands_in_the_runtime_directory_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert places.default_socket() == Path("/run/user/1000/stmota/stmotad.sock")


@pytest.mark.parametrize("runtime_dir", ["", "relative/path"])
def test_without_an_absolute_runtime_directory_the_state_directory_has_it(
    monkeypatch: pytest.MonkeyPatch, runtime_dir: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_dir)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/me/state")
    assert places.default_socket() == Path("/home/me/state/stmota/run/stmotad.sock")


def test_state_config_and_log_obey_the_xdg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    assert places.state_dir() == Path("/s/stmota")
    assert places.log_file() == Path("/s/stmota/stmotad.log")
    assert places.config_file() == Path("/c/stmota/config.toml")


def test_a_path_too_long_for_a_socket_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/" + "x" * 100)
    with pytest.raises(BadPlace, match=r"has 121 bytes.* may have 100: set XDG_RUNTIME_DIR"):
        places.default_socket()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:///run/a.sock", UnixAddress(Path("/run/a.sock"))),
        ("unix:///run/with%20space.sock", UnixAddress(Path("/run/with space.sock"))),
        ("/run/a.sock", UnixAddress(Path("/run/a.sock"))),
        ("http://localhost:80", TcpAddress("localhost", 80)),
        ("http://[::1]:7821/", TcpAddress("::1", 7821)),
        ("https://lab:443", TcpAddress("lab", 443, secure=True)),
    ],
)
def test_an_address_is_parsed(text: str, address: UnixAddress | TcpAddress) -> None:
    assert parse_daemon_url(text) == address


@pytest.mark.parametrize(
    "address", [UnixAddress(Path("/run/a.sock")), TcpAddress("::1", 1), TcpAddress("h", 2)]
)
def test_an_address_survives_its_text(address: UnixAddress | TcpAddress) -> None:
    assert parse_daemon_url(str(address)) == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("ftp://host:1", "ftp:// is no daemon's address"),
        ("unix://run/a.sock", "three slashes"),
        ("http://host", "with a port"),
        ("http://host:1/path", "nothing behind it"),
        ("http://me@host:1", "nothing behind it"),
        ("http://host:99999", "range"),
        ("http://[::1:80", "IPv6"),
        ("unix:///" + "x" * 100, "may have 100"),
    ],
)
def test_a_bad_address_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(BadPlace, match=said):
        parse_daemon_url(text)
