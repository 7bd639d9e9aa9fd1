"""Writes `model.keras`: compiled with classes of Keras, so that `evaluate` and `fit` work without this program.

The optimizer in the file is the one that trained the network, with its state, or a fresh one of the same kind. Keras
builds the optimizer of a file as it opens it, and warns when the file does not hold each of its variables. So a fresh
optimizer's variables are in the file, as HDF5 datasets without data: they are read as zeros and take no space.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py  # Keras writes its files with it
import keras

from worker.estimates.keras_file import holds_optimizer
from worker.jobs.plan import TrainingPlan
from worker.training.compiling import compile_afresh
from worker.training.kernels.starting import release_kernels

_WEIGHTS = "model.weights.h5"
_STATE = "optimizer/vars"


def save_trained(network: keras.Model, plan: TrainingPlan, path: Path) -> None:
    """Write a network as its training left it, with the state of its optimizer where the file can hold that.

    Args:
        network: the one to publish. If it was rebuilt in float32, it was never compiled and has no optimizer.
        plan: of its training.
        path: of the file, which ends with `.keras`.
    """
    with_optimizer = network.compiled and holds_optimizer(plan, network.count_params())
    save_keras(network, plan, path, with_optimizer=with_optimizer)


def save_keras(network: keras.Model, plan: TrainingPlan, path: Path, *, with_optimizer: bool) -> None:
    """Write a trained network as a Keras file.

    Args:
        network: compiled, if its optimizer's state is written.
        plan: of its training.
        path: of the file, which ends with `.keras`.
        with_optimizer: write the state of the network's optimizer, and not a fresh optimizer.
    """
    if with_optimizer:
        network.save(path)
        return
    # The same layers and weights. One input and one output, not lists of one: Keras warns of a list when it is called
    # with the pictures themselves.
    fresh = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    release_kernels(fresh)
    compile_afresh(fresh, plan)
    _save_fresh(fresh, path)


def _save_fresh(network: keras.Model, path: Path) -> None:
    with TemporaryDirectory(dir=path.parent) as folder:
        unpacked = Path(folder) / "model"
        keras.saving.save_model(network, str(unpacked), zipped=False)
        with h5py.File(unpacked / _WEIGHTS, "r+") as weights:
            state = weights[_STATE]
            for number, shape in enumerate(_state_shapes(network)):
                if str(number) not in state:
                    state.create_dataset(str(number), shape, "float32", fillvalue=0)
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(file for file in unpacked.rglob("*") if file.is_file()):
                archive.write(file, file.relative_to(unpacked))


def _state_shapes(network: keras.Model) -> Sequence[tuple[int, ...]]:
    """The shapes of the variables that the network's optimizer will have, in order.

    They are told by a twin that is built for vectors of 1, 2, 3 … numbers instead of the weights: building it for the
    weights of VGG16 would take a gigabyte.
    """
    weights = network.trainable_variables
    twin = type(network.optimizer).from_config(network.optimizer.get_config())
    twin.build([keras.Variable([0.0] * number) for number, _ in enumerate(weights, start=1)])
    shapes = [tuple(variable.shape) for variable in twin.variables]
    return [tuple(weights[shape[0] - 1].shape) if shape else () for shape in shapes]
