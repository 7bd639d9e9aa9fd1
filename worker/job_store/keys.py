"""Names in Redis that Python needs beside the scripts; the map of all keys is in `prelude.lua`."""

import hashlib
import secrets

PREFIX = "convserve:"
QUEUED = f"{PREFIX}queued"
RUNNING = f"{PREFIX}running"
WAITS = f"{PREFIX}waits"
ARCHIVE_CHANGES = f"{PREFIX}ledger"
ARCHIVE_WRITER = f"{PREFIX}ledger:writer"
WATCH = f"{PREFIX}watch"
WORKERS = f"{PREFIX}workers"
WORKER_FACTS = f"{PREFIX}workers:facts"
FEED = f"{PREFIX}feed"
JOBS = f"{PREFIX}jobs"
GROUPS = f"{PREFIX}groups"
ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no look-alikes: ids are read aloud in class


def new_id() -> str:
    """A new, random id for a job, a group or a claimant."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(10))


def hashed(idempotency_key: str) -> str:
    """The SHA-256 under which an idempotency key is kept; empty when there is no key."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else ""


def job_key(job: str) -> str:
    """Hash of a job's fields."""
    return f"{PREFIX}job:{job}"


def events_key(job: str) -> str:
    """Stream of a job's events."""
    return f"{PREFIX}job:{job}:events"


def log_key(job: str) -> str:
    """List of the lines of a job's log."""
    return f"{PREFIX}job:{job}:log"


def epochs_key(job: str) -> str:
    """List of the metrics of a job's epochs."""
    return f"{PREFIX}job:{job}:epochs"


def index_key(name: str) -> str:
    """Ids of the jobs with one property, such as `state=failed`."""
    return f"{PREFIX}index:{name}"


def split_key(name: str) -> str:
    """Hash of the counts of an alias's versions."""
    return f"{PREFIX}split:{name}"


def queue_key(owner: str) -> str:
    """Ids of one owner's jobs that wait, in the order of their turns."""
    return f"{PREFIX}queue:{owner}"


def group_key(group: str) -> str:
    """Hash of a group's fields."""
    return f"{PREFIX}group:{group}"


def group_jobs_key(group: str) -> str:
    """List of the ids of a group's jobs, in the order of the grid."""
    return f"{PREFIX}group:{group}:jobs"


def idempotency_key(key: str) -> str:
    """Hash of what was submitted under an idempotency key."""
    return f"{PREFIX}idempotency:{hashed(key)}"
