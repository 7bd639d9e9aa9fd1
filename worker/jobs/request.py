"""What a client may send to ask for a training: the body of `POST /jobs`.

`worker.jobs.plan` turns a request into a complete training plan. This module knows neither HTTP nor Redis.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from model_store.names import ALIAS_PATTERN, MODEL_PATTERN
from worker.architectures import Architecture, Overrides
from worker.jobs.labels import Labels
from worker.patterns import REFERENCE_PATTERN
from worker.recipe.options import (
    Augmentation,
    Balanced,
    EarlyStopping,
    Optimizer,
    OptimizerName,
    Precision,
    PretrainedWeights,
    TestTimeAugmentation,
    TrainedPart,
    Weights,
    class_weights_kind,
    expand_early_stopping,
)
from worker.recipe.schedules import SCHEDULE_NAMES, Schedule, ScheduleName, expand_name

FEWEST_STEPS, SMALLEST_BATCH = 40, 8
"""Measured with `fast` in its six epochs on 200 pictures of Fashion-MNIST: val_accuracy 0.16 to 0.20 with its recipe's
batches of 256, 0.74 to 0.75 with 8. On 5,000 pictures of CIFAR-10, batches of 64 did better than smaller and larger
ones."""
MOST_DEVICES = 64

UNION_TAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "architecture": frozenset({"preset", "description"}),
        "learning_rate_schedule": SCHEDULE_NAMES,
        "class_weights": frozenset({"balanced", "weights"}),
    }
)
"""Tags that pydantic inserts after a field in an error's path, by field; the client's JSON has no such level."""


def _architecture_kind(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return "preset" if isinstance(value, str) else "description"


ModelName = Annotated[str, Field(pattern=MODEL_PATTERN, examples=["shirts"])]
DatasetName = Annotated[str, Field(pattern=MODEL_PATTERN, examples=["fashion_mnist"])]
PresetName = Annotated[str, Field(pattern=ALIAS_PATTERN, examples=["lenet5-fashion"])]
ArchitectureChoice = Annotated[
    Annotated[PresetName, Tag("preset")] | Annotated[Architecture, Tag("description")],
    Discriminator(_architecture_kind),
]
Validation = Literal["test", "validation"] | Annotated[float, Field(gt=0, lt=1)]
ClassWeights = Annotated[
    Annotated[Balanced, Tag("balanced")] | Annotated[Weights, Tag("weights")], Discriminator(class_weights_kind)
]


def without_union_tags(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path of an error as it is in the client's own JSON."""
    if len(loc) > 1 and loc[1] in UNION_TAGS.get(str(loc[0]), ()):
        return (loc[0], *loc[2:])
    if loc[:1] == ("grid",) and loc[2:3] in {("values",), ("range",)}:
        return (*loc[:2], *loc[3:])
    return loc


