import pytest
from pydantic import ValidationError

from worker.datasets import DatasetInfo, dataset_info
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest, RequestInvalid
from worker.recipe.options import Augmentation, CompleteOptimizer, Optimizer
from worker.recipe.schedules import Constant

LAYERS = {
    "layers": [
        {"type": "conv2d", "filters": 4, "kernel_size": 3},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}

# As Redis holds them. Jobs are kept for long: what an earlier version wrote has to open in every later one.
STORED = (
    '{"architecture":"fast","overrides":null,"dataset":"cifar10","epochs":6,"model":"cifar10-fast","batch_size":256,'
    '"optimizer":{"name":"adamw","learning_rate":0.02,"momentum":null,"nesterov":null,"beta_1":null,"beta_2":null,'
    '"weight_decay":0.05},"validation":0.1,"seed":7,"train_samples":50000,"learning_rate_schedule":{"name":"one_cycle",'
    '"peak_at":0.3,"initial_fraction":0.1,"final_fraction":0.001,"shape":"linear"},"early_stopping":null,'
    '"augmentation":{"horizontal_flip":true,"shift_pixels":1,"padding":"reflect","rotation_degrees":0.0,'
    '"cutout_pixels":0,"brightness":0.0,"contrast":0.0},"class_weights":null,"label_smoothing":0.1,"ema":0.0,'
    '"precision":"auto","deterministic":false,"initial_model":null}'
)
PLANNED = (
    '{"architecture":"fast","overrides":null,"dataset":"cifar10","epochs":6,"model":"cifar10-fast","batch_size":256,'
    '"optimizer":{"name":"muon","learning_rate":0.2,"momentum":0.6,"nesterov":true,"others_rate":0.02,"beta_1":null,'
    '"beta_2":null,"weight_decay":0.0},"validation":0.1,"seed":7,"train_samples":50000,"learning_rate_schedule":'
    '{"name":"one_cycle","peak_at":0.2,"initial_fraction":0.2,"final_fraction":0.001,"shape":"linear"},'
    '"early_stopping":null,"augmentation":{"horizontal_flip":true,"shift_pixels":1,"alternate_flip":true,'
    '"padding":"reflect","rotation_degrees":0.0,"cutout_pixels":0,"brightness":0.0,"contrast":0.0},'
    '"class_weights":null,"label_smoothing":0.1,"ema":0.0,"precision":"auto","deterministic":false,'
    '"initial_model":null}'
)
STORED_BEFORE_OPTIONS = (
    '{"architecture":"lenet5-fashion","dataset":"fashion_mnist","epochs":10,"model":"fashion_mnist-lenet5-fashion",'
    '"batch_size":128,"optimizer":{"name":"sgd","learning_rate":0.01,"momentum":null},"validation":0.1,"seed":7,'
    '"train_samples":60000}'
)


def request(**fields: object) -> JobRequest:
    return JobRequest.model_validate({"architecture": "lenet5-fashion", "dataset": "fashion_mnist"} | fields)


def test_a_plan_leaves_nothing_open() -> None:
    planned = plan(request())
    assert (planned.epochs, planned.batch_size, planned.model) == (10, 128, "fashion_mnist-lenet5-fashion")
    assert planned.optimizer == CompleteOptimizer(name="sgd", learning_rate=0.01, weight_decay=0)
    assert planned.train_samples == 60_000
    assert planned.validation == 0.1
    assert planned.seed is not None


def test_what_was_asked_for_is_kept() -> None:
    asked = request(
        epochs=3, batch_size=8, optimizer="adam", seed=7, model="mine", train_samples=100, validation="test"
    )
    planned = plan(asked)
    kept = asked.model_fields_set - {"optimizer"}
    assert planned.model_dump(include=kept) == asked.model_dump(include=kept)
    assert planned.optimizer == Optimizer(name="adam").filled_in()


def test_an_optimizer_is_a_name_or_an_object() -> None:
    assert request(optimizer="adam").optimizer == Optimizer(name="adam")
    sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}
    assert request(optimizer=sgd).optimizer == Optimizer(name="sgd", learning_rate=0.1, momentum=0.9)


def test_a_network_of_ones_own_gets_a_recipe_and_a_name() -> None:
    planned = plan(request(architecture=LAYERS))
    assert (planned.architecture_name, planned.model, planned.batch_size) == ("custom", "fashion_mnist-custom", 32)


