"""The index of finished jobs on one machine: an SQLite file that is made from the segments and may be deleted.

Jobs that agree in everything that lists filter by are of one *kind*. There are far fewer kinds than jobs, so counting
is adding up numbers of kinds. There are three ways to a page of a filter, and the one that reads least is taken: all
jobs in order until enough of them match, the newest jobs of each kind that matches, or the numbers of all jobs that
match. Processes of one machine share the file; each thread has a connection of its own.
"""

import contextlib
import heapq
import json
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState
from worker.ledger.entries import Entry, Kind
from worker.ledger.index_file import opened, usable
from worker.ledger.kind_counts import KindCounts

ROWS_PER_KIND = 40.0
"""Reading so many jobs in order takes as long as finding the newest jobs of one kind (50 us of one core)."""
ROWS_PER_MATCH, ROWS_PER_SOUGHT_KIND = 0.15, 0.6
"""The same for the number of one job that matches, when all are read, and for the place where those of a kind begin."""
PATIENCE = 8
"""Reading in order ends after so many times the jobs that were expected: those that match may all be old."""
COLUMNS = ("state", "owner", "model", "dataset", "architecture")


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
        self._counts = KindCounts(lambda: opened(self._usable()))

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all."""
        floor = 2**62 if below == NEWEST else int(below)
        condition, values = _condition(wanted)
        group = wanted.properties.get("group")
        if group is not None:
            return self._of_group(group, condition, values, floor, limit)
        total, n_kinds = self._counts.matching(condition, values)
        if not total or not limit:
            return [], total
        last = self.last_sequence()
        n_rows = limit * last / total  # to read in order, when the jobs are spread evenly
        n_kinds_rows, n_match_rows = n_kinds * ROWS_PER_KIND, total * ROWS_PER_MATCH + n_kinds * ROWS_PER_SOUGHT_KIND
        found = list[Found]()
        if n_rows <= min(n_kinds_rows, n_match_rows):
            lowest = max(0, min(floor, last + 1) - int(PATIENCE * n_rows))
            found = self._in_order(condition, values, floor, limit, lowest)
            if len(found) == limit or not lowest:
                return found, total
            floor = lowest
        look = self._merged if n_kinds_rows < n_match_rows else self._sorted
        return found + look(self._counts.kinds(condition, values), floor, limit - len(found)), total

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

    def _sorted(self, kinds: Sequence[int], below: int, limit: int) -> list[Found]:
        # The numbers are in the index of kinds; only the jobs of the page are read.
        query = (
            "SELECT id, sequence FROM jobs WHERE sequence IN (SELECT sequence FROM jobs INDEXED BY jobs_by_kind "
            f"WHERE kind IN ({', '.join(map(str, kinds))}) AND sequence < ? ORDER BY sequence DESC LIMIT ?) "
            "ORDER BY sequence DESC"
        )
        return _archived(self._db.execute(query, (below, limit)))

    def _merged(self, kinds: Sequence[int], below: int, limit: int) -> list[Found]:
        merged = heapq.merge(*(self._of_kind(kind, below, limit) for kind in kinds), reverse=True)
        return _archived((job, sequence) for sequence, job in islice(merged, limit))

    def _of_kind(self, kind: int, below: int, limit: int) -> Iterator[tuple[int, str]]:
        query = "SELECT sequence, id FROM jobs WHERE kind = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
        yield from self._db.execute(query, (kind, below, limit))

    def _in_order(self, condition: str, values: Sequence[str], below: int, limit: int, lowest: int) -> list[Found]:
        # CROSS JOIN: SQLite goes through the jobs, and looks up the kind of each.
        query = (
            f"SELECT id, sequence FROM jobs CROSS JOIN kinds USING (kind) WHERE {condition} "
            "AND sequence < ? AND sequence >= ? ORDER BY sequence DESC LIMIT ?"
        )
        return _archived(self._db.execute(query, (*values, below, lowest, limit)))

    def _of_group(
        self, group: str, condition: str, values: Sequence[str], below: int, limit: int
    ) -> tuple[list[Found], int]:
        query = (
            f"SELECT id, sequence FROM jobs CROSS JOIN kinds USING (kind) WHERE job_group = ? AND {condition} "
            "ORDER BY sequence DESC"
        )
        found = _archived(self._db.execute(query, (group, *values)))
        return [job for job in found if job.sequence < below][:limit], len(found)

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = opened(self._usable())
        return db

    def _usable(self) -> Path:
        with self._opening:
            self._usable_path = self._usable_path or usable(self._path)
            return self._usable_path

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


def _archived(rows: Iterable[tuple[str, int]]) -> list[Found]:
    """Ids and numbers of jobs, as what was found in the ledger."""
    return [Found(job, sequence, is_archived=True) for job, sequence in rows]


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
