"""What a training is asked for: the body of `POST /jobs`, its defaults, and the checks that need no Keras.

A request whose defaults are filled in says everything about a run; it is stored with the job and ends up in the
manifest. This module knows neither HTTP nor Redis.
"""

import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from model_store import Manifest
from worker.architectures import (
    Architecture,
    ArchitectureError,
    ArchitectureNotFound,
    OverrideError,
    Overrides,
    Recipe,
    analyse_overridden,
    get_preset,
    override,
)
from worker.datasets import DatasetInfo, DatasetNotFound, FindDataset, dataset_info
from worker.jobs.lineage import (
    REFERENCE_PATTERN,
    DoesNotFit,
    FindVersion,
    VersionReference,
    architecture_of,
    check_fit,
    parse_reference,
)
from worker.jobs.option_checks import OptionMisfit, check_options
from worker.recipe.options import (
    Augmentation,
    Balanced,
    EarlyStopping,
    Optimizer,
    Precision,
    Weights,
    class_weights_kind,
    expand_early_stopping,
)
from worker.recipe.schedules import SCHEDULE_NAMES, Schedule, expand_name, filled_in

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["shirts"])]
DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["fashion_mnist"])]
PresetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["lenet5-fashion"])]

OWN_RECIPE = Recipe(optimizer="adam", learning_rate=None, batch_size=32, epochs=10)
"""Defaults for a network of one's own: those of the lesson's first network."""

FEWEST_STEPS, SMALLEST_BATCH = 40, 8
"""Measured with `fast` in its six epochs on 200 pictures of Fashion-MNIST: val_accuracy 0.16 to 0.20 with its recipe's
batches of 256, 0.74 to 0.75 with 8; on 5,000 of CIFAR-10 batches of 64 did better than smaller and larger ones."""


UNION_TAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "architecture": frozenset({"preset", "description"}),
        "learning_rate_schedule": SCHEDULE_NAMES,
        "class_weights": frozenset({"balanced", "weights"}),
    }
)
"""Tags that pydantic puts after a field in an error's path, by field; the request has no such level."""


