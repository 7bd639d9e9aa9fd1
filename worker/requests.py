"""What a training is asked for: the body of `POST /jobs`, its defaults, and the checks that need no Keras.

A request whose defaults are filled in says everything about a run; it is stored with the job and ends up in the
manifest. This module knows neither HTTP nor Redis.
"""

import re
import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from worker.architectures import (
    Architecture,
    ArchitectureError,
    ArchitectureNotFound,
    Recipe,
    analyse,
    get_preset,
)
from worker.datasets import DatasetInfo, DatasetNotFound, dataset_info

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["shirts"])]
DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["fashion_mnist"])]
PresetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["lenet5-fashion"])]

OWN_RECIPE = Recipe(optimizer="adam", learning_rate=None, batch_size=32, epochs=10)
"""Defaults for a network of one's own: those of the lesson's first network."""


class Optimizer(BaseModel):
    """An optimizer by its Keras name, with the settings that differ from Keras's defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["adam", "adamw", "rmsprop", "sgd"]
    learning_rate: float | None = Field(default=None, gt=0, le=100, description="Default: Keras's own.")
    momentum: float | None = Field(default=None, ge=0, lt=1, description="For `sgd` and `rmsprop`.")

    @model_validator(mode="after")
    def _momentum_fits_name(self) -> "Optimizer":
        if self.momentum is not None and self.name not in {"sgd", "rmsprop"}:
            raise ValueError(f"momentum does not belong to {self.name}; expected it only with sgd or rmsprop")
        return self


ARCHITECTURE_KINDS = frozenset({"preset", "description"})
"""Tags that pydantic puts after `architecture` in an error's path; the request has no such level."""


def _optimizer_from_name(value: Any) -> Any:  # noqa: ANN401 - whatever JSON value came
    return {"name": value} if isinstance(value, str) else value


def _architecture_kind(value: Any) -> str:  # noqa: ANN401 - whatever JSON value came
    return "preset" if isinstance(value, str) else "description"


class JobRequest(BaseModel):
    """A training: architecture, dataset and epochs are enough; everything else has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Annotated[
        Annotated[PresetName, Tag("preset")] | Annotated[Architecture, Tag("description")],
        Discriminator(_architecture_kind),
    ] = Field(description="A preset's name, or a network of your own as a list of layers.")
    dataset: DatasetName = Field(description="Name of a dataset, see `GET /datasets`.")
    epochs: int | None = Field(default=None, ge=1, le=1000, description="Default: the preset's recipe.")
    model: ModelName | None = Field(
        default=None, description="Name to publish under; default `<dataset>-<architecture>`."
    )
    batch_size: int | None = Field(default=None, ge=1, le=8192, description="Default: the preset's recipe.")
    optimizer: Optimizer | None = Field(
        default=None,
        description="A name (`adam`, `adamw`, `rmsprop`, `sgd`) or an object with its settings.",
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

    @model_validator(mode="before")
    @classmethod
    def _expand_names(cls, data: Any) -> Any:  # noqa: ANN401 - whatever JSON value came
        if isinstance(data, dict) and "optimizer" in data:
            return data | {"optimizer": _optimizer_from_name(data["optimizer"])}
        return data

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


def plan(request: JobRequest) -> JobRequest:
    """Fill in every default, and refuse what cannot work.

    Returns:
        The request with no field left to choose: what will run, and what the job shows.

    Raises:
        RequestInvalid: no such preset or dataset, a network that does not fit the dataset, too few pictures.
    """
    info = _dataset(request.dataset)
    recipe = _recipe(request)
    _fits(request, info)
    batch_size = request.batch_size or recipe.batch_size
    return request.model_copy(
        update={
            "epochs": request.epochs or recipe.epochs,
            "model": request.model or default_model_name(request),
            "batch_size": batch_size,
            "optimizer": request.optimizer
            or Optimizer.model_validate({"name": recipe.optimizer, "learning_rate": recipe.learning_rate}),
            "seed": request.seed if request.seed is not None else secrets.randbelow(2**31),
            "train_samples": _train_samples(request, info),
        }
    )


def default_model_name(request: JobRequest) -> str:
    """`<dataset>-<architecture>`, within the 63 characters of a name."""
    return re.sub(r"[^a-z0-9_-]", "-", f"{request.dataset}-{request.architecture_name}")[:63]


def description_of(request: JobRequest) -> Architecture:
    """The network as layers, whether it came as a preset's name or as a description."""
    if isinstance(request.architecture, str):
        return get_preset(request.architecture).architecture
    return request.architecture


def _dataset(name: str) -> DatasetInfo:
    try:
        return dataset_info(name)
    except DatasetNotFound as error:
        raise RequestInvalid(("dataset",), str(error)) from error


def _recipe(request: JobRequest) -> Recipe:
    if not isinstance(request.architecture, str):
        return OWN_RECIPE
    try:
        return get_preset(request.architecture).recipe
    except ArchitectureNotFound as error:
        raise RequestInvalid(("architecture",), str(error)) from error


def _fits(request: JobRequest, info: DatasetInfo) -> None:
    try:
        analyse(description_of(request), info.image_shape, len(info.classes))
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
