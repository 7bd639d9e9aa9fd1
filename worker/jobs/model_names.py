"""The name that a job publishes under when its request does not say one."""

import re

from worker.architectures import Architecture, Overrides


def name_of(architecture: str | Architecture) -> str:
    """The preset's name, or `custom` for a network of one's own."""
    return architecture if isinstance(architecture, str) else "custom"


def default_model_name(dataset: str, architecture: str | Architecture, overrides: Overrides | None) -> str:
    """`<dataset>-<architecture>-<overrides>`, within the 63 characters of a name; the end stays whole."""
    end = overrides.slug if overrides else ""
    start = re.sub(r"[^a-z0-9_-]", "-", f"{dataset}-{name_of(architecture)}")
    return start[: 63 - len(end)] + end
