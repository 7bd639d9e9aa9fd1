"""Pieces of HTML, with every text escaped and every picture inside the document."""

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the document may load: nothing. It holds also when the file is opened without a server."""
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1d1d1f; background: #fff; margin: 0 auto; max-width: 64rem;
  padding: 1.5rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem; padding-top: .8rem; border-top: 1px solid #ccc; }
h3 { font-size: 1rem; margin: 0 0 .2rem; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
nav a { margin-right: 1rem; }
a { color: #0055a0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top; border-bottom: 1px solid #e3e3e3; }
td { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
img, svg { max-width: 100%; height: auto; }
pre { background: #f4f4f4; padding: .7rem; font-size: .8rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 2rem; margin: 1rem 0; }
.figures b { display: block; font-size: 1.6rem; line-height: 1.2; }
.finding { border-left: 6px solid #6e6e6e; padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0; }
.error { border-color: #b3261e; }
.warning { border-color: #d55e00; }
.info { border-color: #0072b2; }
.word { font-size: .75rem; text-transform: uppercase; letter-spacing: .06em; color: #444; }
.quiet { color: #555; }
@media print { body { max-width: none; } h2 { break-after: avoid; } img, .finding { break-inside: avoid; } }
"""


def text(value: object) -> str:
    """A value as text."""
    return escape(str(value))


def paragraph(words: str, style: str = "") -> str:
    """A paragraph of plain text, in which `backquotes` mark names."""
    inner = re.sub(r"`([^`]+)`", r"<code>\1</code>", text(words))
    return f'<p class="{style}">{inner}</p>' if style else f"<p>{inner}</p>"


def picture(data: bytes, described: str) -> str:
    """A PNG as part of the document."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<p style="max-width:none"><img src="data:image/png;base64,{encoded}" alt="{escape(described)}"></p>'


def code(words: str) -> str:
    """A command, or a table of fixed width."""
    return f"<pre>{text(words)}</pre>"


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """A table of names and values."""
    lines = "".join(f"<tr><th scope=row>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in rows)
    return f"<table>{lines}</table>"


def grid(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column has names and whose others have numbers."""
    top = "".join(f"<th scope=col{_number(at)}>{text(heading)}</th>" for at, heading in enumerate(headings))
    lines = "".join(
        "<tr>" + "".join(f"<td{_number(at)}>{text(value)}</td>" for at, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def folded(title: str, inner: str) -> str:
    """Something long that is shown on a click."""
    return f"<details><summary>{text(title)}</summary>{inner}</details>"


def section(anchor: str, title: str, inner: str) -> str:
    """A part of the document with a heading that can be linked to."""
    return f'<section id="{anchor}"><h2>{text(title)}</h2>{inner}</section>'


def document(title: str, body: str) -> str:
    """The whole document."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def _number(column: int) -> str:
    return ' class="number"' if column else ""
