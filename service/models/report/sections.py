"""The sections of a report, each a function from its contents to HTML."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from model_store import Manifest
from service.models.origins import origin_of
from service.models.report.contents import Contents
from service.models.report.markup import code, facts, folded, grid, paragraph, picture, section, text
from worker.artifacts import (
    CALIBRATION_PICTURE,
    CONFUSION_MATRIX_PICTURE,
    CURVES_PICTURE,
    FILM_PICTURE,
    MISTAKES_PICTURE,
)
from worker.doctor.commands import submission
from worker.doctor.findings import Finding
from worker.doctor.sources import repeating_body

MOST_CLASSES = 200
"""Rows of the table of classes."""
NOT_RECORDED = "This version does not have it: it was published before it was recorded, or by another program."


def opening(contents: Contents) -> str:
    """What the version is, and its most important numbers."""
    manifest, metrics = contents.manifest, contents.manifest.metrics
    shown = [
        (f"{metrics['test_accuracy']:.2%}", _tested_on(manifest)) if "test_accuracy" in metrics else None,
        (f"{metrics['tta_test_accuracy']:.2%}", _averaged_over(manifest)) if "tta_test_accuracy" in metrics else None,
        (f"{metrics['test_loss']:.3f}", "test loss") if "test_loss" in metrics else None,
        (f"{manifest.parameters:,}", "parameters"),
        (f"{metrics['fit_seconds']:.0f} s", "training") if "fit_seconds" in metrics else None,
        (_worst(contents), "doctor"),
    ]
    figures = "".join(f"<div><b>{text(found[0])}</b>{text(found[1])}</div>" for found in shown if found)
    trained = f"{manifest.recipe.get('architecture', 'network')} on {manifest.dataset}"
    about = f"{origin_of(manifest) or f'{trained},'} published {manifest.published_at:%d %B %Y, %H:%M} UTC"
    return (
        f"<h1>{text(manifest.model)}, version {manifest.version}</h1>{paragraph(about, 'quiet')}"
        f'<div class="figures">{figures}</div>{_passed_over(contents)}'
    )


def _tested_on(manifest: Manifest) -> str:
    samples = manifest.recipe.get("test_samples")
    return f"test accuracy on {samples:,} pictures" if isinstance(samples, int) else "test accuracy"


def _averaged_over(manifest: Manifest) -> str:
    views = str(manifest.recipe.get("test_time_augmentation", "views")).replace("_", " ")
    return f"test accuracy with test-time augmentation ({views})"


def doctor(contents: Contents) -> str:
    """The findings with their evidence and what to try."""
    found = contents.diagnosis.findings
    if not found:
        return section("doctor", "Doctor", paragraph("No rule found anything."))
    return section("doctor", "Doctor", "".join(map(_finding, found)))


def curves(contents: Contents) -> str:
    """Accuracy and loss of every epoch."""
    drawn = _picture(contents, CURVES_PICTURE, "accuracy and loss by epoch, for training and validation pictures")
    return section("curves", "Curves", drawn + _epochs(contents.history))


def results(contents: Contents) -> str:
    """The test split: confusion matrix, classes, calibration."""
    matrix = _picture(contents, CONFUSION_MATRIX_PICTURE, "confusion matrix: true class by predicted class")
    calibration = _picture(contents, CALIBRATION_PICTURE, "share of right answers by the network's confidence")
    return section("results", "Test pictures", matrix + _classes(contents.evaluation) + calibration)


def mistakes(contents: Contents) -> str:
    """The most confident mistakes with their pictures."""
    drawn = _picture(contents, MISTAKES_PICTURE, "the most confident mistakes, each with its answer and true class")
    return section("mistakes", "Mistakes", drawn)


def film(contents: Contents) -> str:
    """The network after some epochs."""
    drawn = _picture(
        contents, FILM_PICTURE, "first kernels, confusion matrix and answers to twelve pictures after some epochs"
    )
    return section("film", "Film", drawn)


def network(contents: Contents) -> str:
    """The network drawn, and its layer table."""
    drawn = contents.diagram or paragraph(NOT_RECORDED)
    table = folded("Layer table", code(contents.summary)) if contents.summary else ""
    return section("network", "Network", drawn + table)


def settings(contents: Contents) -> str:
    """Every hyperparameter that was set or chosen; what is null is off."""
    rows = [(name, value) for name, value in _flat(contents.manifest.recipe) if value != "null"]
    return section("settings", "Settings", facts(rows))


def data(contents: Contents) -> str:
    """The dataset, and how to recognize it."""
    manifest = contents.manifest
    rows = [
        ("dataset", manifest.dataset),
        ("fingerprint (SHA-256 of shapes, pixels and labels)", manifest.dataset_fingerprint),
        ("pictures", "x".join(map(str, manifest.input_shape))),
        ("classes", ", ".join(manifest.classes)),
    ]
    return section("data", "Data", facts(rows))


def machine(contents: Contents) -> str:
    """Hardware, software and time."""
    history = contents.history or {}
    times = [
        (name.replace("_", " "), f"{history[name]:.1f}")
        for name in ("fit_seconds", "fit_cpu_seconds", "data_wait_seconds", "first_step_seconds")
        if isinstance(history.get(name), float | int)
    ]
    return section("machine", "Hardware and software", facts([*sorted(contents.manifest.runtime.items()), *times]))


def repeat(contents: Contents) -> str:
    """The command that runs the same training again, and the files to compare with."""
    manifest = contents.manifest
    if origin_of(manifest):
        how = paragraph(f"Send the same file to POST /models; it was job {manifest.job}.")
    else:
        hint = f"The same seed gives the same data order and first weights; it was job {manifest.job}."
        how = paragraph(hint) + code(submission(repeating_body(manifest)))
    files = grid(
        ("file", "bytes", "SHA-256"),
        [(name, f"{file.size_bytes:,}", file.sha256) for name, file in sorted(manifest.files.items())],
    )
    return section("repeat", "Repeat it", how + folded("Files", files))


def _worst(contents: Contents) -> str:
    return {"none": "all well"}.get(contents.diagnosis.worst, contents.diagnosis.worst)


def _passed_over(contents: Contents) -> str:
    code_ = contents.diagnosis.passed_over
    if code_ is None:
        return ""
    return (
        f'<div class="finding error"><p>This version does not answer by default, because of <b>{text(code_)}</b>. '
        "It answers when its number or one of its own aliases is named.</p></div>"
    )


def _finding(finding: Finding) -> str:
    evidence = facts(_flat(finding.evidence))
    return (
        f'<div class="finding {finding.severity}"><span class="word">{text(finding.severity)} · {text(finding.code)}'
        f"</span><h3>{text(finding.title)}</h3>{paragraph(finding.advice)}"
        f"{folded('Evidence', evidence)}{code(finding.try_.curl)}</div>"
    )


def _picture(contents: Contents, file: str, described: str) -> str:
    found = contents.pictures.get(file)
    return paragraph(NOT_RECORDED) if found is None else picture(found, described)


def _epochs(history: Mapping[str, Any] | None) -> str:
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    columns = [list((history or {}).get(name) or ()) for name in names]
    if not columns[0]:
        return ""
    rows = [
        (epoch, *(_rounded(column[epoch - 1]) if epoch <= len(column) else "" for column in columns))
        for epoch in range(1, len(columns[0]) + 1)
    ]
    return folded("Every epoch", grid(("epoch", *(name.replace("_", " ") for name in names)), rows))


def _classes(evaluation: Mapping[str, Any] | None) -> str:
    scores = (evaluation or {}).get("per_class") or ()
    rows = [
        (score["label"], *(_share(score[name]) for name in ("precision", "recall", "f1")), score["support"])
        for score in scores[:MOST_CLASSES]
    ]
    return grid(("class", "precision", "recall", "F1", "pictures"), rows) if rows else ""


def _flat(values: Mapping[str, JsonValue], before: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of nested objects, with dots between the names; lists as JSON."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield f"{before}{name}", value
        else:
            yield f"{before}{name}", _rounded(value) if isinstance(value, float) else json.dumps(value)


def _rounded(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