class JobRequest(Labels):
    """What a client may ask for: architecture and dataset are enough; everything else has a default."""

    architecture: ArchitectureChoice | None = Field(
        default=None,
        description="A preset's name, or a network of your own as a list of layers. Required unless `initial_model` "
        "is given.",
    )
    overrides: Overrides | None = Field(
        default=None,
        description="Changes to that network: `activation`, `depth`, `width`, `input_size`, `dropout`.",
        examples=[{"activation": "relu"}, {"depth": 2, "width": 0.5}, {"input_size": "native"}],
    )
    dataset: DatasetName = Field(description="Name of a dataset, see `GET /datasets`.")
    dataset_version: int | None = Field(
        default=None, ge=1, le=10**6, description="Version of an uploaded dataset. Default: the newest one."
    )
    epochs: int | None = Field(default=None, ge=1, le=1000, description="Default: the preset's recipe.")
    model: ModelName | None = Field(
        default=None,
        description="Name to publish under. Default: `<dataset>-<architecture>`, followed by the overrides, such as "
        "`fashion_mnist-lenet5-relu`.",
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        le=8192,
        description="Default: the preset's recipe; with few training pictures a smaller power of two, "
        f"at least {SMALLEST_BATCH}, so that an epoch has about {FEWEST_STEPS} steps.",
    )
    optimizer: Annotated[
        Optimizer | None, BeforeValidator(expand_name, json_schema_input_type=OptimizerName | Optimizer | None)
    ] = Field(
        default=None,
        description="A name (`adam`, `adamw`, `muon`, `rmsprop`, `sgd`) or an object with its settings. "
        "Default: the preset's recipe.",
        examples=["adam", {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}],
    )
    validation: Validation | None = Field(
        default=None,
        description="What val_loss and val_accuracy are measured on after every epoch: `validation`, the dataset's own "
        "validation split; `test`, the test split, as in the lesson; or a share of the training pictures that is held "
        "out. Default: `validation` if the dataset has such a split, otherwise 0.1.",
        examples=[0.1, "test"],
    )
    seed: int | None = Field(default=None, ge=0, lt=2**31, description="Default: a random one, which the job shows.")
    train_samples: int | None = Field(
        default=None, ge=1, description="Train on the first n pictures of the shuffled training split."
    )
    test_samples: int | None = Field(
        default=None,
        ge=1,
        description="For a quick try: test on n pictures of the test split, drawn so that every class keeps its share. "
        "The same number draws the same pictures for every job. `evaluation.json` says how many were tested. Default: "
        "the whole test split.",
        examples=[200],
    )
    learning_rate_schedule: Annotated[
        Schedule | None, BeforeValidator(expand_name, json_schema_input_type=ScheduleName | Schedule | None)
    ] = Field(
        default=None,
        description="How the learning rate changes, by name or as an object with settings; the optimizer's rate is its "
        "highest value. Default: the preset's recipe, mostly `constant`.",
        examples=["cosine", {"name": "one_cycle", "peak_at": 0.3}],
    )
    early_stopping: Annotated[
        EarlyStopping | None,
        BeforeValidator(expand_early_stopping, json_schema_input_type=bool | EarlyStopping | None),
    ] = Field(
        default=None,
        description="`true` or an object: stop when no epoch has been better for a while, and publish the best one. "
        "Off by default: the last epoch is published, and the best one is only marked.",
    )
    augmentation: Augmentation | None = Field(
        default=None,
        description="Random changes of the training pictures; `{}` for none. Default: the preset's recipe.",
        examples=[{"horizontal_flip": True, "shift_pixels": 4}],
    )
    test_time_augmentation: TestTimeAugmentation = Field(
        default="none",
        description="At the end, test a second time, with the network's answers averaged over several views of each "
        "test picture. `flip`: the picture and its mirror image; `flip_and_shift`: also moved by a pixel up and to the "
        "left, and down and to the right, each with its mirror image. The results are `tta_test_accuracy` and "
        "`tta_test_loss`; the plain figures stay as they are, and so do predictions. Not for pictures that mean "
        "something else when mirrored, such as digits.",
    )
    class_weights: ClassWeights | None = Field(
        default=None,
        description="How much an error on a class counts: a weight by label (1 for labels not named), or `balanced`: "
        "rare classes count more. Default: all classes count the same.",
    )
    label_smoothing: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of every training target that is spread over all classes. Default: the preset's recipe.",
    )
    ema: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Momentum of a moving average of the weights, such as 0.999; the average is validated and "
        "published. 0 is off. Default: the preset's recipe.",
    )
    precision: Precision | None = Field(
        default=None,
        description="Number format of the layers' calculations. `auto` is `mixed_bfloat16` on hardware that supports "
        "it and is faster with it. The published model is always float32. Default: the preset's recipe, mostly "
        "`float32`.",
    )
    deterministic: bool = Field(
        default=False,
        description="Use only operations that give the same bits every time on the same hardware and libraries. "
        "Slower, mostly on a GPU.",
    )
    devices: int = Field(
        default=1,
        ge=1,
        le=MOST_DEVICES,
        description="Number of GPUs of one worker that every batch is divided among (data-parallel). The losses are "
        "those of one device with the same `batch_size`, up to rounding and the draws of dropout. `GET /workers` shows "
        "how many each worker has.",
    )
    initial_model: str | None = Field(
        default=None,
        pattern=REFERENCE_PATTERN,
        description="Continue from a published version: `name` (its latest), `name/version` or `name@alias`. If the "
        "dataset has other classes, the last layer is initialized anew.",
        examples=["shirts/3"],
    )
    weights: PretrainedWeights | Literal["none"] | None = Field(
        default=None,
        description="Weights to start from that were learned elsewhere: `imagenet`, on a million photographs; `none` "
        "starts from random ones. Default: what the preset has, unless `initial_model` is given.",
    )
    train: TrainedPart | None = Field(
        default=None,
        description="How much of a network with learned weights is trained. `head`: only the last layer; the features "
        "before it are computed once for each picture and kept, so that it takes seconds. `last_blocks` and `all`: the "
        "first half of the epochs trains the head, the second half also the last layers (half of the weights at "
        "most) or all of them, with a tenth of the learning rate and fixed batch normalization. Default: `head` with "
        "pretrained `weights`, otherwise `all`; after `initial_model`, `all` trains every layer from the first epoch.",
    )


class RequestInvalid(ValueError):
    """A well-formed request that cannot be run.

    Attributes:
        loc: path of the field at fault, as in pydantic's errors.
        message: what is wrong, what was expected, what came.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(map(str, loc))}: {message}")
        self.loc = loc
        self.message = message


def labels_of(request: JobRequest) -> Labels:
    """What a request says besides its training."""
    return Labels.model_validate(request.model_dump(include=set(Labels.model_fields)))
