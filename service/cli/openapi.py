"""Keeps `openapi/openapi.json` up to date.

`python -m service.cli.openapi` writes the file; with `--check` it only compares, and fails if the file differs.
"""

import argparse
import json
import sys
from pathlib import Path

from service.app import create_app
from service.settings import ApiSettings

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"


def document_text() -> str:
    """The document as the file contains it; it does not depend on the environment."""
    document = create_app(ApiSettings.model_construct()).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m service.cli.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    text = document_text()
    if parser.parse_args().check:
        if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("openapi/openapi.json is out of date; run: python -m service.cli.openapi\n")
        return 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
