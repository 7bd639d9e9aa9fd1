"""What a request says about learned weights, and what it may leave out."""

from collections.abc import Mapping

import pytest

from worker.datasets import DatasetInfo, dataset_info
from worker.estimates import estimate
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest, RequestInvalid

SAMPLE = dataset_info("fashion_mnist_sample")


def planned(info: DatasetInfo = SAMPLE, **body: object) -> TrainingPlan:
    return plan_of(body, info)


def plan_of(body: Mapping[str, object], info: DatasetInfo = SAMPLE) -> TrainingPlan:
    request = {"architecture": "efficientnet-lite0", "dataset": info.name} | dict(body)
    return plan(JobRequest.model_validate(request), find_dataset=lambda _: info)


def photographs(side: int, per_class: int) -> DatasetInfo:
    counts = {"train_per_class": (per_class,) * 10, "test_per_class": (1,) * 10, "image_shape": (side, side, 3)}
    return SAMPLE.model_copy(update=counts)


def test_a_preset_with_pretrained_weights_trains_a_head_on_them() -> None:
    found = planned()

    assert (found.weights, found.train, found.head_epochs) == ("imagenet", "head", found.epochs)
    assert found.model == "fashion_mnist_sample-efficientnet-lite0"


def test_a_network_without_weights_is_trained_as_a_whole() -> None:
    bodies: list[dict[str, object]] = [{"architecture": "fast"}, {"weights": "none"}, {"overrides": {"width": 0.5}}]
    for body in bodies:
        found = plan_of(body)
        assert (found.weights, found.train, found.head_epochs) == (None, "all", 0)


@pytest.mark.parametrize(("train", "epochs", "head_epochs"), [("last_blocks", 10, 5), ("all", 7, 4), ("all", 1, 1)])
def test_the_first_half_of_fine_tuning_trains_the_head(train: str, epochs: int, head_epochs: int) -> None:
    assert planned(train=train, epochs=epochs).head_epochs == head_epochs


@pytest.mark.parametrize(
    ("side", "per_class", "chosen"), [(28, 20, 160), (160, 20, 160), (224, 20, 224), (224, 2000, 160)]
)
def test_the_input_is_as_large_as_the_pictures_and_the_time_allow(side: int, per_class: int, chosen: int) -> None:
    assert planned(photographs(side, per_class)).network.input_size == (chosen, chosen)


def test_a_size_that_is_asked_for_is_kept() -> None:
    assert planned(overrides={"input_size": 96}).network.input_size == (96, 96)
    assert planned(overrides={"input_size": "native"}).network.input_size is None


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"architecture": "fast", "weights": "imagenet"}, "weights", "expected efficientnet-lite0, got fast"),
        ({"architecture": "fast", "train": "head"}, "train", "has learned nothing yet"),
        ({"weights": "none", "train": "last_blocks"}, "train", "has learned nothing yet"),
        ({"weights": "imagenet", "overrides": {"depth": 2}}, "overrides.depth", "are for other layers"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(body: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(RequestInvalid, match=words) as refused:
        plan_of(body)

    assert ".".join(map(str, refused.value.loc)) == field


def test_a_plan_of_before_has_no_learned_weights() -> None:
    old = planned(architecture="fast").model_dump(mode="json", exclude={"weights", "train"})

    assert TrainingPlan.model_validate(old) == TrainingPlan.model_validate(old | {"weights": None, "train": "all"})


def test_a_head_needs_less_time_and_memory_than_the_network() -> None:
    info = photographs(224, 20)
    head, whole = (estimate(planned(info, train=train, epochs=10), info, past=[]) for train in ("head", "all"))

    assert head.time.seconds < whole.time.seconds / 5
    assert head.memory.total < whole.memory.total
    assert head.memory.optimizer == 2 * 4 * (1280 + 1) * 10
