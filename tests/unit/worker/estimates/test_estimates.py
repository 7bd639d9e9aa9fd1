import pytest

from model_store import Manifest
from worker.datasets import dataset_info
from worker.estimates import Estimate, PastRun, estimate, past_run
from worker.estimates.duration import AMD_GAIN, HALF_PRECISION_GAINS, Workload, estimate_time
from worker.estimates.keras_file import holds_optimizer
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest

WORK = Workload(
    flops=1_000_000,
    outputs=10_000,
    is_float32=True,
    batch_size=100,
    epochs=10,
    training_pictures=950,
    validation_pictures=50,
)


def estimated(**body: object) -> Estimate:
    defaults = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist", "epochs": 10}
    return estimate(plan(JobRequest.model_validate(defaults | body)), dataset_info("fashion_mnist"), [])


def past(network: str, ratio: float, device: str = "cpu", devices: int = 1) -> PastRun:
    work = WORK.on_devices(devices, device)
    return PastRun(network=network, device=device, workload=work, fit_seconds=ratio * work.formula_seconds)


def test_counts_are_those_of_the_layer_table() -> None:
    found = estimated(batch_size=128, validation=0.1)
    assert (found.parameters, found.flops) == (61_610, 688_816)
    assert (found.training_pictures, found.validation_pictures) == (54_000, 6_000)
    assert (found.steps_per_epoch, found.steps) == (422, 4_220)
    assert len(found.learning_rate) == 50
    assert {point.learning_rate for point in found.learning_rate} == {0.01}
    whole = estimated(validation="test")
    assert (whole.training_pictures, whole.validation_pictures) == (60_000, 10_000)


def test_a_validation_split_of_its_own_takes_no_training_pictures() -> None:
    info = dataset_info("fashion_mnist").model_copy(update={"validation_per_class": (500,) * 10})
    request = JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist", epochs=10)
    found = estimate(plan(request, find_dataset=lambda _: info), info, [])
    assert (found.training_pictures, found.validation_pictures) == (60_000, 5_000)


@pytest.mark.parametrize(
    ("optimizer", "numbers_per_weight"),
    [("sgd", 0), ({"name": "sgd", "momentum": 0.9}, 1), ("rmsprop", 1), ("muon", 1), ("adam", 2), ("adamw", 2)],
)
def test_optimizers_remember_so_many_numbers_per_weight(optimizer: object, numbers_per_weight: int) -> None:
    memory = estimated(optimizer=optimizer).memory
    assert memory.weights == memory.gradients == 61_610 * 4
    assert memory.optimizer == numbers_per_weight * 61_610 * 4
    assert memory.total == sum(value for name, value in memory if name != "total")


def test_what_is_kept_beside_the_training_takes_memory_too() -> None:
    weights = 61_610 * 4
    plain = estimated(optimizer="adam").memory
    assert (plain.ema, plain.kept_weights, plain.checkpoint) == (0, 0, 3 * weights)
    everything = estimated(optimizer="adam", ema=0.99, early_stopping=True).memory
    assert (everything.ema, everything.kept_weights, everything.checkpoint) == (weights, 2 * weights, 4 * weights)


@pytest.mark.parametrize(
    ("body", "has_optimizer"),
    [
        ({}, True),
        ({"learning_rate_schedule": "cosine"}, False),
        ({"learning_rate_schedule": {"name": "constant", "warmup": 0.1}}, False),
        ({"precision": "mixed_bfloat16"}, False),
        ({"architecture": "vgg16", "learning_rate_schedule": "constant"}, False),
    ],
)
def test_a_file_is_as_large_as_what_is_saved_in_it(body: dict[str, object], has_optimizer: bool) -> None:
    found = estimated(optimizer="adam", **body)
    assert (found.files.keras > 2.5 * found.files.onnx) == has_optimizer


@pytest.mark.parametrize(
    "body", [{"optimizer": "muon"}, {"architecture": "fast", "learning_rate_schedule": "constant"}]
)
def test_a_file_has_no_state_that_keras_could_not_read(body: dict[str, object]) -> None:
    request = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist", "optimizer": "adam", **body}
    assert not holds_optimizer(plan(JobRequest.model_validate(request)), 61_610)


