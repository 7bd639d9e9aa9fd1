"""Overrides in a request: what is planned, named, built and refused."""

from typing import Any

import pytest

from worker.architectures import Overrides, get_preset, override
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest, RequestInvalid

OWN = {
    "layers": [
        {"type": "conv2d", "filters": 4, "kernel_size": 3, "activation": "tanh"},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}


def request(**fields: object) -> JobRequest:
    return JobRequest.model_validate({"architecture": "vgg16", "dataset": "cifar10"} | fields)


def test_a_planned_job_keeps_its_overrides_and_describes_the_changed_network() -> None:
    planned = plan(request(overrides={"input_size": "native", "width": 0.25}))

    assert planned.overrides == Overrides(input_size="native", width=0.25)
    assert planned.model == "cifar10-vgg16-width0_25-native"
    assert planned.network == override(get_preset("vgg16").architecture, planned.overrides)
    assert TrainingPlan.model_validate_json(planned.model_dump_json()) == planned


def test_a_network_of_ones_own_takes_overrides() -> None:
    planned = plan(request(architecture=OWN, overrides={"activation": "relu"}))

    assert planned.model == "cifar10-custom-relu"
    assert planned.network.layers[0].model_dump()["activation"] == "relu"


def test_two_requests_that_differ_in_overrides_alone_publish_under_different_names() -> None:
    dataset = "fashion_mnist_sample"
    names = {plan(request(dataset=dataset, overrides={"width": width})).model for width in (0.1, 0.2, 0.5)}

    assert len(names) == 3


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"overrides": {"input_size": "native"}, "architecture": "alexnet"}, ("overrides",)),
        ({"overrides": {"dropout": 0.5}, "architecture": "cnn"}, ("overrides", "dropout")),
        ({"overrides": {"depth": 16}}, ("overrides", "depth")),
        ({"overrides": {"width": 9}}, ("overrides", "width")),
    ],
)
def test_overrides_that_a_network_cannot_take_are_refused_with_their_field(
    fields: dict[str, Any], loc: tuple[str, ...]
) -> None:
    with pytest.raises(RequestInvalid) as refused:
        plan(request(**fields))

    assert refused.value.loc == loc
