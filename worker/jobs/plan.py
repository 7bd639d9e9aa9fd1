"""From a request to a complete training plan: fills in every default, and refuses what cannot work.

A plan says everything about a run. It is stored with the job and ends up in the manifest of the version. This module
knows neither HTTP nor Redis nor Keras.
"""

import secrets
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from model_store import Manifest
from worker.architectures import (
    Architecture,
    ArchitectureError,
    ArchitectureNotFound,
    OverrideError,
    Overrides,
    Preset,
    Recipe,
    analyse_overridden,
    get_preset,
    override,
)
from worker.datasets import DatasetInfo, FindDataset, dataset_info
from worker.jobs.dataset_choice import chosen_dataset
from worker.jobs.device_choice import check_devices
from worker.jobs.lineage import (
    DoesNotFit,
    FindVersion,
    architecture_of,
    check_fit,
    parse_reference,
)
from worker.jobs.model_names import default_model_name, name_of
from worker.jobs.older_records import BEFORE_OPTIONS
from worker.jobs.option_checks import OptionMisfit, check_options
from worker.jobs.picture_counts import batch_size_for, test_samples_of, train_samples_of, validation_of
from worker.jobs.request import (
    ArchitectureChoice,
    ClassWeights,
    DatasetName,
    JobRequest,
    ModelName,
    RequestInvalid,
    Validation,
)
from worker.jobs.transfer import choose_transfer, head_epochs, with_input_size
from worker.jobs.without_training import WithoutTraining
from worker.patterns import REFERENCE_PATTERN
from worker.recipe.options import (
    Augmentation,
    CompleteOptimizer,
    EarlyStopping,
    Optimizer,
    Precision,
    PretrainedWeights,
    TestTimeAugmentation,
    TrainedPart,
    complete_optimizer,
)
from worker.recipe.schedules import Schedule, filled_in

OWN_RECIPE = Recipe(optimizer=Optimizer(name="adam"), batch_size=32, epochs=10)
"""Defaults for a network of one's own: those of the lesson's first network."""


