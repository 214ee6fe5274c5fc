import sqlite3
from pathlib import Path

import msgspec
import pytest

from stmota_daemon.errors import StoreError
from stmota_daemon.store import DATABASE_NAME, SeenBridge, Store
from stmota_protocol.api import (
    FlashFile,
    FlashOptions,
    Job,
    JobKind,
    JobState,
    NetworkPlace,
    NoteEvent,
    SerialPlace,
    StateEvent,
)


def job(number: int, state: JobState = JobState.QUEUED) -> Job:
    flash = FlashOptions(files=(FlashFile(firmware="00" * 32, filename="fw.bin", address=0x0800_0000),))
    return Job(
        id=f"job{number}", kind=JobKind.FLASH, bridge="lab", bridge_id="00" * 8, state=state,
        created_at=float(number), flash=flash,
    )  # fmt: skip


def test_a_controller_id_is_made_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.controller_id()
    assert len(first) == 16
    assert store.controller_id() == first
    store.close()
    assert Store(tmp_path).controller_id() == first
    assert Store(tmp_path).controller_id() != bytes(16)


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_job(job(1))
    changed = msgspec.structs.replace(job(1), state=JobState.RUNNING, started_at=5.0)
    store.save_job(changed)
    store.close()
    assert Store(tmp_path).job("job1") == changed
    assert Store(tmp_path).job("job2") is None


def test_jobs_are_told_newest_first_and_unfinished_ones_oldest_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number, state in enumerate(JobState):
        store.save_job(job(number, state))
    assert [found.id for found in store.jobs(4)] == ["job5", "job4", "job3", "job2"]
    assert [found.id for found in store.unfinished_jobs()] == ["job0", "job1", "job2"]


def test_events_come_back_in_order_of_their_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    note = NoteEvent(number=7, at=2.0, text="hm", warning=True)
    state = StateEvent(number=0, at=1.0, job=job(1))
    store.add_event("job1", note)
    store.add_event("job1", state)
    store.add_event("job2", note)
    assert store.events("job1") == [state, note]


def test_only_the_newest_ended_jobs_are_kept_and_all_that_have_not_ended(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(10):
        store.save_job(job(number, JobState.QUEUED if number == 0 else JobState.DONE))
        store.add_event(f"job{number}", NoteEvent(number=0, at=0.0, text="", warning=False))
    store.forget_old_jobs(keep=3)
    assert [found.id for found in store.jobs(100)] == ["job9", "job8", "job7", "job0"]
    assert store.events("job6") == []
    assert len(store.events("job7")) == 1


def test_a_bridge_keeps_its_chip_when_only_its_place_is_news(tmp_path: Path) -> None:
    store = Store(tmp_path)
    place = NetworkPlace(host="10.0.0.1", port=7820)
    store.save_bridge(SeenBridge("00" * 8, "lab", place, "STM32F103", 1.0))
    moved = SerialPlace(url="/dev/ttyUSB0")
    store.save_bridge(SeenBridge("00" * 8, "desk", moved, None, 2.0))
    assert store.bridge("00" * 8) == SeenBridge("00" * 8, "desk", moved, "STM32F103", 2.0)
    assert store.bridge("11" * 8) is None


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.execute("UPDATE facts SET value = '99' WHERE name = 'schema_version'")
    connection.close()
    with pytest.raises(StoreError, match=r"newer stmota \(schema 99, .*update stmota"):
        Store(tmp_path)


def test_a_damaged_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=rf"{DATABASE_NAME} cannot be used: file is not a database"):
        Store(tmp_path)


def test_the_database_is_nobody_elses_business(tmp_path: Path) -> None:
    Store(tmp_path)
    assert (tmp_path / DATABASE_NAME).stat().st_mode & 0o777 == 0o600


def test_jobs_of_an_older_schema_are_forgotten_and_the_rest_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    controller_id = store.controller_id()
    store.close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.execute("UPDATE facts SET value = '1' WHERE name = 'schema_version'")
        old = '{"id": "old", "kind": "flash", "flash": {"firmware": "00", "filename": "fw.bin"}}'
        row = ("old", None, "queued", 1.0, old)
        connection.execute(
            "INSERT INTO jobs (id, bridge_id, state, created_at, job) VALUES (?, ?, ?, ?, ?)", row
        )
    connection.close()
    for _ in range(2):
        store = Store(tmp_path)
        assert store.jobs(10) == []
        assert store.controller_id() == controller_id
        store.close()
