"""The devices that a training can be divided among, and how TensorFlow is told of them."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from worker.jobs.errors import TrainingFailed
from worker.jobs.records import JobFailure


def make_virtual_devices(number: int | None) -> None:
    """Split the processor into this many devices of TensorFlow; must be called before TensorFlow computes anything."""
    if number is None or number < 2 or keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    if not tf.config.list_physical_devices("GPU"):
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(number)]
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)


def on_devices(number: int) -> AbstractContextManager[object]:
    """The context in which a network for this many devices is built and compiled.

    Raises:
        TrainingFailed: this process has fewer (`devices_unavailable`).
    """
    if number == 1:
        return nullcontext()
    names = _devices()
    if len(names) < number:
        raise TrainingFailed(_too_few(number, len(names)))
    import tensorflow as tf  # noqa: PLC0415 - `_devices` finds several only on TensorFlow

    scope: AbstractContextManager[object] = tf.distribute.MirroredStrategy(names[:number]).scope()
    return scope


def replicas_of(network: keras.Model) -> int:
    """How many devices a network was built for."""
    strategy: Any = getattr(network, "distribute_strategy", None)
    return 1 if strategy is None else int(strategy.num_replicas_in_sync)


def _devices() -> list[str]:
    if keras.backend.backend() != "tensorflow":
        return ["the only one"]
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _too_few(wanted: int, found: int) -> JobFailure:
    backend = keras.backend.backend()
    reason = "" if backend == "tensorflow" else f", because Keras runs on {backend}: several devices need TensorFlow"
    return JobFailure(
        code="devices_unavailable",
        message=f"The training was to be divided among {wanted} devices; this worker's trainer has {found}{reason}.",
        hint="Submit the job again with fewer `devices`, or where a worker has more: `GET /workers` shows them.",
    )
