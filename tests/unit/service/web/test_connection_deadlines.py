"""When the time of a connection is up, told from what is seen of it and from a clock that the test sets."""

import pytest

from service.web.connection_deadlines import ConnectionLimits, Deadlines, Due, Phase, Progress

LIMITS = ConnectionLimits(
    header_s=10,
    idle_s=5,
    body_s=100,
    long_body_s=1000,
    body_bytes_per_s=1000,
    rate_window_s=20,
    send_s=60,
    linger_s=2,
)
NEW = Progress(
    phase=Phase.BETWEEN,
    n_requests=0,
    is_answering=False,
    body_bytes=0,
    unsent_bytes=0,
    must_wait=False,
    has_long_body=False,
    is_within_limits=True,
)
IN_HEADER = NEW._replace(phase=Phase.HEADER, n_requests=1)
IN_BODY = NEW._replace(phase=Phase.BODY, n_requests=1, is_answering=True)
IDLE = NEW._replace(n_requests=1)
ANSWERING = IDLE._replace(is_answering=True)
CLOSING = IDLE._replace(phase=Phase.CLOSING)


@pytest.mark.parametrize(
    ("progress", "at_most_s", "due"),
    [
        (NEW, 10, Due.CLOSE),
        (IN_HEADER, 10, Due.REFUSAL),
        (IDLE, 5, Due.CLOSE),
        (CLOSING, 2, Due.DROP),
        (NEW._replace(is_within_limits=False), 2, Due.CLOSE),
        (IN_HEADER._replace(is_within_limits=False), 2, Due.REFUSAL),
        (IN_BODY, 20, Due.REFUSAL),
        (ANSWERING._replace(unsent_bytes=7), 60, Due.DROP),
        (CLOSING._replace(unsent_bytes=7), 60, Due.DROP),
    ],
)
def test_every_phase_has_its_deadline(progress: Progress, at_most_s: float, due: Due) -> None:
    deadlines = Deadlines(LIMITS)
    assert deadlines.due(progress, 100) is Due.NOTHING
    assert deadlines.due(progress, 100 + at_most_s) is Due.NOTHING
    assert deadlines.due(progress, 100 + at_most_s + 0.1) is due


@pytest.mark.parametrize(
    "progress", [ANSWERING, IN_HEADER._replace(must_wait=True), CLOSING._replace(is_answering=True)]
)
def test_a_client_that_waits_for_the_server_has_time(progress: Progress) -> None:
    deadlines = Deadlines(LIMITS)
    assert [deadlines.due(progress, at_s) for at_s in (0, 1000, 100_000)] == [Due.NOTHING] * 3


def test_the_next_request_starts_anew() -> None:
    deadlines = Deadlines(LIMITS)
    for number in range(1, 50):
        assert deadlines.due(IN_HEADER._replace(n_requests=number), number * 9) is Due.NOTHING


def bodies(rate: float, seconds: int, progress: Progress = IN_BODY) -> list[Due]:
    """What is due of a body that arrives at so many bytes per second, at every second."""
    deadlines = Deadlines(LIMITS)
    return [deadlines.due(progress._replace(body_bytes=int(rate * at_s)), at_s) for at_s in range(seconds)]


def test_a_steady_body_above_the_slowest_rate_has_its_whole_time() -> None:
    assert set(bodies(64_000, 100)) == {Due.NOTHING}
    assert bodies(64_000, 102)[-1] is Due.REFUSAL
    assert set(bodies(1001, 100)) == {Due.NOTHING}
    assert Due.REFUSAL in bodies(900, 30)


def test_a_long_body_has_more_time() -> None:
    long = IN_BODY._replace(has_long_body=True)
    assert set(bodies(2000, 1000, long)) == {Due.NOTHING}
    assert bodies(2000, 1002, long)[-1] is Due.REFUSAL


def test_bytes_sent_early_do_not_excuse_a_stall() -> None:
    deadlines = Deadlines(LIMITS)
    assert deadlines.due(IN_BODY, 0) is Due.NOTHING
    fast = IN_BODY._replace(body_bytes=50_000_000)
    assert deadlines.due(fast, 21) is Due.NOTHING
    assert deadlines.due(fast, 40) is Due.NOTHING
    assert deadlines.due(fast, 42) is Due.REFUSAL


def test_a_rate_is_not_measured_while_the_server_does_not_read() -> None:
    assert set(bodies(0, 90, IN_BODY._replace(must_wait=True))) == {Due.NOTHING}
    deadlines = Deadlines(LIMITS)
    for second in range(60):
        assert deadlines.due(IN_BODY._replace(must_wait=second % 15 == 0), second) is Due.NOTHING


def test_a_client_that_takes_some_of_its_answer_stays() -> None:
    deadlines = Deadlines(LIMITS)
    for second in range(0, 500, 50):
        assert deadlines.due(ANSWERING._replace(unsent_bytes=1000 - second), second) is Due.NOTHING


def test_reviews_come_often_enough_for_the_shortest_deadline() -> None:
    assert ConnectionLimits().review_period_s <= 1
    assert ConnectionLimits(header_s=0.2).review_period_s == 0.05
