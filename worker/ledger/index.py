"""The index of finished jobs on one machine: an SQLite file that is made from the segments and may be deleted.

Jobs that agree in everything that lists filter by are of one *kind*. There are far fewer kinds than jobs, so counting
is adding up numbers of kinds. A page of a filter is merged from the newest jobs of the kinds that match when these are
few or rare; otherwise all jobs are read in order until enough of them match. Processes of one machine share the file;
each thread has a connection of its own.
"""

import contextlib
import heapq
import json
import os
import sqlite3
import tempfile
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState
from worker.ledger.entries import Entry, Kind

LAYOUT = 2
"""Of the file; a file with another one is made anew."""
MERGED_KINDS = 400
"""At most so many kinds are merged; with more, reading all jobs in order finds a page sooner."""
ROWS_PER_KIND = 40
"""Reading so many jobs in order takes as long as finding the newest job of one kind (40 us of one core)."""
COLUMNS = ("state", "owner", "model", "dataset", "architecture")
_LAYOUT_SQL = """
    CREATE TABLE segments (name TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL);
    CREATE TABLE kinds (
        kind INTEGER PRIMARY KEY, state TEXT, owner TEXT, model TEXT, dataset TEXT, architecture TEXT, tags TEXT,
        n INTEGER NOT NULL, UNIQUE (state, owner, model, dataset, architecture, tags)
    );
    CREATE TABLE jobs (
        sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, job_group TEXT,
        segment TEXT NOT NULL, record BLOB NOT NULL
    );
    CREATE INDEX kinds_by_state ON kinds (state, n);
    CREATE INDEX jobs_by_kind ON jobs (kind, sequence);
    CREATE INDEX jobs_by_segment ON jobs (segment);
    CREATE INDEX jobs_by_group ON jobs (job_group, sequence) WHERE job_group IS NOT NULL;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class LedgerIndex:
    """Finds finished jobs. Methods raise `sqlite3.Error` when the file cannot be used.

    Args:
        path: of the file; created, with its directory, when it is missing or of another layout.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._usable_path: Path | None = None
        self._local = threading.local()
        self._opening = threading.Lock()

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all."""
        floor = 2**62 if below == NEWEST else int(below)
        condition, values = _condition(wanted)
        group = wanted.properties.get("group")
        if group is not None:
            return self._of_group(group, condition, values, floor, limit)
        counted = f"SELECT COALESCE(SUM(n), 0), COUNT(*) FROM kinds WHERE {condition}"
        total, n_kinds = self._db.execute(counted, values).fetchone()
        if not total or not limit:
            return [], total
        n_rows = limit * self.last_sequence() / total  # to read in order, when the jobs are spread evenly
        if n_kinds <= MERGED_KINDS and n_kinds * ROWS_PER_KIND < n_rows:
            return self._merged(condition, values, floor, limit), total
        return self._in_order(condition, values, floor, limit), total

    def records(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of these jobs; those that are not here are left out."""
        found = {}
        for job in ids:
            row = self._db.execute("SELECT record FROM jobs WHERE id = ?", (job,)).fetchone()
            if row:
                found[job] = JobRecord.model_validate_json(zlib.decompress(row[0]))
        return found

    def place_of(self, job: str) -> tuple[int, str] | None:
        """A job's number, and the name of its segment."""
        return self._db.execute("SELECT sequence, segment FROM jobs WHERE id = ?", (job,)).fetchone()  # type: ignore[no-any-return]

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        rows = self._db.execute("SELECT state, SUM(n) FROM kinds GROUP BY state")
        return {JobState(state): int(count) for state, count in rows if count}

    def last_sequence(self) -> int:
        """The highest number of a job; 0 when there is none."""
        return int(self._db.execute("SELECT COALESCE(MAX(sequence), 0) FROM jobs").fetchone()[0])

    def sizes(self) -> dict[str, int]:
        """Of each segment that is indexed: its size in bytes, which tells whether it has changed since."""
        return dict(self._db.execute("SELECT name, size_bytes FROM segments"))

    def fact(self, name: str) -> int:
        """A number that was kept; 0 when it never was."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def keep_fact(self, name: str, value: int) -> None:
        """Keep a number."""
        with self._change() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def put(self, segment: str, size_bytes: int, entries: Iterable[Entry]) -> None:
        """Index a segment, in place of what it held before."""
        rows = [
            _Row(entry.sequence, entry.id, entry.kind, entry.record.get("group"), _blob(entry)) for entry in entries
        ]
        with self._change() as db:  # after the compression, which takes most of the time: other processes wait
            _drop(db, segment)
            db.execute("INSERT OR REPLACE INTO segments VALUES (?, ?)", (segment, size_bytes))
            _insert(db, segment, rows)

    def drop(self, segment: str) -> None:
        """Forget a segment and its jobs."""
        with self._change() as db:
            _drop(db, segment)
            db.execute("DELETE FROM segments WHERE name = ?", (segment,))

    def _merged(self, condition: str, values: Sequence[str], below: int, limit: int) -> list[Found]:
        kinds = self._db.execute(f"SELECT kind FROM kinds WHERE {condition}", values).fetchall()
        merged = heapq.merge(*(self._of_kind(kind, below, limit) for (kind,) in kinds), reverse=True)
        return [Found(job, sequence) for (sequence, job), _ in zip(merged, range(limit), strict=False)]

    def _of_kind(self, kind: int, below: int, limit: int) -> Iterator[tuple[int, str]]:
        query = "SELECT sequence, id FROM jobs WHERE kind = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
        yield from self._db.execute(query, (kind, below, limit))

    def _in_order(self, condition: str, values: Sequence[str], below: int, limit: int) -> list[Found]:
        # CROSS JOIN: SQLite goes through the jobs, and looks up the kind of each.
        query = (
            f"SELECT id, sequence FROM jobs CROSS JOIN kinds USING (kind) WHERE {condition} AND sequence < ? "
            "ORDER BY sequence DESC LIMIT ?"
        )
        return [Found(*row) for row in self._db.execute(query, (*values, below, limit))]

    def _of_group(
        self, group: str, condition: str, values: Sequence[str], below: int, limit: int
    ) -> tuple[list[Found], int]:
        query = (
            f"SELECT id, sequence FROM jobs CROSS JOIN kinds USING (kind) WHERE job_group = ? AND {condition} "
            "ORDER BY sequence DESC"
        )
        found = [Found(*row) for row in self._db.execute(query, (group, *values))]
        return [job for job in found if job.sequence < below][:limit], len(found)

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            with self._opening:
                self._usable_path = self._usable_path or usable(self._path)
                db = self._local.db = _opened(self._usable_path)
        return db

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all; processes take turns."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def usable(path: Path) -> Path:
    """This path if its directory can be written to, else one that lasts as long as the machine's temporary files."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.access(path.parent, os.W_OK):
            return path
    return Path(tempfile.mkdtemp(prefix="convserve-ledger-")) / path.name


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    if db.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:  # no other process was faster
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in filter(str.strip, _LAYOUT_SQL.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {LAYOUT}")
        db.execute("COMMIT")
    db.execute("CREATE INDEX IF NOT EXISTS kinds_by_owner ON kinds (owner, state, n)")  # files of the first release
    return db


def _condition(wanted: JobFilter) -> tuple[str, list[str]]:
    """What the row of a kind that matches fulfils, in SQL, and the values of its parameters."""
    conditions, values = ["+n > 0"], list[str]()  # the sign keeps SQLite from preferring an index for `n`
    if wanted.states:
        conditions.append(f"state IN ({', '.join('?' * len(wanted.states))})")
        values += wanted.states
    given = {name: wanted.properties[name] for name in COLUMNS if name in wanted.properties}
    for name, value in (given | ({} if wanted.owner is None else {"owner": wanted.owner})).items():
        conditions.append(f"{name} = ?")
        values.append(value)
    if "tag" in wanted.properties:
        conditions.append("instr(tags, ?) > 0")
        values.append(f" {wanted.properties['tag']} ")
    return " AND ".join(conditions), values


class _Row(NamedTuple):
    """A job as the index keeps it; `record` is compressed."""

    sequence: int
    id: str
    kind: Kind
    group: str | None
    record: bytes


def _blob(entry: Entry) -> bytes:
    # Level 1 takes a third of the time of level 6 and 8 % more space.
    return zlib.compress(json.dumps(entry.record, separators=(",", ":")).encode(), 1)


def _insert(db: sqlite3.Connection, segment: str, rows: Sequence[_Row]) -> None:
    counts = Counter(row.kind for row in rows)
    db.executemany(
        "INSERT INTO kinds (state, owner, model, dataset, architecture, tags, n) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET n = n + excluded.n",
        [(*kind, count) for kind, count in counts.items()],
    )
    find = (
        "SELECT kind FROM kinds WHERE state = ? AND owner = ? AND model = ? AND dataset = ? AND architecture = ? "
        "AND tags = ?"
    )
    kinds = {kind: db.execute(find, kind).fetchone()[0] for kind in counts}
    values = ((row.sequence, row.id, kinds[row.kind], row.group, segment, row.record) for row in rows)
    db.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)", values)


def _drop(db: sqlite3.Connection, segment: str) -> None:
    of_segment = "SELECT kind, COUNT(*) FROM jobs WHERE segment = ? GROUP BY kind"
    for kind, count in db.execute(of_segment, (segment,)).fetchall():
        db.execute("UPDATE kinds SET n = n - ? WHERE kind = ?", (count, kind))
    db.execute("DELETE FROM jobs WHERE segment = ?", (segment,))
