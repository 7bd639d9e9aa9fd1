"""The commands and links of README.md, CONTRIBUTING.md and docs/, read as a test needs them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
NOT_RUN = "# not run by the tests: "
"""First line of a block that needs something which the tests do not have; what it names must exist all the same."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    Attributes:
        page: the file, relative to the project.
        language: what stands behind the fence, such as `sh`.
        text: its lines.
    """

    page: str
    language: str
    text: str

    @property
    def is_run(self) -> bool:
        """Whether the tests run it."""
        return not self.text.startswith(NOT_RUN)

    @property
    def commands(self) -> list[str]:
        """Its commands in order, comments left out; one may go over several lines."""
        text = re.sub(r"(^|\s)# .*$", "", self.text, flags=re.MULTILINE)
        found: list[str] = []
        for line in filter(None, text.splitlines()):
            if found and _is_open(found[-1]):
                found[-1] += "\n" + line
            else:
                found.append(line)
        return [command.strip() for command in found]


def blocks(*languages: str) -> Iterator[Block]:
    """Every block in one of the languages, page by page."""
    for path in PAGES:
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE):
            if language in languages:
                yield Block(str(path.relative_to(PROJECT)), language, text)


def links(path: Path) -> Iterator[str]:
    """Every link of a page that leads to another page or picture of the project."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith(("http:", "https:")):
            yield target


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _is_open(command: str) -> bool:
    """Whether a command goes on in the next line: a quote is open, or a backslash ends it."""
    return command.count("'") % 2 == 1 or command.endswith("\\")