def test_larger_batches_take_more_memory_and_fewer_steps() -> None:
    small, large = estimated(batch_size=32), estimated(batch_size=320)
    assert large.memory.activations == 10 * small.memory.activations
    assert large.steps < small.steps
    assert large.memory.dataset == small.memory.dataset


def test_every_device_has_copies_and_a_share_of_the_activations() -> None:
    one, two, three = (estimated(optimizer="adam", ema=0.9, batch_size=128, devices=number) for number in (1, 2, 3))
    copies = one.memory.weights + one.memory.gradients + one.memory.optimizer + one.memory.ema
    assert one.memory_per_device == copies + one.memory.activations
    assert two.memory_per_device == copies + one.memory.activations // 2
    assert three.memory_per_device == copies + one.memory.activations * 43 // 128
    assert two.memory.total == one.memory.total + copies
    assert (two.memory.activations, two.memory.checkpoint) == (one.memory.activations, one.memory.checkpoint)


def test_without_a_past_the_formula_stands_alone_and_says_so() -> None:
    found = estimate_time("this", WORK, [])
    # 10 steps of 1.5 ms, 2,900 million operations at 200 thousand million a second, 29 million numbers at 400 million a
    # second, ten times, and a first step.
    assert found.seconds == pytest.approx(1 + 10 * (10 * 0.0015 + 2.9e9 / 200e9 + 29e6 / 400e6))
    assert found.low == found.seconds / 4
    assert found.high == found.seconds * 4
    assert "a constant" in found.basis


def test_the_same_network_tells_more_than_others_do() -> None:
    runs = [past("other", 9.0), past("this", 2.0), past("other", 3.0), past("this", 2.2)]
    same = estimate_time("this", WORK, runs)
    assert same.seconds == pytest.approx(2.1 * WORK.formula_seconds)
    assert (same.runs, same.basis) == (2, "2 trainings of this network on cpu")
    unknown = estimate_time("unknown", WORK, runs)
    assert unknown.seconds == pytest.approx(2.6 * WORK.formula_seconds)
    assert unknown.high == pytest.approx(9.0 * WORK.formula_seconds)
    assert unknown.high / unknown.low > same.high / same.low


def test_a_past_in_another_precision_tells_less() -> None:
    in_16_bits = WORK.model_copy(update={"is_float32": False})
    runs = [past("other", 2.0)]
    akin, unlike = estimate_time("this", WORK, runs), estimate_time("this", in_16_bits, runs)
    assert akin.seconds == unlike.seconds
    assert unlike.high / unlike.low == pytest.approx(9 * akin.high / akin.low)
    assert unlike.basis == "1 training in another precision on cpu"
    nothing = estimate_time("this", in_16_bits, [])
    assert nothing.high == pytest.approx(12 * nothing.seconds)


def test_the_first_training_on_a_machine_tells_the_time_of_others_to_a_factor_of_four() -> None:
    # Ten epochs of 0.7 times the formula's, after a first one that took 20 s more: `fast` on CIFAR-10 did so once.
    first = past("other", 0.0).model_copy(
        update={
            "fit_seconds": 20 + 7 * WORK.epoch_s,
            "epoch_seconds": 0.7 * WORK.epoch_s,
            "processor": "some, 2 cores",
            "auto_precision": "mixed_bfloat16",
        }
    )
    long = WORK.model_copy(update={"epochs": 1000})
    for work in (long, long.model_copy(update={"is_float32": False})):
        found = estimate_time("this", work, [first])
        assert found.high / found.low < 4
    assert estimate_time("this", long, [first]).seconds == pytest.approx(20 + 700 * WORK.epoch_s)
    elsewhere = first.model_copy(update={"processor": "another, 64 cores", "epoch_seconds": 9.0})
    assert estimate_time("this", long, [first, elsewhere]).runs == 1


def test_sixteen_bits_gain_less_where_they_are_those_of_avx512() -> None:
    known = {"auto_precision": "mixed_bfloat16", "processor": "AMD EPYC, 2 cores"}
    amd = past("other", 1.0).model_copy(update=known)
    intel = amd.model_copy(update={"processor": "Intel(R) Xeon(R), 2 cores"})
    half = WORK.model_copy(update={"is_float32": False, "epochs": 1000})
    slow, fast = (estimate_time("this", half, [run]).seconds for run in (amd, intel))
    assert slow / fast == pytest.approx(HALF_PRECISION_GAINS["cpu"] / AMD_GAIN, rel=0.03)


