"""What a check found out about one part."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One line of the check.

    Attributes:
        part: what was looked at.
        level: `error` where convserve will fail, `warning` where something can go wrong later.
        message: what was found.
        fix: what to do about it; None if nothing needs to be done.
    """

    part: str
    level: Level
    message: str
    fix: str | None = None
