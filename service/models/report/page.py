"""Puts the report of a version together."""

from collections.abc import Callable

from service.models.report import sections
from service.models.report.contents import Contents
from service.models.report.markup import document, text

SECTIONS: tuple[Callable[[Contents], str], ...] = (
    sections.doctor,
    sections.curves,
    sections.results,
    sections.mistakes,
    sections.film,
    sections.network,
    sections.settings,
    sections.data,
    sections.machine,
    sections.repeat,
)


def report_page(contents: Contents) -> str:
    """The report as one HTML document without scripts, which asks no server for anything."""
    manifest = contents.manifest
    names = [found.__name__ for found in SECTIONS]
    links = "".join(f'<a href="#{name}">{text(name)}</a>' for name in names)
    body = "".join(write(contents) for write in SECTIONS)
    title = f"{manifest.model}, version {manifest.version}"
    return document(title, f"{sections.opening(contents)}<nav>{links}</nav>{body}")