def without_union_tags(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path of an error within a request, as it is in the client's own JSON."""
    if len(loc) > 1 and loc[1] in UNION_TAGS.get(str(loc[0]), ()):
        return (loc[0], *loc[2:])
    return loc


def _architecture_kind(value: Any) -> str:  # noqa: ANN401 - whatever JSON value came
    return "preset" if isinstance(value, str) else "description"


class JobRequest(BaseModel):
    """A training: architecture, dataset and epochs are enough; everything else has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: (
        Annotated[
            Annotated[PresetName, Tag("preset")] | Annotated[Architecture, Tag("description")],
            Discriminator(_architecture_kind),
        ]
        | None
    ) = Field(
        default=None,
        description="A preset's name, or a network of your own as a list of layers. Needed, unless `initial_model` "
        "brings one.",
    )
    overrides: Overrides | None = Field(
        default=None,
        description="Changes to that network: `activation`, `depth`, `width`, `input_size`, `dropout`.",
        examples=[{"activation": "relu"}, {"depth": 2, "width": 0.5}, {"input_size": "native"}],
    )
    dataset: DatasetName = Field(description="Name of a dataset, see `GET /datasets`.")
    epochs: int | None = Field(default=None, ge=1, le=1000, description="Default: the preset's recipe.")
    model: ModelName | None = Field(
        default=None,
        description="Name to publish under; default `<dataset>-<architecture>`, with the overrides behind it, such as "
        "`fashion_mnist-lenet5-relu`.",
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        le=8192,
        description="Default: the preset's recipe; with few training pictures a smaller power of two, "
        f"{SMALLEST_BATCH} at least, that makes some {FEWEST_STEPS} steps an epoch of them.",
    )
    optimizer: Annotated[Optimizer | None, BeforeValidator(expand_name)] = Field(
        default=None,
        description="A name (`adam`, `adamw`, `rmsprop`, `sgd`) or an object with its settings. "
        "Default: the preset's recipe.",
        examples=["adam", {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}],
    )
    validation: Literal["test"] | Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.1,
        description="What val_loss and val_accuracy are measured on after every epoch: `test`, the test split, "
        "as the lesson does; or a share of the training pictures that is held out.",
    )
    seed: int | None = Field(default=None, ge=0, lt=2**31, description="Default: drawn, and shown in the job.")
    train_samples: int | None = Field(
        default=None, ge=1, description="Train on the first n pictures of the shuffled training split."
    )
    learning_rate_schedule: Annotated[Schedule | None, BeforeValidator(expand_name)] = Field(
        default=None,
        description="How the learning rate changes, by name or as an object with settings; the optimizer's rate is its "
        "highest value. Default: the preset's recipe, mostly `constant`.",
        examples=["cosine", {"name": "one_cycle", "peak_at": 0.3}],
    )
    early_stopping: Annotated[EarlyStopping | None, BeforeValidator(expand_early_stopping)] = Field(
        default=None,
        description="`true` or an object: stop when no epoch has been better for a while, and publish the best one. "
        "Off by default: the last epoch is published, and the best one only marked.",
    )
    augmentation: Augmentation | None = Field(
        default=None,
        description="Random changes of the training pictures; `{}` for none. Default: the preset's recipe.",
        examples=[{"horizontal_flip": True, "shift_pixels": 4}],
    )
    class_weights: (
        Annotated[
            Annotated[Balanced, Tag("balanced")] | Annotated[Weights, Tag("weights")], Discriminator(class_weights_kind)
        ]
        | None
    ) = Field(
        default=None,
        description="What an error on a class counts: a weight by label (1 for those not named), or `balanced`, the "
        "rarer the class the more. Default: all alike.",
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
        description="Momentum of a moving average of the weights, such as 0.999; the average is what is validated and "
        "published. 0 is off. Default: the preset's recipe.",
    )
    precision: Precision | None = Field(
        default=None,
        description="What the layers calculate with. `auto` is `mixed_bfloat16` where the worker's hardware has it and "
        "is faster by it. The published model is float32 in any case. Default: the preset's recipe, mostly `float32`.",
    )
    deterministic: bool = Field(
        default=False,
        description="Only operations that give the same bits every time, on the same hardware and libraries; slower, "
        "on a GPU above all.",
    )
    initial_model: str | None = Field(
        default=None,
        pattern=REFERENCE_PATTERN,
        description="Train on from a published version: `name` (its latest), `name/version` or `name@alias`. If the "
        "dataset has other classes, the last layer starts anew.",
        examples=["shirts/3"],
    )

    @property
    def architecture_name(self) -> str:
        """The preset's name, or `custom` for a network of one's own."""
        return self.architecture if isinstance(self.architecture, str) else "custom"


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


def _nothing_published(reference: VersionReference) -> None:
    """A store without models."""


def plan(
    request: JobRequest, find_version: FindVersion = _nothing_published, find_dataset: FindDataset = dataset_info
) -> JobRequest:
    """Fill in every default, and refuse what cannot work.

    Args:
        request: as it came.
        find_version: looks a published version up, for `initial_model`.
        find_dataset: looks a dataset up; by default among those that come with the program.

    Returns:
        The request with no field left to choose: what will run, and what the job shows.

    Raises:
        DatasetNotReady: the dataset is still being converted, or could not be.
        RequestInvalid: no such preset, dataset or version; a network that does not fit the dataset or the version; too
            few pictures; options that make no sense together or with the dataset.
    """
    info = _dataset(request.dataset, find_dataset)
    request, initial = _with_initial_model(request, find_version)
    recipe = _recipe(request)
    _fits(request, info)
    if initial is not None:
        _continues(initial, request, info)
    train_samples = _train_samples(request, info)
    epochs = request.epochs or recipe.epochs
    schedule = filled_in(request.learning_rate_schedule or recipe.learning_rate_schedule, epochs)
    augmentation = request.augmentation or recipe.augmentation
    try:
        check_options(schedule, augmentation, request.class_weights, info, epochs)
    except OptionMisfit as error:
        raise RequestInvalid(error.loc, error.message) from error
    return request.model_copy(
        update={
            "epochs": epochs,
            "model": request.model or default_model_name(request),
            "batch_size": request.batch_size or _batch_size(recipe, train_samples),
            "optimizer": (request.optimizer or _optimizer(recipe)).filled_in(),
            "seed": request.seed if request.seed is not None else secrets.randbelow(2**31),
            "train_samples": train_samples,
            "learning_rate_schedule": schedule,
            "augmentation": augmentation,
            "label_smoothing": recipe.label_smoothing if request.label_smoothing is None else request.label_smoothing,
            "ema": recipe.ema if request.ema is None else request.ema,
            "precision": request.precision or recipe.precision,
        }
    )


def default_model_name(request: JobRequest) -> str:
    """`<dataset>-<architecture>-<overrides>`, within the 63 characters of a name; the end stays whole."""
    end = request.overrides.slug if request.overrides else ""
    start = re.sub(r"[^a-z0-9_-]", "-", f"{request.dataset}-{request.architecture_name}")
    return start[: 63 - len(end)] + end


def description_of(request: JobRequest) -> Architecture:
    """The network as layers, whether it came as a preset's name or as a description, with its overrides made."""
    described = _before_overrides(request)
    return override(described, request.overrides) if request.overrides else described


def _before_overrides(request: JobRequest) -> Architecture:
    if isinstance(request.architecture, str):
        return get_preset(request.architecture).architecture
    assert request.architecture is not None, "`plan` takes it from the initial model where a request brings none"
    return request.architecture


def _dataset(name: str, find_dataset: FindDataset) -> DatasetInfo:
    try:
        return find_dataset(name)
    except DatasetNotFound as error:
        raise RequestInvalid(("dataset",), str(error)) from error


def _with_initial_model(request: JobRequest, find_version: FindVersion) -> tuple[JobRequest, Manifest | None]:
    """The request with the version named for good and its network, unless it brought one; and the version."""
    if request.initial_model is None:
        if request.architecture is None:
            raise RequestInvalid(("architecture",), "missing; expected a preset's name, layers, or an `initial_model`")
        return request, None
    manifest = find_version(parse_reference(request.initial_model))
    if manifest is None:
        raise RequestInvalid(
            ("initial_model",), f"no such version; expected a published one, got {request.initial_model!r}"
        )
    named = {"initial_model": f"{manifest.model}/{manifest.version}"}
    network = {} if request.architecture is not None else {"architecture": architecture_of(manifest)}
    return request.model_copy(update=named | network), manifest


def _continues(manifest: Manifest, request: JobRequest, info: DatasetInfo) -> None:
    try:
        check_fit(manifest, description_of(request), info.image_shape)
    except DoesNotFit as error:
        raise RequestInvalid(("initial_model",), str(error)) from error


def _optimizer(recipe: Recipe) -> Optimizer:
    settings = recipe.model_dump(include={"learning_rate", "momentum", "nesterov", "beta_2", "weight_decay"})
    return Optimizer.model_validate({"name": recipe.optimizer, **settings})


def _batch_size(recipe: Recipe, train_samples: int) -> int:
    """The recipe's; of few pictures a smaller power of two, so that an epoch has enough steps to learn from."""
    most = max(SMALLEST_BATCH, train_samples // FEWEST_STEPS)
    return min(recipe.batch_size, 1 << (most.bit_length() - 1))


def _recipe(request: JobRequest) -> Recipe:
    if not isinstance(request.architecture, str):
        return OWN_RECIPE
    try:
        return get_preset(request.architecture).recipe
    except ArchitectureNotFound as error:
        raise RequestInvalid(("architecture",), str(error)) from error


def _fits(request: JobRequest, info: DatasetInfo) -> None:
    try:
        analyse_overridden(_before_overrides(request), request.overrides, info.image_shape, len(info.classes))
    except OverrideError as error:
        raise RequestInvalid(error.loc, str(error)) from error
    except ArchitectureError as error:
        raise RequestInvalid(("architecture", *error.loc), str(error)) from error


def _train_samples(request: JobRequest, info: DatasetInfo) -> int:
    """Pictures left to train on once validation has had its share, checked to be at least one of each kind."""
    wanted = request.train_samples or info.n_train
    if wanted > info.n_train:
        raise RequestInvalid(
            ("train_samples",),
            f"more pictures than {info.name} has for training; expected at most {info.n_train}, got {wanted}",
        )
    if request.validation != "test" and not 1 <= round(wanted * request.validation) < wanted:
        raise RequestInvalid(
            ("validation",),
            f"the share leaves no picture to train on or to validate with; got {request.validation} of {wanted}",
        )
    return wanted
