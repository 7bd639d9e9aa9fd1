"""The options of a training: optimizer, augmentation, early stopping, class weights, precision.

Data only, with the limits of each value. `worker.training` applies them to Keras.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

OptimizerName = Literal["adam", "adamw", "muon", "rmsprop", "sgd"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"]
PretrainedWeights = Literal["imagenet"]
TrainedPart = Literal["head", "last_blocks", "all"]
TestTimeAugmentation = Literal["none", "flip", "flip_and_shift"]
KERAS_LEARNING_RATES: dict[OptimizerName, float] = {
    "adam": 0.001,
    "adamw": 0.001,
    "muon": 0.02,
    "rmsprop": 0.001,
    "sgd": 0.01,
}
"""Keras 3's own defaults; for `muon`, which is ours, that of its authors."""
MUON_OTHERS_RATE = 0.002
KERAS_ADAMW_DECAY = 0.004
_BELONGS_TO: dict[str, frozenset[str]] = {
    "momentum": frozenset({"sgd", "rmsprop", "muon"}),
    "nesterov": frozenset({"sgd", "muon"}),
    "others_rate": frozenset({"muon"}),
    "beta_1": frozenset({"adam", "adamw"}),
    "beta_2": frozenset({"adam", "adamw"}),
}

Label = Annotated[str, Field(min_length=1, max_length=255)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Balanced = Literal["balanced"]
Weights = Annotated[dict[Label, Weight], Field(min_length=1, max_length=1000)]


class Optimizer(BaseModel, defer_build=True):
    """An optimizer by its Keras name, with the settings that differ from Keras's defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: OptimizerName
    learning_rate: float | None = Field(
        default=None, gt=0, le=100, description="Default: Keras's own. With a schedule, its highest value."
    )
    momentum: float | None = Field(default=None, ge=0, lt=1, description="For `sgd`, `rmsprop` and `muon`.")
    nesterov: bool | None = Field(
        default=None, description="Nesterov's momentum, for `sgd` with a `momentum` and for `muon`."
    )
    others_rate: float | None = Field(
        default=None,
        gt=0,
        le=100,
        exclude_if=lambda rate: rate is None,
        description="For `muon`: highest learning rate of what takes Adam's steps there, which is all but the kernels "
        "of convolutions and of dense layers before the last one. Default: 0.002.",
    )
    beta_1: float | None = Field(default=None, ge=0, lt=1, description="For `adam` and `adamw`.")
    beta_2: float | None = Field(default=None, ge=0, lt=1, description="For `adam` and `adamw`.")
    weight_decay: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of every kernel that is subtracted per step, times the learning rate (decoupled). Biases "
        "and batch normalization do not decay. Default: 0.004 for `adamw`, as in Keras, else 0.",
    )

    @model_validator(mode="after")
    def _settings_fit_name(self) -> "Optimizer":
        for setting, names in _BELONGS_TO.items():
            if getattr(self, setting) is not None and self.name not in names:
                expected = " or ".join(sorted(names))
                raise ValueError(f"{setting} is not a setting of {self.name}; expected it only with {expected}")
        if self.name != "muon" and self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0; got none")
        return self

    def filled_in(self) -> "CompleteOptimizer":
        """This optimizer with the learning rate and the weight decay it will use."""
        default_decay = KERAS_ADAMW_DECAY if self.name == "adamw" else 0.0
        rate = KERAS_LEARNING_RATES[self.name] if self.learning_rate is None else self.learning_rate
        decay = default_decay if self.weight_decay is None else self.weight_decay
        complete = self.model_dump() | {"learning_rate": rate, "weight_decay": decay}
        if self.name == "muon":
            complete["others_rate"] = self.others_rate or MUON_OTHERS_RATE
        return CompleteOptimizer.model_validate(complete)


class CompleteOptimizer(Optimizer):
    """An optimizer whose learning rate and weight decay are decided."""

    learning_rate: float = Field(gt=0, le=100, description="With a schedule, its highest value.")
    weight_decay: float = Field(
        ge=0,
        le=1,
        description="Share of every kernel that is subtracted per step, times the learning rate (decoupled). Biases "
        "and batch normalization do not decay.",
    )


def complete_optimizer(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Completes the optimizer of an old record without a weight decay: Keras's default applied then."""
    return Optimizer.model_validate(value).filled_in() if isinstance(value, dict) else value


class EarlyStopping(BaseModel, defer_build=True):
    """When to stop before the last epoch. The weights of the best epoch are published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    patience: int = Field(
        default=5, ge=1, le=1000, description="Training stops after this many epochs without a better one."
    )
    min_delta: float = Field(
        default=0.0, ge=0, lt=1, description="An epoch counts as better only if it gains more than this."
    )

    def is_better(self, value: float, best: float) -> bool:
        """Whether an epoch's value beats the best one so far."""
        gain = best - value if self.monitor == "val_loss" else value - best
        return gain > self.min_delta


class Augmentation(BaseModel, defer_build=True):
    """Random changes of the training pictures, new ones in every epoch. Validation and test pictures never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizontal_flip: bool = Field(default=False, description="Mirror every second picture, left to right.")
    shift_pixels: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Move by up to this many pixels in each direction (a random crop of the padded picture).",
    )
    alternate_flip: bool = Field(
        default=False,
        exclude_if=lambda alternates: not alternates,
        description="With `horizontal_flip`: mirror each picture in every second epoch, half of them in the first, "
        "instead of half of the pictures at random in each.",
    )
    padding: Literal["reflect", "zero"] = Field(default="reflect", description="What fills the border after a move.")
    rotation_degrees: float = Field(
        default=0.0, ge=0, le=180, description="Rotate by up to this angle, in either direction."
    )
    cutout_pixels: int = Field(
        default=0, ge=0, le=256, description="Side of a square that is filled with the mean colour."
    )
    brightness: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Brighten or darken by up to this much; 1 is the difference between black and white.",
    )
    contrast: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Increase or reduce the distance of each pixel from the picture's mean by up to this share.",
    )

    @property
    def is_on(self) -> bool:
        """Whether pictures are changed at all."""
        switches = self.model_dump(exclude={"padding", "alternate_flip"})
        return any(switches.values())


def class_weights_kind(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Which of the two forms of class weights this is, so that pydantic reports errors of that form only."""
    return "balanced" if isinstance(value, str) else "weights"


def expand_early_stopping(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """`true` stands for the defaults, `false` for no early stopping."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value