def test_gpus_share_the_pictures_of_a_step_which_is_calculated_until_it_is_measured() -> None:
    two = WORK.on_devices(2, "gpu")
    assert two.epoch_s == pytest.approx(0.015 + (WORK.epoch_s - 0.015) / 2)
    runs = [past("this", 2.0, "gpu")]
    alone, shared = estimate_time("this", WORK, runs), estimate_time("this", two, runs)
    assert shared.seconds == pytest.approx(2 * two.formula_seconds)
    assert shared.high / shared.low == pytest.approx(2 * alone.high / alone.low), "they may gain nothing"
    assert (
        shared.basis == "1 training of this network on gpu, calculated for 2 devices as if GPUs shared the work evenly"
    )
    measured = estimate_time("this", two, [past("this", 3.0, "gpu", devices=2), *runs])
    assert measured.seconds == pytest.approx(3 * two.formula_seconds)
    assert (measured.runs, measured.basis) == (1, "1 training of this network on gpu, with 2 devices")
    back = estimate_time("this", WORK, [past("this", 3.0, "gpu", devices=2)])
    assert back.low < 1.5 * WORK.formula_seconds, "if the two gained nothing, one takes as long"
    assert "calculated for 1 device" in back.basis


def test_virtual_devices_gain_nothing_and_may_wait_for_each_other() -> None:
    two, runs = WORK.on_devices(2, "cpu"), [past("this", 2.0)]
    alone, shared = estimate_time("this", WORK, runs), estimate_time("this", two, runs)
    assert (shared.seconds, shared.low) == (alone.seconds, alone.low)
    assert shared.high == pytest.approx(4 * alone.high)
    assert shared.basis == "1 training of this network on cpu, calculated for 2 devices of one processor"
    unknown = estimate_time("this", WORK.on_devices(2, None), [])
    assert unknown.high / unknown.low == pytest.approx(2 * 16)
    assert unknown.basis.endswith("nothing has been trained here yet, and what 2 devices gain is not known")


def test_what_auto_is_is_known_after_the_first_training() -> None:
    first = past("other", 1.0).model_copy(update={"auto_precision": "float32"})
    request = JobRequest(architecture="fast", dataset="fashion_mnist")
    found = estimate(plan(request), dataset_info("fashion_mnist"), [first])
    assert found.time.basis == "1 training of others on cpu"


def test_a_version_tells_how_many_epochs_it_was_trained() -> None:
    planned = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist", early_stopping=True))
    facts = {
        "classes": dataset_info("fashion_mnist").classes,
        "input_shape": (28, 28, 1),
        "parameters": 61_610,
        "metrics": {"fit_seconds": 30.0, "epochs": 4.0, "epoch_seconds": 5.0},
        "recipe": planned.model_dump(mode="json", exclude={"architecture"}),
        "architecture": planned.network.model_dump(mode="json", exclude_defaults=True),
        "job": "a",
        "dataset": "fashion_mnist",
        "dataset_fingerprint": "ab" * 32,
        "parity": 0.0,
        "runtime": {"device": "cpu", "processor": "some", "auto_precision": "float32"},
    }
    manifest = Manifest.model_validate(
        facts | {"model": "m", "version": 1, "files": {}, "published_at": "2026-01-01T00:00:00Z"}
    )
    run = past_run(manifest, dataset_info("fashion_mnist"))
    assert run is not None
    assert (run.workload.epochs, run.extra_s, run.processor) == (4, 10.0, "some")
    assert (run.workload.devices, run.workload.gain) == (1, 1.0)
    on_two = manifest.model_copy(
        update={"recipe": manifest.recipe | {"devices": 2}, "runtime": manifest.runtime | {"device": "gpu"}}
    )
    shared = past_run(on_two, dataset_info("fashion_mnist"))
    assert shared is not None
    assert (shared.workload.devices, shared.workload.gain) == (2, 2.0)
    before = manifest.model_copy(update={"metrics": {"fit_seconds": 30.0}})
    assert past_run(before, dataset_info("fashion_mnist")) is None


def test_only_the_kind_of_device_that_trained_last_counts() -> None:
    found = estimate_time("this", WORK, [past("this", 0.1, "gpu"), past("this", 5.0, "cpu")])
    assert found.seconds == pytest.approx(0.1 * WORK.formula_seconds)
    assert found.basis == "1 training of this network on gpu"
