"""The file of the index: its tables, where it is, and how it is opened."""

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

LAYOUT = 2
"""Of the file; a file with another one is made anew."""
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


def usable(path: Path) -> Path:
    """This path if its directory can be written to, else one that lasts as long as the machine's temporary files."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.access(path.parent, os.W_OK):
            return path
    return Path(tempfile.mkdtemp(prefix="convserve-ledger-")) / path.name


def opened(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made, or made anew, when there is none of this layout."""
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
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
