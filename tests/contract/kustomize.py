"""Puts resources, components and patches of a kustomization together, as far as ours go, without kustomize.

Patches are strategic merges: mappings are merged, lists of named things by their name, and `null` and `$patch: delete`
remove. Anything else in a kustomization is an error here.
"""

from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
Documents = dict[tuple[str, str], Document]
KNOWN = {"apiVersion", "kind", "namespace", "resources", "components", "patches", "labels"}
MERGE_KEYS = ("name", "mountPath", "containerPort")
LISTS_REPLACED = ("envFrom", "tolerations", "resources")


def built(directory: Path) -> Documents:
    """The documents that a kustomization makes, by kind and name."""
    found: Documents = {}
    _apply(directory, found)
    return found


def files_of(directory: Path) -> set[Path]:
    """Every file that a kustomization reads, its own included."""
    kustomization = _read(directory)
    found = {directory / "kustomization.yaml"}
    for name in [*kustomization.get("resources", []), *kustomization.get("components", [])]:
        path = (directory / name).resolve()
        found |= files_of(path) if path.is_dir() else {path}
    return found | {(directory / patch["path"]).resolve() for patch in kustomization.get("patches", [])}


def _apply(directory: Path, found: Documents) -> None:
    kustomization = _read(directory)
    for name in kustomization.get("resources", []):
        path = (directory / name).resolve()
        if path.is_dir():
            _apply(path, found)
            continue
        for document in yaml.safe_load_all(path.read_text()):
            key = _key(document)
            assert key not in found, key
            found[key] = document
    for name in kustomization.get("components", []):
        assert _read(directory / name)["kind"] == "Component"
        _apply((directory / name).resolve(), found)
    for patch in kustomization.get("patches", []):
        document = yaml.safe_load((directory / patch["path"]).read_text())
        key = _key(document)
        if document.pop("$patch", None) == "delete":
            del found[key]
        else:
            found[key] = _merged(found[key], document, "")


def _read(directory: Path) -> Document:
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert isinstance(kustomization, dict)
    assert set(kustomization) <= KNOWN, set(kustomization) - KNOWN
    return kustomization


def _key(document: Document) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]


def _merged(old: Any, new: Any, field: str) -> Any:  # noqa: ANN401 - YAML
    if isinstance(old, dict) and isinstance(new, dict):
        merged = {key: value for key, value in old.items() if new.get(key, ...) is not None}
        changed = {key: _merged(old.get(key), value, key) for key, value in new.items() if value is not None}
        return merged | changed
    if isinstance(old, list) and isinstance(new, list) and field not in LISTS_REPLACED:
        return _merged_list(old, new)
    return new


def _merged_list(old: list[Any], new: list[Any]) -> list[Any]:
    key = next(name for name in MERGE_KEYS if all(name in item for item in [*old, *new]))
    changes = {item[key]: item for item in new}
    kept = [_merged(item, changes.pop(item[key], {}), "") for item in old]
    return [item for item in [*kept, *changes.values()] if item.get("$patch") != "delete"]
