"""Checks an ONNX file that is to be served as it is, and writes it with the input and output of every network here."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.imports.errors import ImportRefused
from worker.imports.finishing import scaling_of
from worker.imports.graph_interface import Ending, Interface, interface_of, served
from worker.imports.graph_rules import check_graph
from worker.imports.graph_trial import Trial, try_out
from worker.imports.limits import MAX_CLASSES
from worker.imports.options import ImportedModel, Outputs, PixelScaling
from worker.imports.result import CHECKED_FILE, Checked

SAME = 1e-4
"""Answers to pictures that come together and one by one may differ by this share of the largest one."""
_SUM = 1e-3


def check_onnx(path: Path, imported: ImportedModel, folder: Path) -> Checked:
    """Check a file, try it out, and write what is served.

    Args:
        path: of the file.
        imported: what the client said about it.
        folder: receives the file that is served.

    Raises:
        ImportRefused: it cannot be served.
    """
    model = _parsed(path)
    parameters = check_graph(model)
    interface = interface_of(model.graph, imported)
    name = "unit" if imported.preprocessing == "auto" else imported.preprocessing
    scaling = scaling_of(name)
    _check_scaling(scaling, interface)
    one_by_one, trial = _tried(model, interface, scaling)
    ending, remarks = _ending(trial.answers, imported.outputs)
    if one_by_one:
        remarks = (*remarks, "The model takes one picture at a time, and is run once for each picture of a batch.")
    final = served(model, interface, scaling, ending, one_by_one=one_by_one).SerializeToString()
    result = try_out(final, interface.shape)
    _check_probabilities(result.answers)
    (folder / CHECKED_FILE).write_bytes(final)
    return Checked(
        input_shape=interface.shape,
        n_classes=result.answers.shape[1],
        parameters=parameters,
        preprocessing=name if isinstance(name, str) else "own",
        difference=result.difference,
        seconds=result.seconds,
        remarks=remarks,
    )


def _parsed(path: Path) -> onnx.ModelProto:
    """The messages of a file; numbers in other files are not read."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf publishes no types
        raise ImportRefused("The file is not a sound ONNX file.") from error
    return model


def _check_scaling(scaling: PixelScaling, interface: Interface) -> None:
    channels = interface.shape[2]
    for name, values in (("scale", scaling.scale), ("offset", scaling.offset)):
        size = np.array(values).size
        if size not in (1, channels):
            raise ImportRefused(
                f"The {name} of the preprocessing does not fit; expected one number or {channels}, got {size}."
            )
    if scaling.channels == "bgr" and channels != 3:
        raise ImportRefused(f"Blue can come first only among three channels; the model has {channels}.")


def _tried(model: onnx.ModelProto, interface: Interface, scaling: PixelScaling) -> tuple[bool, Trial]:
    """Whether the graph has to be run once for each picture, and what it answers."""
    try:
        trial = _trial(model, interface, scaling, one_by_one=False)
        if trial.difference <= SAME * max(1.0, float(np.abs(trial.answers).max())):
            return False, trial
        reason = "answers several pictures at once differently from one"
    except ImportRefused:
        if interface.batch != 1:
            raise
        reason = ""
    if interface.batch != 1:
        raise ImportRefused(f"The model {reason}; expected the same answers.", "Export it for one picture at a time.")
    return True, _trial(model, interface, scaling, one_by_one=True)


def _trial(model: onnx.ModelProto, interface: Interface, scaling: PixelScaling, *, one_by_one: bool) -> Trial:
    candidate = served(model, interface, scaling, None, one_by_one=one_by_one)
    return try_out(candidate.SerializeToString(), interface.shape)


def _ending(answers: NDArray[np.float32], outputs: Outputs) -> tuple[Ending, tuple[str, ...]]:
    """What makes probabilities of the answers, and what to say about it."""
    are_shares = bool((answers >= 0).all() and (answers <= 1 + _SUM).all())
    if answers.shape[1] == 1:
        two = "One output became two classes; the second is the one that it speaks for."
        return ("binary" if are_shares and outputs != "logits" else "sigmoid"), (two,)
    if outputs == "probabilities":
        return "probabilities", ()
    sums = answers.sum(axis=1)
    if outputs == "auto" and are_shares and np.abs(sums - 1).max() <= _SUM:
        return "probabilities", ()
    if outputs == "auto" and (answers <= _SUM).all() and np.abs(np.exp(answers).sum(axis=1) - 1).max() <= _SUM:
        return "exponent", ("The model answers with logarithms of probabilities.",)
    return "softmax", ("The model answers with logits; a softmax was added.",)


def _check_probabilities(answers: NDArray[np.float32]) -> None:
    n_classes = answers.shape[1]
    if not 2 <= n_classes <= MAX_CLASSES:
        raise ImportRefused(f"The model has {n_classes:,} outputs; expected 2 to {MAX_CLASSES:,} classes.")
    if np.abs(answers.sum(axis=1) - 1).max() > _SUM or answers.min() < -_SUM:
        raise ImportRefused(
            "The model's answers are no probabilities; expected rows that sum to 1.", "Try outputs=logits."
        )
