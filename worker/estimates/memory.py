"""How much memory a training needs and how large its files become, computed from the layer table.

All values count as float32. The constants were measured with Keras 3.15 and TensorFlow 2.21 on a CPU. For `cnn-wide` on
`cifar10` the estimate is 1.58 GB; the measured peak was 1.59 GB.
"""

from math import prod

from pydantic import BaseModel, ConfigDict, Field

from worker.architectures import Analysis
from worker.datasets import DatasetInfo
from worker.estimates.keras_file import holds_optimizer
from worker.jobs.plan import TrainingPlan
from worker.recipe.options import Optimizer

FLOAT_BYTES = 4
TRAINER_BYTES = 820_000_000
"""Memory of a trainer after training, export and drawing for the smallest network: Python, Keras, TensorFlow,
matplotlib."""
FEED_BYTES = 4 * 2**24
"""Chunks of `worker.training.feeding`: two in the queue, one being prepared, one in use."""
FORWARD_BYTES = 1 << 30
"""Most that `worker.training.network.pictures_at_once` lets the outputs of all layers take."""
TESTED_BYTES = 256 * 2**20
"""Most float32 pictures that `worker.training.predicting` has in memory."""
KERAS_FILE_BYTES, KERAS_LAYER_BYTES = 16_000, 4_000
"""Size of a `.keras` file besides its numbers: the HDF5 structure and the configuration as JSON."""
ONNX_FILE_BYTES, ONNX_LAYER_BYTES = 2_000, 700


class MemoryEstimate(BaseModel, defer_build=True):
    """Bytes of memory: of the GPU if there is one, else of the machine; of several devices, all together.

    Each device has its own weights, gradients, optimizer state and moving average.
    """

    model_config = ConfigDict(frozen=True)

    program: int = Field(description="The trainer itself, for any network.")
    weights: int
    gradients: int
    optimizer: int = Field(description="The optimizer's state for every weight.")
    ema: int = Field(description="The moving average of the weights, with `ema`.")
    kept_weights: int = Field(
        description="The weights of the best epoch and of the one validated last, with `early_stopping`."
    )
    checkpoint: int = Field(
        description="A copy of weights, optimizer state and moving averages while it is written to the model store."
    )
    activations: int = Field(
        description="Every layer's output for one batch, kept for backpropagation, and its gradient."
    )
    dataset: int = Field(
        description="The pictures while they are read and selected, the validation and test pictures as float32, and "
        "the batches prepared in advance."
    )
    total: int

    @property
    def copies(self) -> int:
        """What each device has a copy of, on all devices together."""
        return self.weights + self.gradients + self.optimizer + self.ema


class FileSizes(BaseModel, defer_build=True):
    """Sizes in bytes of the files to be published."""

    model_config = ConfigDict(frozen=True)

    keras: int = Field(description="`model.keras`: the weights and, if it is saved, the optimizer's state.")
    onnx: int = Field(description="`model.onnx`: the weights.")


def estimate_memory(analysis: Analysis, info: DatasetInfo, plan: TrainingPlan, validation: int) -> MemoryEstimate:
    """Estimate the memory that is in use while a batch is trained on.

    Args:
        analysis: of the network, for the dataset.
        info: the dataset.
        plan: of the training.
        validation: number of validation pictures.
    """
    per_picture = prod(info.image_shape)
    n_tested = plan.test_samples or info.n_test
    if plan.head_epochs:
        n_tested = min(n_tested, 1 + TESTED_BYTES // (per_picture * FLOAT_BYTES))
    outputs = analysis.outputs + per_picture
    weights = analysis.parameters * FLOAT_BYTES
    head_only = plan.head_epochs == plan.epochs
    trainable = (analysis.layers[-1].parameters if head_only else analysis.trainable_parameters) * FLOAT_BYTES
    optimizer = trainable * slots_per_weight(plan.optimizer)
    ema = trainable if plan.ema else 0
    copied = {"weights": weights, "gradients": trainable, "optimizer": optimizer, "ema": ema}
    parts = {
        "program": TRAINER_BYTES,
        **{name: plan.devices * size for name, size in copied.items()},
        "kept_weights": 2 * weights if plan.early_stopping else 0,
        "checkpoint": weights + optimizer + ema,
        "activations": max(FORWARD_BYTES, outputs * FLOAT_BYTES)
        if head_only
        else 2 * outputs * plan.batch_size * FLOAT_BYTES,
        # Both exist twice for a while: pictures are copied when they are joined or selected, and TensorFlow copies
        # NumPy's arrays. At the end the test split is evaluated too.
        "dataset": 2
        * per_picture
        * (info.n_train + info.n_test + info.n_validation + max(0 if head_only else validation, n_tested) * FLOAT_BYTES)
        + (_features(analysis, info, plan) if plan.head_epochs else 0)
        + FEED_BYTES,
    }
    return MemoryEstimate(**parts, total=sum(parts.values()))


def memory_per_device(memory: MemoryEstimate, plan: TrainingPlan) -> int:
    """Bytes that the device with the largest share of a batch holds: its copies, and the activations of its share."""
    pictures = -(-plan.batch_size // plan.devices)
    return memory.copies // plan.devices + memory.activations * pictures // plan.batch_size


def _features(analysis: Analysis, info: DatasetInfo, plan: TrainingPlan) -> int:
    """Features of all pictures: as they are read or computed, joined, and in the order of the training."""
    values = analysis.layers[-1].parameters // len(info.classes)
    return 3 * values * FLOAT_BYTES * (plan.train_samples + max(info.n_validation, info.n_test))


def estimate_files(analysis: Analysis, plan: TrainingPlan) -> FileSizes:
    """Sizes of the two model files of a training."""
    numbers = analysis.parameters
    if holds_optimizer(plan, analysis.parameters):
        per_weight = slots_per_weight(plan.optimizer) + (1 if plan.ema else 0)
        numbers += analysis.trainable_parameters * per_weight
    n_layers = len(analysis.layers)
    return FileSizes(
        keras=numbers * FLOAT_BYTES + KERAS_FILE_BYTES + KERAS_LAYER_BYTES * n_layers,
        onnx=analysis.parameters * FLOAT_BYTES + ONNX_FILE_BYTES + ONNX_LAYER_BYTES * n_layers,
    )


def slots_per_weight(optimizer: Optimizer) -> int:
    """How many numbers the optimizer keeps per weight: Adam's two moments, a velocity, a mean square."""
    kept = {"adam": 2, "adamw": 2, "muon": 1, "rmsprop": 1, "sgd": 0}[optimizer.name]
    return kept + (1 if optimizer.momentum else 0)
