"""Prints JSON for programs: one object on one line."""

import json
import sys
from typing import Any


def print_line(content: dict[str, Any]) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")
    sys.stdout.flush()
