"""The tables of the daemon's database; plain SQL types, so that PostgreSQL can have them too.

Whole API messages are kept as JSON text; what is searched or sorted by has a column of its own.
"""

from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, Text

SCHEMA_VERSION = 2
"""Counts up with every change of a table or of a job's JSON; `store.py` refuses a newer one."""

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""One row a fact: `schema_version`, `controller_id`."""

jobs = Table(
    "jobs",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("bridge_id", String(16)),
    Column("state", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("job", Text, nullable=False),
    Index("jobs_by_state", "state"),
)
"""`job` is the API's Job as JSON; `sequence` is the order in which jobs were asked for."""

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
)
"""All events of a job but progress, as the API's JobEvent in JSON."""

bridges = Table(
    "bridges",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("place", Text, nullable=False),
    Column("chip", Text),
    Column("seen_at", Float, nullable=False),
)
"""Bridges that were reached: where last (`place` as JSON), and the chip found there."""

secured_bridges = Table(
    "secured_bridges",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("authority", String(64), nullable=False),
)
"""Bridges that are spoken to by TLS only, and the SHA-256 of the CA that secured them."""

verified_images = Table(
    "verified_images",
    metadata,
    Column("chip", String(64), primary_key=True),
    Column("files", Text, nullable=False),
    Column("at", Float, nullable=False),
)
"""The image last verified on a chip (product id, unique id); `files` is the API's FlashFile list as JSON."""

held_units = Table(
    "held_units",
    metadata,
    Column("chip", String(64), primary_key=True),
    Column("units", Text, nullable=False),
    Column("at", Float, nullable=False),
)
"""What was last known to be in a chip's flash: `units` is a JSON object of unit addresses and digests."""
