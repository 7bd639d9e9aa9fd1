"""The model card of a version: `README.md` in the form that model hubs read, so that its files make a whole hub page.

The fields are those of Hugging Face's model cards: metadata in YAML, results as `model-index`. A licence is not among
them: only the owner of the pictures can grant one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model_store import Manifest
from service.models.origins import origin_of
from worker.artifacts import (
    CONFUSION_MATRIX_PICTURE,
    CURVES_PICTURE,
    INPUT_TENSOR,
    KERAS_FILE,
    MISTAKES_PICTURE,
    ONNX_FILE,
    OUTPUT_TENSOR,
)
from worker.jobs.exported import Exported

CARD_FILE = "README.md"
MOST_CLASSES = 200
"""Rows of the table of classes: a page of a thousand rows is not read."""

_SETTINGS = ("epochs", "batch_size", "optimizer", "train", "train_samples", "augmentation", "precision", "seed")
_ENDS_A_YAML_LINE = {ord(character): f"\\u{ord(character):04x}" for character in "\x7f\x85\u2028\u2029"}
_MARKDOWN = {ord(character): f"\\{character}" for character in r"\`*_[]<>|#&"}

Evaluation = Mapping[str, Any]
"""Content of `evaluation.json`."""


def model_card(manifest: Manifest, evaluation: Evaluation | None, exports: Sequence[Exported] = ()) -> str:
    """The card as Markdown with YAML metadata at its head.

    Args:
        manifest: of the version.
        evaluation: of the test split; None for a version that has none.
        exports: to other formats.
    """
    parts = (
        _metadata(manifest, evaluation),
        _description(manifest, evaluation),
        _usage(manifest),
        _exports(exports) if exports else (),
        () if evaluation is None else _results(manifest, evaluation),
        () if origin_of(manifest) else _training(manifest),
    )
    return "\n".join("\n".join((*part, "")) for part in parts if part)


def _metadata(manifest: Manifest, evaluation: Evaluation | None) -> Iterator[str]:
    yield "---"
    libraries = ["onnx"] if origin_of(manifest) and KERAS_FILE not in manifest.files else ["keras", "onnx"]
    yield f"library_name: {libraries[0]}"
    yield "pipeline_tag: image-classification"
    yield f"tags: {_yaml(['convserve', 'image-classification', *libraries, *manifest.tags])}"
    if evaluation is not None:
        dataset = {"name": manifest.dataset, "type": manifest.dataset, "split": "test"}
        yield "metrics: [accuracy]"
        yield "model-index:"
        yield f"- name: {_yaml(manifest.model)}"
        yield "  results:"
        yield "  - task: {type: image-classification, name: Image classification}"
        yield f"    dataset: {_yaml(dataset)}"
        yield f"    metrics: [{{type: accuracy, name: Test accuracy, value: {evaluation['accuracy']:.6f}}}]"
    yield "---"


def _yaml(value: object) -> str:
    """The value as JSON, which YAML reads; characters that end a line in YAML alone are escaped."""
    return json.dumps(value, ensure_ascii=False).translate(_ENDS_A_YAML_LINE)


def _description(manifest: Manifest, evaluation: Evaluation | None) -> Iterator[str]:
    height, width, channels = manifest.input_shape
    origin = origin_of(manifest)
    yield f"# {_text(manifest.model)}, version {manifest.version}"
    yield ""
    yield f"Classifies pictures into {len(manifest.classes)} classes: {_listed(manifest.classes)}."
    yield ""
    yield (
        f"A network of {manifest.parameters:,} parameters for {'grey' if channels == 1 else 'RGB'} pictures of "
        f"{width} x {height} pixels{'' if origin else f', trained on the dataset {_text(manifest.dataset)}'}."
    )
    if origin:
        yield origin
    if evaluation is not None:
        pictures = sum(score["support"] for score in evaluation["per_class"])
        right = f"{evaluation['accuracy']:.1%}"
        untouched = f"of the dataset {_text(manifest.dataset)}" if origin else "none of them trained on"
        yield f"Of {pictures:,} test pictures, {untouched}, it classified {right} correctly."
    if manifest.note is not None:
        yield ""
        yield f"> {_text(' '.join(manifest.note.split()))}"
    yield ""
    yield "It answers with one of its classes for every picture, including those that show none of them."


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(_text(name) for name in classes[:MOST_CLASSES])
    return shown if len(classes) <= MOST_CLASSES else f"{shown}, and {len(classes) - MOST_CLASSES} more"


def _usage(manifest: Manifest) -> Iterator[str]:
    height, width, channels = manifest.input_shape
    yield "## Use it"
    yield ""
    yield "With ONNX Runtime:"
    yield ""
    yield "```python"
    yield "import numpy as np"
    yield "import onnxruntime"
    yield "from PIL import Image, ImageOps"
    yield ""
    yield f"classes = {json.dumps(manifest.classes)}"
    yield 'picture = ImageOps.exif_transpose(Image.open("picture.jpg")).convert("RGB")'
    yield f"picture = ImageOps.fit(picture, ({width}, {height}), Image.Resampling.BILINEAR)"
    if channels == 1:
        yield 'picture = picture.convert("L")'
    yield f"pixels = np.asarray(picture, np.float32).reshape(1, {height}, {width}, {channels}) / 255"
    yield f'session = onnxruntime.InferenceSession("{ONNX_FILE}")'
    yield f'probabilities = session.run(["{OUTPUT_TENSOR}"], {{"{INPUT_TENSOR}": pixels}})[0][0]'
    yield "print(classes[probabilities.argmax()], probabilities.max())"
    yield "```"
    if KERAS_FILE in manifest.files:
        yield ""
        yield "With Keras, on the same `pixels`:"
        yield ""
        yield "```python"
        yield "import keras"
        yield ""
        yield f'probabilities = keras.saving.load_model("{KERAS_FILE}").predict(pixels)[0]'
        yield "```"


def _exports(exports: Sequence[Exported]) -> Iterator[str]:
    yield "## Other formats"
    yield ""
    yield f"They take the same `pixels` and were compared with `{KERAS_FILE}` on the test pictures:"
    yield ""
    yield "| file | format | accuracy | with Keras | same class | opened by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in exports:
        figures = f"{each.accuracy:.2%} | {each.keras_accuracy:.2%} | {each.agreement:.2%}"
        yield f"| [{each.file}]({each.file}) | {each.format} | {figures} | {_text(each.runtime)} |"


def _results(manifest: Manifest, evaluation: Evaluation) -> Iterator[str]:
    yield "## Results on the test pictures"
    yield ""
    if (views := evaluation.get("test_time_augmentation")) is not None:
        kind = str(views["views"]).replace("_", " ")
        yield f"Accuracy {evaluation['accuracy']:.2%}; {views['accuracy']:.2%} with test-time augmentation ({kind})."
        yield ""
    yield "| class | precision | recall | F1 | pictures |"
    yield "| --- | --- | --- | --- | --- |"
    for score in evaluation["per_class"][:MOST_CLASSES]:
        figures = " | ".join(_figure(score[name]) for name in ("precision", "recall", "f1"))
        yield f"| {_text(score['label'])} | {figures} | {score['support']:,} |"
    yield from _picture(manifest, CONFUSION_MATRIX_PICTURE, "Test pictures by true and predicted class")
    yield from _picture(manifest, MISTAKES_PICTURE, "The most confident mistakes")


def _figure(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _training(manifest: Manifest) -> Iterator[str]:
    yield "## Training"
    yield ""
    programs = [f"{name} {manifest.runtime[name]}" for name in ("convserve", "keras") if name in manifest.runtime]
    yield f"{_text(str(manifest.recipe.get('architecture', 'a network')))}, {', '.join(programs)}:"
    yield ""
    for name in _SETTINGS:
        if manifest.recipe.get(name) is not None:
            yield f"- {name.replace('_', ' ')}: `{json.dumps(manifest.recipe[name])}`"
    yield f"- fingerprint of the dataset: `{manifest.dataset_fingerprint}`"
    yield from _picture(manifest, CURVES_PICTURE, "Accuracy and loss of every epoch")


def _picture(manifest: Manifest, file: str, alternative: str) -> Iterator[str]:
    if file in manifest.files:
        yield ""
        yield f"![{alternative}]({file})"


def _text(name: str) -> str:
    """A name in Markdown that shows as it is."""
    return name.translate(_MARKDOWN)