@pytest.mark.parametrize(
    ("train_samples", "batch_size"),
    [(1, 8), (40, 8), (639, 8), (640, 16), (1000, 16), (5000, 64), (5119, 64), (5120, 128), (60_000, 128)],
)
def test_few_pictures_are_taken_in_small_batches(train_samples: int, batch_size: int) -> None:
    assert plan(request(train_samples=train_samples, validation="test")).batch_size == batch_size


def test_a_recipe_with_small_batches_keeps_them() -> None:
    assert plan(request(architecture="cnn", train_samples=30_000)).batch_size == 32


def with_validation_split(name: str) -> DatasetInfo:
    return dataset_info(name).model_copy(update={"validation_per_class": (50,) * 10})


@pytest.mark.parametrize(
    ("asked", "used"), [(None, "validation"), ("validation", "validation"), ("test", "test"), (0.2, 0.2)]
)
def test_a_datasets_own_validation_split_is_used_unless_the_job_says_otherwise(asked: object, used: object) -> None:
    planned = plan(request(validation=asked), find_dataset=with_validation_split)
    assert (planned.validation, planned.train_samples) == (used, 60_000)


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"validation": "validation"}, ("validation",)),
        ({"architecture": "lenet9"}, ("architecture",)),
        ({"dataset": "imagenet"}, ("dataset",)),
        ({"train_samples": 60_001}, ("train_samples",)),
        ({"test_samples": 10_001}, ("test_samples",)),
        ({"train_samples": 3, "validation": 0.1}, ("validation",)),
        ({"train_samples": 1, "validation": 0.9}, ("validation",)),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_field(fields: dict[str, object], loc: tuple[str, ...]) -> None:
    with pytest.raises(RequestInvalid) as caught:
        plan(request(**fields))
    assert caught.value.loc == loc


def test_a_plan_says_on_how_many_pictures_it_tests_only_where_that_is_not_all() -> None:
    assert plan(request(test_samples=200)).test_samples == 200
    for all_pictures in ({}, {"test_samples": 10_000}):
        assert "test_samples" not in plan(request(**all_pictures)).model_dump()


def test_a_network_that_does_not_fit_its_dataset_is_refused_with_its_layer() -> None:
    layers = [{"type": "conv2d", "filters": 4, "kernel_size": 29}, *LAYERS["layers"][1:]]
    with pytest.raises(RequestInvalid, match=r"layer 0 \(conv2d\)") as caught:
        plan(request(architecture={"layers": layers}))
    assert caught.value.loc[:3] == ("architecture", "layers", 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"validation": "train"},
        {"validation": 1.0},
        {"validation": float("nan")},
        {"optimizer": "adagrad"},
        {"optimizer": {"name": "adam", "momentum": 0.9}},
        {"optimizer": {"name": "sgd", "learning_rate": float("nan")}},
        {"seed": -1},
        {"test_samples": 0},
        {"model": "../x"},
        {"learning_rate": 0.1},
    ],
)
def test_a_malformed_request_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request(**fields)


def test_a_plan_survives_its_journey_through_json() -> None:
    planned = plan(request(architecture=LAYERS, optimizer="rmsprop"))
    assert TrainingPlan.model_validate_json(planned.model_dump_json()) == planned


def test_a_stored_plan_opens_and_is_written_the_same() -> None:
    """Also a plan by the recipe that `fast` had before, and without the options that came later."""
    for stored in (STORED, PLANNED):
        assert TrainingPlan.model_validate_json(stored).model_dump_json() == stored
    assert plan(JobRequest(architecture="fast", dataset="cifar10", seed=7)).model_dump_json() == PLANNED


def test_a_record_from_before_schedules_and_precision_opens_as_it_ran() -> None:
    opened = TrainingPlan.model_validate_json(STORED_BEFORE_OPTIONS)
    assert opened.optimizer == Optimizer(name="sgd", learning_rate=0.01).filled_in()
    assert (opened.learning_rate_schedule, opened.augmentation) == (Constant(), Augmentation())
    assert (opened.label_smoothing, opened.ema, opened.precision) == (0.0, 0.0, "float32")


def test_a_request_needs_a_plan_before_it_can_run() -> None:
    with pytest.raises(ValidationError, match="epochs"):
        TrainingPlan.model_validate(request().model_dump())
