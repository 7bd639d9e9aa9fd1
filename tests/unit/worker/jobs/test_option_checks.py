import pytest

from worker.datasets.built_in import FASHION_CLASSES
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest, RequestInvalid


@pytest.mark.parametrize(
    ("fields", "loc", "words"),
    [
        (
            {"learning_rate_schedule": {"name": "step", "every_epochs": 4}},
            ("learning_rate_schedule", "every_epochs"),
            "expected at most the 3 epochs",
        ),
        ({"augmentation": {"shift_pixels": 28}}, ("augmentation", "shift_pixels"), "less than 28 pixels, got 28"),
        ({"augmentation": {"cutout_pixels": 40}}, ("augmentation", "cutout_pixels"), "less than 28 pixels, got 40"),
        ({"class_weights": {"Bag": 2, "Hat": 1}}, ("class_weights", "Hat"), "got 'Hat'"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_at_its_field(
    fields: dict[str, object], loc: tuple[str, ...], words: str
) -> None:
    with pytest.raises(RequestInvalid, match=words) as caught:
        planned(**fields)
    assert caught.value.loc == loc


def test_weights_that_leave_nothing_to_learn_are_refused() -> None:
    with pytest.raises(RequestInvalid, match="no class counts"):
        planned(class_weights=dict.fromkeys(FASHION_CLASSES, 0))
    planned(class_weights=dict.fromkeys(FASHION_CLASSES[1:], 0))


@pytest.mark.parametrize(
    "fields",
    [
        {"learning_rate_schedule": {"name": "step", "every_epochs": 3}},
        {"augmentation": {"shift_pixels": 27, "cutout_pixels": 27}},
        {"class_weights": "balanced"},
        {"class_weights": {"Bag": 0}},
    ],
)
def test_an_option_at_its_limit_is_taken(fields: dict[str, object]) -> None:
    planned(**fields)


def test_precision_is_the_recipes_unless_the_request_says_otherwise() -> None:
    assert planned().precision == "float32"
    assert planned(architecture="fast").precision == "auto"
    assert planned(architecture="fast", precision="float32").precision == "float32"


def planned(**fields: object) -> TrainingPlan:
    defaults = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 3}
    return plan(JobRequest.model_validate(defaults | fields))
