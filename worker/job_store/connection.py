"""The connection to Redis: how long an answer may take, and which error says that none came."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.jobs.errors import QueueUnavailable

ANSWER_TIMEOUT_S = 2.0
"""For one answer of the server, and in the API for a whole call, which may be several commands."""


def connect(redis_url: str) -> redis.Redis:
    """A client that answers or fails within about two seconds: its callers have deadlines of their own."""
    keepalive = {} if redis_url.startswith("unix:") else {"socket_keepalive": True}
    return redis.Redis.from_url(
        redis_url,
        decode_responses=True,
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        **keepalive,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=25,
    )


@contextmanager
def server_errors() -> Iterator[None]:
    """Turn redis-py's errors into `QueueUnavailable`."""
    try:
        yield
    except redis.RedisError as error:
        raise QueueUnavailable(str(error)) from error
