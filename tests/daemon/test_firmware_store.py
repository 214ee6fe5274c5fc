import hashlib
import os
from pathlib import Path

import pytest

from stmota_daemon import firmware_store
from stmota_daemon.firmware_store import FirmwareStore, FirmwareTooLarge, WrongHash

DATA = b"firmware" * 100
HASH = hashlib.sha256(DATA).hexdigest()


def put(store: FirmwareStore, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    with store.begin(sha256) as upload:
        upload.write(data)
        upload.finish()
    return sha256


def test_what_was_put_is_there_and_comes_back(tmp_path: Path) -> None:
    store = FirmwareStore(tmp_path)
    assert not store.has(HASH)
    assert put(store, DATA) == HASH
    assert store.has(HASH)
    assert FirmwareStore(tmp_path).read(HASH) == DATA


def test_the_wrong_content_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = FirmwareStore(tmp_path)
    with store.begin(HASH) as upload:
        upload.write(DATA[:-1])
        with pytest.raises(WrongHash, match="cut off or changed"):
            upload.finish()
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    store = FirmwareStore(tmp_path)
    with store.begin(HASH) as upload:
        upload.write(DATA)
    assert list(tmp_path.iterdir()) == []
    assert not store.has(HASH)


def test_what_a_crash_left_of_an_upload_is_removed(tmp_path: Path) -> None:
    upload = FirmwareStore(tmp_path).begin(HASH)
    upload.write(DATA)
    FirmwareStore(tmp_path)
    assert list(tmp_path.iterdir()) == []
    upload.__exit__()


def test_a_firmware_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware_store, "MAX_FIRMWARE", 1000)
    with FirmwareStore(tmp_path).begin(HASH) as upload:
        upload.write(bytes(1000))
        with pytest.raises(FirmwareTooLarge, match="1000 bytes"):
            upload.write(b"!")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_not_flashed_but_removed(tmp_path: Path) -> None:
    store = FirmwareStore(tmp_path)
    put(store, DATA)
    (tmp_path / HASH).write_bytes(DATA[:-1] + b"?")
    assert store.read(HASH) is None
    assert not store.has(HASH)


@pytest.mark.parametrize("name", ["", "..", "../" + HASH, HASH.upper(), HASH[:-1], HASH + "\n", "x" * 64])
def test_only_a_hash_is_a_name(tmp_path: Path, name: str) -> None:
    store = FirmwareStore(tmp_path)
    put(store, DATA)
    assert not store.has(name)
    assert store.read(name) is None
    with pytest.raises(ValueError, match="no SHA-256"):
        store.begin(name)


def test_the_least_recently_used_go_when_there_is_too_much(tmp_path: Path) -> None:
    store = FirmwareStore(tmp_path, max_total=2500)
    hashes = [put(store, bytes([number]) * 1000) for number in range(2)]
    for age, sha256 in enumerate(reversed(hashes)):
        os.utime(tmp_path / sha256, (1000 + age, 1000 + age))
    put(store, b"new" * 300)
    assert [store.has(sha256) for sha256 in hashes] == [True, False]
