"""Combines the estimates for one training, and reads from manifests how long past trainings took."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from model_store import Manifest
from worker.architectures import Analysis, Architecture, ArchitectureError, analyse
from worker.datasets import DatasetInfo
from worker.estimates.duration import PastRun, TimeEstimate, Workload, estimate_time, runs_here
from worker.estimates.memory import FileSizes, MemoryEstimate, estimate_files, estimate_memory, memory_per_device
from worker.jobs.picture_counts import held_out_of
from worker.jobs.plan import TrainingPlan
from worker.recipe.schedules import CurvePoint, curve

CURVE_POINTS = 50


class Estimate(BaseModel, defer_build=True):
    """What a training will need."""

    model_config = ConfigDict(frozen=True)

    parameters: int
    trainable_parameters: int
    flops: int = Field(description="For one picture in inference; a multiplication and an addition are two.")
    training_pictures: int
    validation_pictures: int
    steps_per_epoch: int
    steps: int = Field(description="Steps of the whole training.")
    time: TimeEstimate
    memory: MemoryEstimate
    memory_per_device: int = Field(
        description="Bytes of the memory that each of the job's `devices` holds: its copies of weights, gradients, "
        "optimizer state and moving average, and the activations of its share of a batch. Computed, as `memory` is."
    )
    files: FileSizes
    learning_rate: tuple[CurvePoint, ...] = Field(description="The learning rate over the whole training.")


def estimate(plan: TrainingPlan, info: DatasetInfo, past: Sequence[PastRun]) -> Estimate:
    """Estimate a training.

    Args:
        plan: of the training.
        info: the dataset it names.
        past: past trainings, newest first.
    """
    architecture = plan.network
    analysis = analyse(architecture, info.image_shape, len(info.classes))
    training, validation = _pictures(plan.train_samples, plan.validation, plan.test_samples, info)
    here = runs_here(past)
    precision = _resolved(plan.precision, here[0].auto_precision if here else None)
    memory = estimate_memory(analysis, info, plan, validation)
    pictures = (training, validation)
    workload = _workload(analysis, plan.batch_size, plan.epochs, pictures, precision, plan.head_epochs)
    workload = workload.on_devices(plan.devices, here[0].device if here else None)
    return Estimate(
        parameters=analysis.parameters,
        trainable_parameters=analysis.trainable_parameters,
        flops=analysis.flops,
        training_pictures=training,
        validation_pictures=validation,
        steps_per_epoch=workload.steps_per_epoch,
        steps=workload.steps_per_epoch * plan.epochs,
        time=estimate_time(_identity(architecture, info.image_shape), workload, past),
        memory=memory,
        memory_per_device=memory_per_device(memory, plan),
        files=estimate_files(analysis, plan),
        learning_rate=curve(
            plan.learning_rate_schedule,
            plan.optimizer.learning_rate,
            plan.epochs,
            workload.steps_per_epoch,
            CURVE_POINTS,
        ),
    )


def past_run(manifest: Manifest, info: DatasetInfo) -> PastRun | None:
    """How long the training of a version took; None if the manifest does not tell.

    Args:
        manifest: of a published version.
        info: the dataset it was trained on.
    """
    recipe: Mapping[str, Any] = manifest.recipe
    runtime, metrics = manifest.runtime, manifest.metrics
    if recipe.get("early_stopping") is not None and "epochs" not in metrics:
        return None  # it may have ended before its last epoch
    if recipe.get("train", "all") != "all" or recipe.get("weights"):
        return None  # features that were kept take no time
    try:
        architecture = Architecture.model_validate(manifest.architecture)
        analysis = analyse(architecture, manifest.input_shape, len(manifest.classes))
        pictures = _pictures(recipe["train_samples"], recipe["validation"], recipe.get("test_samples"), info)
        precision = _resolved(recipe.get("precision"), runtime.get("auto_precision"))
        epochs = int(metrics.get("epochs", recipe["epochs"]))
        workload = _workload(analysis, recipe["batch_size"], epochs, pictures, precision)
        return PastRun(
            network=_identity(architecture, manifest.input_shape),
            device=runtime["device"],
            workload=workload.on_devices(recipe.get("devices", 1), runtime["device"]),
            fit_seconds=metrics["fit_seconds"],
            epoch_seconds=metrics.get("epoch_seconds"),
            processor=runtime.get("processor", ""),
            auto_precision=runtime.get("auto_precision"),
        )
    except (KeyError, TypeError, ValueError, ArchitectureError):
        return None  # published by another program, or by an older version of this one


def _resolved(precision: str | None, auto: str | None) -> str | None:
    """The number format that a precision stands for, as far as it is known what `auto` is."""
    return auto if precision == "auto" and auto is not None else precision


def _pictures(n_train: int, validation: object, test_samples: int | None, info: DatasetInfo) -> tuple[int, int]:
    """Numbers of pictures for training and for validation, divided as in `worker.training.splits`."""
    if not isinstance(validation, float):
        return n_train, info.n_validation if validation == "validation" else test_samples or info.n_test
    held_out = held_out_of(validation, n_train)
    return n_train - held_out, held_out


def _workload(
    analysis: Analysis,
    batch_size: int,
    epochs: int,
    pictures: tuple[int, int],
    precision: str | None,
    head_epochs: int = 0,
) -> Workload:
    return Workload(
        flops=analysis.flops,
        outputs=analysis.outputs,
        is_float32=precision in {None, "float32"},
        batch_size=batch_size,
        epochs=epochs,
        training_pictures=pictures[0],
        validation_pictures=pictures[1],
        head_epochs=head_epochs,
    )


def _identity(architecture: Architecture, image_shape: tuple[int, int, int]) -> str:
    described = architecture.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps([described, image_shape], sort_keys=True).encode()).hexdigest()
