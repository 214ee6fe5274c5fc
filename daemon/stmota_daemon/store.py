"""What the daemon remembers across restarts: jobs and their events, bridges seen, its controller id.

Calls are made on the daemon's own thread. Each is one or two small statements on a local SQLite file
in WAL mode without an fsync per commit (about 0.1 ms), rarer than ten a second a job: a thread hop
would cost as much, and would make time in tests inexact. A crash of the daemon loses nothing, a
crash of the machine at most the last moments. A store across a network will have to move to threads.
"""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import sqlalchemy as sql
from sqlalchemy import event as sql_event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from stmota_daemon import schema
from stmota_daemon.errors import StoreError
from stmota_protocol.api import ENDED, FlashFile, Job, JobEvent, NetworkPlace, SerialPlace

DATABASE_NAME = "stmotad.sqlite3"
CONTROLLER_ID_LENGTH = 16
"""Bytes; `Hello.controller_id`."""
MAX_ENDED_JOBS = 5000
"""Ended jobs kept: months of a busy lab, some 10 MB."""

MAX_CHIPS = 1000
"""Chips whose flash is remembered: some 10 MB."""

Place = NetworkPlace | SerialPlace
_decode_job = msgspec.json.Decoder(Job).decode
_decode_event = msgspec.json.Decoder(JobEvent).decode
_decode_files = msgspec.json.Decoder(tuple[FlashFile, ...]).decode
_decode_units = msgspec.json.Decoder(dict[int, str]).decode
_decode_place = msgspec.json.Decoder(Place).decode


def _json(message: object) -> str:
    return msgspec.json.encode(message).decode()


def _put(table: sql.Table, key: tuple[str, ...], rest: tuple[str, ...]) -> sql.Insert:
    """Insert a row, or replace what is not its key. Made once: composing it takes longer than running it."""
    statement = insert(table).values({name: sql.bindparam(name) for name in (*key, *rest)})
    return statement.on_conflict_do_update(
        index_elements=key, set_={name: statement.excluded[name] for name in rest}
    )


_PUT_JOB = _put(schema.jobs, ("id",), ("bridge_id", "state", "created_at", "job"))
_PUT_EVENT = _put(schema.job_events, ("job_id", "number"), ("event",))


@dataclass(frozen=True, slots=True)
class SeenBridge:
    """A bridge that was reached before: where, and what was found there."""

    id: str
    name: str
    place: Place
    chip: str | None
    seen_at: float


