"""Checks options that are valid by themselves but not together, or not with the dataset."""

from collections.abc import Mapping

from worker.datasets import DatasetInfo
from worker.recipe.options import Augmentation, Weights
from worker.recipe.schedules import Schedule, Step


class OptionMisfit(ValueError):
    """An option that contradicts the rest of the request.

    Attributes:
        loc: path of the field at fault.
        message: what is wrong, what was expected, what came.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.loc = loc
        self.message = message


def check_schedule(schedule: Schedule, epochs: int) -> None:
    """Refuse a schedule whose first step comes after the end of the training."""
    if isinstance(schedule, Step) and schedule.every_epochs is not None and schedule.every_epochs > epochs:
        raise OptionMisfit(
            ("learning_rate_schedule", "every_epochs"),
            f"the rate would never fall; expected at most the {epochs} epochs of the training, "
            f"got {schedule.every_epochs}",
        )


def check_augmentation(augmentation: Augmentation, info: DatasetInfo) -> None:
    """Refuse moves and cutouts as large as the picture."""
    smallest = min(info.image_shape[:2])
    for field in ("shift_pixels", "cutout_pixels"):
        value = getattr(augmentation, field)
        if value >= smallest:
            raise OptionMisfit(
                ("augmentation", field),
                f"nothing would be left of a picture of {info.name}; expected less than {smallest} pixels, got {value}",
            )


def check_class_weights(weights: Mapping[str, float], classes: tuple[str, ...]) -> None:
    """Refuse labels that the dataset does not have, and weights that are all 0."""
    for label in weights:
        if label not in classes:
            raise OptionMisfit(
                ("class_weights", label),
                f"no class of the dataset; expected one of {', '.join(classes)}, got {label!r}",
            )
    if all(weights.get(label, 1.0) == 0 for label in classes):
        raise OptionMisfit(("class_weights",), "no class counts; expected at least one weight above 0, got none")


def check_options(
    schedule: Schedule,
    augmentation: Augmentation,
    class_weights: str | Weights | None,
    info: DatasetInfo,
    epochs: int,
) -> None:
    """Run all checks of this module.

    Raises:
        OptionMisfit: for the first option that does not fit.
    """
    check_schedule(schedule, epochs)
    check_augmentation(augmentation, info)
    if isinstance(class_weights, Mapping):
        check_class_weights(class_weights, info.classes)
