"""Keeps `openapi/openapi.json` up to date, and with it the tools that agents are offered.

`python -m service.cli.openapi` writes the files; with `--check` it only compares, and fails if one differs.
"""

import argparse
import json
import sys
from pathlib import Path

from service.agents.descriptions import TOOLS_FILE, tools_text
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
    texts = {DOCUMENT: text, TOOLS_FILE: tools_text(json.loads(text))}
    if parser.parse_args().check:
        return _differences(texts)
    DOCUMENT.parent.mkdir(exist_ok=True)
    for file, current in texts.items():
        file.write_text(current, encoding="utf-8")
    return 0


def _differences(texts: dict[Path, str]) -> int:
    """The exit code: 1 if a file is not as it should be."""
    old = [file for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in old:
        sys.stderr.write(f"{file.name} is out of date; run: python -m service.cli.openapi\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
