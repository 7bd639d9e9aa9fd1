"""When a key ends: a duration such as `30d`, or a moment such as `2027-01-31T12:00:00Z`."""

import re
from datetime import UTC, datetime, timedelta

from service.web.key_errors import ExpiryInvalid

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
LONGEST = timedelta(days=3653)
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])")


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that a duration or a date names.

    Args:
        text: a number with `m`, `h`, `d` or `w` behind it, or a moment in ISO 8601; without a zone it is UTC.
        now: where a duration begins.

    Raises:
        ExpiryInvalid: it is neither, or in the past, or more than ten years away.
    """
    duration = _DURATION.fullmatch(text)
    if duration is not None:
        moment = now + int(duration[1]) * UNITS[duration[2]]
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ExpiryInvalid(text) from error
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    if not now < moment <= now + LONGEST:
        raise ExpiryInvalid(text)
    return moment
