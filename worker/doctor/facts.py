"""What the doctor looks at: facts about one run, of which any part may be unknown.

A running job has a history and no evaluation; a version published before the doctor has no facts about its filters and
its data. A rule that needs what is unknown finds nothing.
"""

import math
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from worker.doctor.commands import submission
from worker.jobs.records import History
from worker.recipe.options import KERAS_LEARNING_RATES, OptimizerName

FAR_FROM_USUAL = 10.0
"""Factor between a learning rate and Keras's default for the optimizer."""
FEW_STEPS = 100
"""A run of fewer optimizer steps is a trial of the software: that it has not learned yet is no fault."""


class TestFacts(BaseModel, defer_build=True):
    """The evaluation on the test split, in the few numbers that rules need."""

    __test__ = False  # not a class of tests, whatever pytest thinks
    model_config = ConfigDict(frozen=True)

    accuracy: float
    loss: float
    answers: tuple[int, ...] = Field(default=(), description="How often the network answered with each class.")
    truth: tuple[int, ...] = Field(default=(), description="How many test pictures each class has.")
    confidence: float | None = None
    calibration_error: float | None = None

    @property
    def pictures(self) -> int:
        """Number of test pictures; 0 when it is not known."""
        return sum(self.truth)


class DataFacts(BaseModel, defer_build=True):
    """The dataset of a run."""

    model_config = ConfigDict(frozen=True)

    train_per_class: tuple[int, ...] = Field(description="Training pictures of each class, held out ones included.")
    test_pictures: int
    in_both_splits: int | None = Field(
        default=None, description="Test pictures whose exact pixels are among the training pictures, too."
    )


class FilterFacts(BaseModel, defer_build=True):
    """The filters of one layer, as seen on some test pictures."""

    model_config = ConfigDict(frozen=True)

    layer: str
    filters: int
    dead: tuple[int, ...] = Field(description="Filters whose output is the same everywhere, on every picture.")


class RunFacts(BaseModel, defer_build=True):
    """Everything the rules may ask about one run."""

    model_config = ConfigDict(frozen=True)

    request: dict[str, JsonValue] = Field(description="The body of `POST /jobs` that repeats the run.")
    classes: tuple[str, ...]
    optimizer: OptimizerName
    learning_rate: float
    batch_size: int
    train_pictures: int = Field(description="Pictures trained on, without those held out for validation.")
    validation_pictures: int | None = None
    keeps_best: bool = Field(default=False, description="Whether the weights of the best epoch are published.")
    has_class_weights: bool = False
    is_running: bool = False
    history: History = History()
    test: TestFacts | None = None
    data: DataFacts | None = None
    filters: tuple[FilterFacts, ...] | None = None

    @cached_property
    def guess_loss(self) -> float:
        """Loss of a network that gives every class the same probability."""
        return math.log(max(len(self.classes), 2))

    @property
    def epochs(self) -> int:
        """Finished epochs."""
        return len(self.history.loss)

    @property
    def steps(self) -> int:
        """Optimizer steps so far."""
        return self.epochs * math.ceil(self.train_pictures / self.batch_size)

    @property
    def published_epoch(self) -> int:
        """Index of the epoch whose weights are published, from 0; -1 while there is none."""
        best = self.history.best_epoch
        return best - 1 if self.keeps_best and best is not None else self.epochs - 1

    @property
    def lower_rate(self) -> float:
        """A learning rate to try when this one is too high: the usual one, or a tenth of one that is near it."""
        usual = KERAS_LEARNING_RATES[self.optimizer]
        return usual if self.learning_rate >= FAR_FROM_USUAL * usual else self.learning_rate / 10

    def at_rate(self, rate: float) -> str:
        """A command that repeats the run with another learning rate."""
        return self.again(optimizer={"name": self.optimizer, "learning_rate": float(f"{rate:.2g}")})

    def again(self, **changes: Any) -> str:  # noqa: ANN401 - any JSON value
        """A command that repeats the run with some fields changed; None removes a field."""
        return submission({name: value for name, value in (self.request | changes).items() if value is not None})


class Judged(BaseModel, defer_build=True):
    """How good the network is on pictures it was not trained on: the test split, or validation while it runs."""

    model_config = ConfigDict(frozen=True)

    split: str
    accuracy: float
    loss: float
    pictures: int
    chance: float = Field(description="Accuracy of always answering with the most frequent class.")

    @property
    def limit(self) -> float:
        """The accuracy that guessing stays below in 97.7 of 100 cases: two standard deviations above chance."""
        n = self.pictures or 1000  # an old version does not say; 1,000 is the smallest split that comes with us
        return self.chance + 2 * math.sqrt(self.chance * (1 - self.chance) / n)

    @property
    def is_at_chance(self) -> bool:
        """Whether the accuracy cannot be told from guessing."""
        return self.accuracy <= self.limit


def judged(facts: RunFacts) -> Judged | None:
    """The accuracy that counts; None before the first epoch has ended."""
    even = 1 / max(len(facts.classes), 1)
    if facts.test is not None:
        test = facts.test
        chance = max(test.truth) / test.pictures if test.pictures else even
        return Judged(split="test", accuracy=test.accuracy, loss=test.loss, pictures=test.pictures, chance=chance)
    if not facts.epochs or not facts.validation_pictures:
        return None
    history = facts.history
    return Judged(
        split="validation",
        accuracy=history.val_accuracy[-1],
        loss=history.val_loss[-1],
        pictures=facts.validation_pictures,
        chance=even,
    )
