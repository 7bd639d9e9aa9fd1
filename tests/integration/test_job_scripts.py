"""Every Lua script: it loads, its header is true, and it moves jobs only as the table of legal moves has it."""

import itertools
import re
from typing import cast

import pytest
import redis

from worker.job_store import keys
from worker.job_store.scripts import PRELUDE, Scripts, script_names, source, text
from worker.jobs.states import FINISHED, LEGAL_MOVES, REDIRECTIONS, JobState, Mark, Redirection

ARGUMENT = re.compile(r"ARGV\[(\d+)\]")
DECLARED_ARGUMENT = re.compile(r"^-- ARGV\[(\d+)(…?)\] +\S", re.MULTILINE)
KEY = re.compile(r"\bkey\.(\w+)")
CALL = re.compile(r"redis\.call\('(\w+)'(?:, (\w+))?")
MAPPED_KEY = re.compile(r"^--   ([a-z:<>]+)  +(?:hash|stream|list|zset|number|string)  ", re.MULTILINE)
FUNCTION = re.compile(r"^local function (\w+)\(.*?^end$", re.MULTILINE | re.DOTALL)
FENCE = "7"


def header(name: str) -> str:
    return "".join(itertools.takewhile(lambda line: line.startswith("--"), text(name).splitlines(keepends=True)))


def body(name: str) -> str:
    return text(name).removeprefix(header(name))


def keys_of(code: str) -> set[str]:
    """Families of keys that a piece of code touches, by itself and through the prelude's functions."""
    shared = {found[1]: found[0] for found in FUNCTION.finditer(text(PRELUDE))}
    called = {name for name in shared if re.search(rf"\b{name}\(", code)}
    return set(KEY.findall(code)).union(*(keys_of(shared[name].partition("\n")[2]) for name in called))


@pytest.mark.parametrize("name", script_names())
def test_a_script_is_one_the_server_takes(client: redis.Redis, name: str) -> None:
    client.script_load(source(name))


@pytest.mark.parametrize("name", script_names())
def test_a_header_says_what_the_script_is_called_what_it_takes_and_what_it_answers(name: str) -> None:
    assert header(name).startswith(f"-- {name}: ")
    assert "\n-- Answers  " in header(name)
    declared = DECLARED_ARGUMENT.findall(header(name))
    assert [int(number) for number, _ in declared] == list(range(1, len(declared) + 1))
    used = {int(number) for number in ARGUMENT.findall(body(name))}
    fixed = {int(number) for number, more in declared if not more}
    assert fixed <= used <= {int(number) for number, _ in declared}
    assert ("#ARGV" in body(name)) == any(more for _, more in declared)


@pytest.mark.parametrize("name", script_names())
def test_a_script_touches_the_keys_that_its_header_names_and_no_others(name: str) -> None:
    (touches,) = re.findall(r"^-- Touches  (.+)$", header(name), re.MULTILINE)
    assert keys_of(body(name)) == set(touches.split())
    assert "prefix" not in body(name)
    assert "KEYS" not in body(name)


@pytest.mark.parametrize("name", [PRELUDE, *script_names()])
def test_every_command_names_its_key_through_the_map(name: str) -> None:
    assert {first for command, first in CALL.findall(body(name)) if command != "TIME"} <= {"key"}


def test_the_map_in_the_prelude_has_every_key_and_python_the_same_names(client: redis.Redis) -> None:
    in_the_map = re.findall(
        r"^--   ([a-z:<>]+)  +(?:hash|stream|list|zset|number|string)  ", header(PRELUDE), re.MULTILINE
    )
    prelude = source(PRELUDE).removesuffix(text(PRELUDE))
    script = (
        "local names = {} for _, name in pairs(key) do "
        "table.insert(names, type(name) == 'function' and name('<id>') or name) end return names"
    )
    made: list[str] = client.eval(prelude + script, 1, keys.PREFIX)
    assert {name.removeprefix(keys.PREFIX) for name in made} == {name.replace("<sha>", "<id>") for name in in_the_map}
    ours = {keys.QUEUED, keys.JOBS, keys.GROUPS, keys.job_key("<id>"), keys.events_key("<id>"), keys.log_key("<id>")}
    ours |= {keys.group_key("<id>"), keys.group_jobs_key("<id>")}
    assert ours <= set(made)
    assert keys.idempotency_key("some key") == f"{keys.PREFIX}idempotency:{keys.hashed('some key')}"


def put(client: redis.Redis, state: JobState, *marks: Mark) -> str:
    job = keys.new_id()
    client.hset(keys.job_key(job), mapping={"id": job, "state": state, "fence": FENCE, "request": "{}"})
    client.hset(keys.job_key(job), mapping=dict.fromkeys(marks, "1")) if marks else None
    client.zadd(keys.JOBS, {job: 1})
    return job


def state_of(client: redis.Redis, job: str) -> str | None:
    return cast(str | None, client.hget(keys.job_key(job), "state"))


@pytest.mark.parametrize(("state", "target"), list(itertools.product(JobState, JobState)))
def test_a_claim_moves_its_job_as_the_table_has_it(client: redis.Redis, state: JobState, target: JobState) -> None:
    job = put(client, state)
    is_move = state is JobState.RUNNING and target in LEGAL_MOVES[state]
    assert Scripts(client).run("move", job, FENCE, target) == (target if is_move else "")
    assert state_of(client, job) == (target if is_move else state)


@pytest.mark.parametrize("state", JobState)
def test_what_needs_no_claim_follows_the_table_too(client: redis.Redis, state: JobState) -> None:
    run = Scripts(client).run
    job = put(client, state)
    assert bool(run("claim", job, 30, "me")) == (JobState.RUNNING in LEGAL_MOVES[state])
    job = put(client, state)
    run("cancel", job)
    waits_for_its_worker = state is JobState.RUNNING
    is_move = JobState.CANCELLED in LEGAL_MOVES[state] and not waits_for_its_worker
    assert state_of(client, job) == (JobState.CANCELLED if is_move else state)
    assert client.hexists(keys.job_key(job), Mark.CANCEL_REQUESTED) == waits_for_its_worker
    job = put(client, state)
    assert run("forget", job) == [state, int(state in FINISHED)]
    assert state_of(client, job) == (None if state in FINISHED else state)


@pytest.mark.parametrize("rule", REDIRECTIONS)
def test_a_move_is_redirected_as_the_table_has_it(client: redis.Redis, rule: Redirection) -> None:
    job = put(client, JobState.RUNNING, rule.mark)
    assert Scripts(client).run("move", job, FENCE, rule.target, "error", "{}") == rule.instead
    assert state_of(client, job) == rule.instead
    assert client.hget(keys.job_key(job), "error") is None


def test_redirections_follow_one_another(client: redis.Redis) -> None:
    job = put(client, JobState.RUNNING, Mark.DRAFT, Mark.CANCEL_REQUESTED)
    assert Scripts(client).run("move", job, FENCE, JobState.FAILED) == JobState.CANCELLED


def test_states_move_in_the_prelude_and_in_claims_only() -> None:
    writers = {name for name in (PRELUDE, *script_names()) if re.search(r"HSET'[^\n]*'state'", body(name))}
    assert writers == {PRELUDE, "claim"}