class Store:
    """The database; used by one thread. Raises `StoreError` when it cannot be opened or written."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / DATABASE_NAME
        self._engine = sql.create_engine(f"sqlite:///{self._path}")
        sql_event.listen(self._engine, "connect", _set_pragmas)
        with self._begin() as connection:
            schema.metadata.create_all(connection)
            self._check_version(connection)
        self._path.chmod(0o600)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Generator[sql.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(error.__cause__ or error)
            message = f"the database {self._path} cannot be used: {reason}"
            raise StoreError(message) from error

    def _check_version(self, connection: sql.Connection) -> None:
        found = int(self._fact(connection, "schema_version", str(schema.SCHEMA_VERSION)))
        if found > schema.SCHEMA_VERSION:
            message = (
                f"the database {self._path} was made by a newer stmota (schema {found}, this one knows"
                f" {schema.SCHEMA_VERSION}): update stmota, or start with another --state-dir"
            )
            raise StoreError(message)
        if found < schema.SCHEMA_VERSION:
            _forget_jobs(connection)

    @staticmethod
    def _fact(connection: sql.Connection, name: str, value_if_new: str) -> str:
        connection.execute(
            insert(schema.facts).values(name=name, value=value_if_new).on_conflict_do_nothing()
        )
        query = sql.select(schema.facts.c.value).where(schema.facts.c.name == name)
        return str(connection.execute(query).scalar_one())

    def controller_id(self) -> bytes:
        """Return the 16 bytes by which bridges know this daemon: random, made once."""
        with self._begin() as connection:
            return bytes.fromhex(
                self._fact(connection, "controller_id", secrets.token_hex(CONTROLLER_ID_LENGTH))
            )

    def save_job(self, job: Job) -> None:
        """Insert or replace a job."""
        values = {
            "id": job.id,
            "bridge_id": job.bridge_id,
            "state": job.state.value,
            "created_at": job.created_at,
            "job": _json(job),
        }
        with self._begin() as connection:
            connection.execute(_PUT_JOB, values)

    def job(self, job_id: str) -> Job | None:
        """Return a job by its id."""
        query = sql.select(schema.jobs.c.job).where(schema.jobs.c.id == job_id)
        with self._begin() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else _decode_job(found)

    def jobs(self, limit: int) -> list[Job]:
        """Return the newest jobs, newest first."""
        query = sql.select(schema.jobs.c.job).order_by(schema.jobs.c.sequence.desc()).limit(limit)
        with self._begin() as connection:
            return [_decode_job(row) for row in connection.execute(query).scalars()]

    def unfinished_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""
        ended = [state.value for state in ENDED]
        query = sql.select(schema.jobs.c.job).where(schema.jobs.c.state.not_in(ended))
        with self._begin() as connection:
            rows = connection.execute(query.order_by(schema.jobs.c.sequence)).scalars()
            return [_decode_job(row) for row in rows]

    def forget_old_jobs(self, keep: int = MAX_ENDED_JOBS) -> None:
        """Delete all but the newest `keep` ended jobs, and their events."""
        ended = [state.value for state in ENDED]
        old = sql.select(schema.jobs.c.id).where(schema.jobs.c.state.in_(ended))
        old = old.order_by(schema.jobs.c.sequence.desc()).offset(keep)
        with self._begin() as connection:
            ids = list(connection.execute(old).scalars())
            for job_id in ids:
                connection.execute(sql.delete(schema.job_events).where(schema.job_events.c.job_id == job_id))
                connection.execute(sql.delete(schema.jobs).where(schema.jobs.c.id == job_id))

    def add_event(self, job_id: str, event: JobEvent) -> None:
        """Append an event of a job; one of the same number is replaced."""
        values = {"job_id": job_id, "number": event.number, "event": _json(event)}
        with self._begin() as connection:
            connection.execute(_PUT_EVENT, values)

    def events(self, job_id: str) -> list[JobEvent]:
        """Return the events of a job in order."""
        query = sql.select(schema.job_events.c.event).where(schema.job_events.c.job_id == job_id)
        with self._begin() as connection:
            rows = connection.execute(query.order_by(schema.job_events.c.number)).scalars()
            return [_decode_event(row) for row in rows]

    def save_bridge(self, bridge: SeenBridge) -> None:
        """Insert or replace a bridge that was reached; a chip of None keeps the one known."""
        values: dict[str, object] = {
            "name": bridge.name,
            "place": _json(bridge.place),
            "seen_at": bridge.seen_at,
        }
        if bridge.chip is not None:
            values["chip"] = bridge.chip
        statement = insert(schema.bridges).values(id=bridge.id, **values)
        with self._begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def bridge(self, bridge_id: str) -> SeenBridge | None:
        """Return a bridge that was reached before, by its id in hex."""
        query = sql.select(schema.bridges).where(schema.bridges.c.id == bridge_id)
        with self._begin() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return SeenBridge(row.id, row.name, _decode_place(row.place), row.chip, row.seen_at)

    def secured_bridges(self) -> dict[str, str]:
        """Return the ids, in hex, of the bridges that are spoken to by TLS only, and the CA of each."""
        table = schema.secured_bridges
        with self._begin() as connection:
            rows = connection.execute(sql.select(table.c.id, table.c.authority)).all()
        return {row.id: row.authority for row in rows}

    def secured_bridge_at(self, place: Place) -> str | None:
        """Return the id of the secured bridge that was last reached at a place."""
        secured, seen = schema.secured_bridges, schema.bridges
        query = sql.select(secured.c.id).join(seen, seen.c.id == secured.c.id)
        query = query.where(seen.c.place == _json(place)).order_by(seen.c.seen_at.desc()).limit(1)
        with self._begin() as connection:
            return connection.execute(query).scalar_one_or_none()

    def save_secured_bridge(self, bridge_id: str, authority: str) -> None:
        """From now on that bridge is spoken to by TLS only; `authority`: SHA-256 of the CA, in hex."""
        with self._begin() as connection:
            statement = insert(schema.secured_bridges).values(id=bridge_id, authority=authority)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_={"authority": authority})
            )

    def forget_secured_bridge(self, bridge_id: str) -> None:
        """That bridge may be spoken to plain again."""
        table = schema.secured_bridges
        with self._begin() as connection:
            connection.execute(sql.delete(table).where(table.c.id == bridge_id))

    def verified_image(self, chip: str) -> tuple[FlashFile, ...] | None:
        """Return the files that were last verified on a chip."""
        query = sql.select(schema.verified_images.c.files).where(schema.verified_images.c.chip == chip)
        with self._begin() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else _decode_files(found)

    def save_verified_image(self, chip: str, files: tuple[FlashFile, ...] | None) -> None:
        """Insert or replace the files that a chip has; None: it has something that was not verified."""
        table = schema.verified_images
        values: dict[str, object] = {"files": _json(files), "at": time.time()}
        with self._begin() as connection:
            if files is None:
                connection.execute(sql.delete(table).where(table.c.chip == chip))
                return
            statement = insert(table).values(chip=chip, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["chip"], set_=values))

    def held_units(self, chip: str) -> dict[int, str]:
        """Return what that chip's erase units held when it was last known: digests by address."""
        query = sql.select(schema.held_units.c.units).where(schema.held_units.c.chip == chip)
        with self._begin() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return {} if found is None else _decode_units(found)

    def save_held_units(self, chip: str, units: dict[int, str]) -> None:
        """Insert or replace what a chip holds; of too many chips the longest unseen is forgotten."""
        values: dict[str, object] = {"units": _json(units), "at": time.time()}
        statement = insert(schema.held_units).values(chip=chip, **values)
        newest = sql.select(schema.held_units.c.chip).order_by(schema.held_units.c.at.desc())
        old = sql.delete(schema.held_units).where(
            schema.held_units.c.chip.in_(newest.offset(MAX_CHIPS).scalar_subquery())
        )
        with self._begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["chip"], set_=values))
            connection.execute(old)


def _forget_jobs(connection: sql.Connection) -> None:
    """Drop the jobs of an older schema, which were never released: nobody could read them any more."""
    for table in (schema.job_events, schema.jobs):
        connection.execute(sql.delete(table))
    version = sql.update(schema.facts).where(schema.facts.c.name == "schema_version")
    connection.execute(version.values(value=str(schema.SCHEMA_VERSION)))


def _set_pragmas(connection: DBAPIConnection, _record: object) -> None:
    """Set what SQLite forgets: readers beside a writer, no fsync per commit, patience with a lock."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