class TrainingPlan(WithoutTraining, defer_build=True):
    """A training with nothing left to choose: what a worker runs. Null means "without", never "not decided"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: ArchitectureChoice = Field(description="A preset's name, or the layers of a network of one's own.")
    overrides: Overrides | None = Field(default=None, description="Changes to that network.")
    dataset: DatasetName | Literal[""] = Field(description="Empty for an import that is not evaluated.")
    dataset_version: int | None = Field(
        default=None,
        exclude_if=lambda version: version is None,
        description="Version of an uploaded dataset: the newest one when the job was submitted, unless it named one.",
    )
    epochs: int = Field(ge=1, le=1000)
    model: ModelName = Field(description="Name to publish under.")
    batch_size: int = Field(ge=1, le=8192)
    optimizer: Annotated[CompleteOptimizer, BeforeValidator(complete_optimizer)]
    validation: Validation = Field(
        description="What val_loss and val_accuracy are measured on after every epoch: `validation`, the dataset's own "
        "validation split; `test`, the test split; or a share of the training pictures that is held out."
    )
    seed: int = Field(ge=0, lt=2**31)
    train_samples: int = Field(
        ge=1,
        description="Pictures of the shuffled training split that are used, including those held out for validation.",
    )
    test_samples: int | None = Field(
        default=None,
        ge=1,
        exclude_if=lambda samples: samples is None,
        description="Pictures of the test split that the network is tested on. Default: all.",
    )
    learning_rate_schedule: Schedule = Field(
        description="How the learning rate changes; the optimizer's rate is its highest value."
    )
    early_stopping: EarlyStopping | None = Field(default=None, description="Null: train to the last epoch.")
    augmentation: Augmentation = Field(description="Random changes of the training pictures.")
    test_time_augmentation: TestTimeAugmentation = Field(
        default="none",
        exclude_if=lambda views: views == "none",
        description="Views of each test picture over which answers are averaged in a test besides the plain one.",
    )
    class_weights: ClassWeights | None = Field(default=None, description="How much an error on a class counts.")
    label_smoothing: float = Field(ge=0, lt=1)
    ema: float = Field(ge=0, lt=1, description="Momentum of a moving average of the weights; 0 is off.")
    precision: Precision = Field(description="Number format of the layers' calculations.")
    deterministic: bool = False
    devices: int = Field(
        default=1,
        ge=1,
        exclude_if=lambda devices: devices == 1,
        description="GPUs of the worker among which every batch is divided. Default: 1.",
    )
    initial_model: str | None = Field(
        default=None, pattern=REFERENCE_PATTERN, description="Published version to continue from, as `name/version`."
    )
    weights: PretrainedWeights | None = Field(
        default=None,
        exclude_if=lambda weights: weights is None,
        description="Weights to start from that were learned elsewhere. Default: random ones.",
    )
    train: TrainedPart = Field(
        default="all",
        exclude_if=lambda train: train == "all",
        description="How much of the network is trained: `head`, `last_blocks` or `all`, which is the default.",
    )

    @model_validator(mode="before")
    @classmethod
    def _open_old_record(cls, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        return {**BEFORE_OPTIONS, **value} if isinstance(value, dict) else value

    @property
    def architecture_name(self) -> str:
        """The preset's name, or `custom` for a network of one's own."""
        return name_of(self.architecture)

    @property
    def head_epochs(self) -> int:
        """How many epochs, the first ones, train only the head."""
        return head_epochs(self.train, self.weights, self.epochs)

    @property
    def network(self) -> Architecture:
        """The network as layers, with the overrides made."""
        return _overridden(self.architecture, self.overrides)


def plan(
    request: JobRequest, find_version: FindVersion = lambda _: None, find_dataset: FindDataset = dataset_info
) -> TrainingPlan:
    """Fill in every default, and refuse what cannot work.

    Args:
        request: as it was sent.
        find_version: looks up a published version, for `initial_model`.
        find_dataset: looks up a dataset; by default among those that come with the program.

    Returns:
        What will run and what the job shows.

    Raises:
        DatasetNotReady: the dataset is still being converted, or could not be.
        RequestInvalid: no such preset, dataset or version; a network that does not fit the dataset or the version; too
            few pictures; options that contradict each other or the dataset.
    """
    info = chosen_dataset(request, find_dataset)
    initial = _initial_version(request.initial_model, find_version)
    architecture = _architecture(request, initial)
    recipe, preset = _recipe(architecture)
    transfer = choose_transfer(request, preset, has_initial=initial is not None)
    overrides = request.overrides
    if preset is not None and initial is None:
        overrides = with_input_size(overrides, preset, info)
    _check_network(architecture, overrides, info)
    if initial is not None:
        _check_continues(initial, _overridden(architecture, overrides), info)
    validation = validation_of(request, info)
    train_samples = train_samples_of(request, info, validation)
    recipe = recipe if transfer.recipe is None else transfer.recipe
    planned = _completed(request, architecture, recipe, train_samples, validation, initial).model_copy(
        update={
            "overrides": overrides,
            "weights": transfer.weights,
            "train": transfer.train,
            "test_samples": test_samples_of(request, info),
            "dataset_version": info.version,
        }
    )
    _check_options(planned, info)
    check_devices(planned.devices, planned.batch_size, planned.head_epochs, planned.precision)
    return planned


def _completed(
    request: JobRequest,
    architecture: str | Architecture,
    recipe: Recipe,
    train_samples: int,
    validation: Validation,
    initial: Manifest | None,
) -> TrainingPlan:
    epochs = request.epochs or recipe.epochs
    return TrainingPlan(
        architecture=architecture,
        overrides=request.overrides,
        dataset=request.dataset,
        epochs=epochs,
        model=request.model or default_model_name(request.dataset, architecture, request.overrides),
        batch_size=request.batch_size or batch_size_for(recipe, train_samples),
        optimizer=(request.optimizer or recipe.optimizer).filled_in(),
        validation=validation,
        seed=secrets.randbelow(2**31) if request.seed is None else request.seed,
        train_samples=train_samples,
        learning_rate_schedule=filled_in(request.learning_rate_schedule or recipe.learning_rate_schedule, epochs),
        early_stopping=request.early_stopping,
        augmentation=request.augmentation or recipe.augmentation,
        test_time_augmentation=request.test_time_augmentation,
        class_weights=request.class_weights,
        label_smoothing=recipe.label_smoothing if request.label_smoothing is None else request.label_smoothing,
        ema=recipe.ema if request.ema is None else request.ema,
        precision=request.precision or recipe.precision,
        deterministic=request.deterministic,
        devices=request.devices,
        initial_model=None if initial is None else initial.full_name,
    )


def _overridden(architecture: str | Architecture, overrides: Overrides | None) -> Architecture:
    described = _described(architecture)
    return override(described, overrides) if overrides else described


def _described(architecture: str | Architecture) -> Architecture:
    return get_preset(architecture).architecture if isinstance(architecture, str) else architecture


def _initial_version(reference: str | None, find_version: FindVersion) -> Manifest | None:
    """The version to continue from, if the request names one."""
    if reference is None:
        return None
    manifest = find_version(parse_reference(reference))
    if manifest is None:
        raise RequestInvalid(("initial_model",), f"no such version; expected a published one, got {reference!r}")
    if not manifest.architecture:
        message = f"cannot be trained; expected a version with layers, got {reference!r}, an imported ONNX file"
        raise RequestInvalid(("initial_model",), message)
    return manifest


def _architecture(request: JobRequest, initial: Manifest | None) -> str | Architecture:
    """The request's own, else that of the version it continues from."""
    if request.architecture is not None:
        return request.architecture
    if initial is not None:
        return architecture_of(initial)
    raise RequestInvalid(("architecture",), "missing; expected a preset's name, layers, or an `initial_model`")


def _recipe(architecture: str | Architecture) -> tuple[Recipe, Preset | None]:
    if not isinstance(architecture, str):
        return OWN_RECIPE, None
    try:
        preset = get_preset(architecture)
        return preset.recipe, preset
    except ArchitectureNotFound as error:
        raise RequestInvalid(("architecture",), str(error)) from error


def _check_network(architecture: str | Architecture, overrides: Overrides | None, info: DatasetInfo) -> None:
    try:
        analyse_overridden(_described(architecture), overrides, info.image_shape, len(info.classes))
    except OverrideError as error:
        raise RequestInvalid(error.loc, str(error)) from error
    except ArchitectureError as error:
        raise RequestInvalid(("architecture", *error.loc), str(error)) from error


def _check_continues(initial: Manifest, network: Architecture, info: DatasetInfo) -> None:
    try:
        check_fit(initial, network, info.image_shape)
    except DoesNotFit as error:
        raise RequestInvalid(("initial_model",), str(error)) from error


def _check_options(planned: TrainingPlan, info: DatasetInfo) -> None:
    try:
        check_options(planned.learning_rate_schedule, planned.augmentation, planned.class_weights, info, planned.epochs)
    except OptionMisfit as error:
        raise RequestInvalid(error.loc, error.message) from error
