"""Log lines: one JSON object each, whatever is said, or short lines for people."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from worker.telemetry.logs import formatter_of, log_context


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:  # noqa: ANN401
    made = logging.LogRecord(
        "worker.supervision.runner", logging.WARNING, __file__, 1, message, arguments, more.pop("exc_info", None)
    )
    vars(made).update(more)
    return made


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = formatter_of("worker", "json").format(made)
    assert "\n" not in line
    assert line.isascii()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_json_line_says_when_how_bad_who_and_what() -> None:
    line = parsed(record("job %s: %d pictures", "k3v9", 7))
    moment = datetime.fromisoformat(line.pop("ts"))
    assert moment.tzinfo == UTC
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert line == {
        "level": "warning",
        "process": "worker",
        "logger": "worker.supervision.runner",
        "message": "job k3v9: 7 pictures",
    }


def test_a_json_line_carries_what_the_work_is_about() -> None:
    with log_context(request_id="r-1", job=""):
        with log_context(job="k3v9"):
            assert {"request_id": "r-1", "job": "k3v9"}.items() <= parsed(record("inside")).items()
        assert "job" not in parsed(record("outside"))
    assert "request_id" not in parsed(record("after"))


def test_a_json_line_carries_a_records_own_fields() -> None:
    line = parsed(record("GET / 200", fields={"status": 200, "duration_ms": 1.5}))
    assert (line["status"], line["duration_ms"]) == (200, 1.5)


def test_a_traceback_is_text_in_one_json_line() -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        line = parsed(record("it failed", exc_info=sys.exc_info()))
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: a bug")


def test_whatever_is_said_stays_one_json_line() -> None:
    hostile = 'a"}\n{"level": "error"} \u2028 \ud800 \x1b[31m ä'
    assert parsed(record("%s", hostile, fields={"odd": object}))["message"] == hostile


def test_a_readable_line_has_a_time_a_process_and_a_level_when_it_matters() -> None:
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  worker  warning: job k3v9: lost",
        formatter_of("worker", "readable").format(record("job k3v9: lost")),
    )
