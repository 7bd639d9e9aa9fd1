"""Jobs that earlier versions of the program left in Redis open as they were: the hashes here are literal."""

import json

from worker.job_store.fields import job_record
from worker.jobs.states import JobState

PLANNED = {
    "architecture": {
        "input_size": None,
        "layers": [
            {"type": "flatten"},
            {
                "type": "dense",
                "units": "classes",
                "activation": "softmax",
                "use_bias": True,
                "kernel_initializer": "glorot_uniform",
            },
        ],
    },
    "overrides": None,
    "dataset": "fashion_mnist_sample",
    "epochs": 6,
    "model": "shirts",
    "batch_size": 64,
    "optimizer": {
        "name": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "nesterov": None,
        "beta_1": None,
        "beta_2": None,
        "weight_decay": 0.0,
    },
    "validation": "test",
    "seed": 7,
    "train_samples": 3000,
    "learning_rate_schedule": {"warmup": 0.0, "name": "step", "every_epochs": 2, "factor": 0.1},
    "early_stopping": {"monitor": "val_loss", "patience": 5, "min_delta": 0.0},
    "augmentation": {
        "horizontal_flip": False,
        "shift_pixels": 0,
        "padding": "reflect",
        "rotation_degrees": 0.0,
        "cutout_pixels": 0,
        "brightness": 0.0,
        "contrast": 0.0,
    },
    "class_weights": {"Bag": 2.0},
    "label_smoothing": 0.0,
    "ema": 0.0,
    "precision": "float32",
    "deterministic": False,
    "initial_model": "shirts/3",
}
FIRST_FIELDS = ("dataset", "epochs", "model", "batch_size", "validation", "seed", "train_samples", "architecture")
"""What the first version let a job choose, besides an optimizer without weight decay."""
FINISHED = {
    "id": "k3v9x2m7qd",
    "state": "succeeded",
    "request": json.dumps(PLANNED),
    "created_at": "1764028800.25",
    "queued_at": "1764028800.25",
    "submitted_by": "01JDH",
    "attempt": "1",
    "fence": "12",
    "claimant": "abcdefghjk",
    "started_at": "1764028801.5",
    "finished_at": "1764028830.75",
    "progress": '{"phase":"publishing","epoch":6,"epochs":6,"step":0,"steps":0,"loss":null,"accuracy":null,'
    '"images_per_second":null,"eta_s":null,"message":null}',
    "history": '{"loss":[1.0],"accuracy":[0.5],"val_loss":[1.1],"val_accuracy":[0.4],"learning_rate":[0.01],'
    '"best_epoch":1}',
    "model": '{"name":"shirts","version":4,"test_loss":0.5,"test_accuracy":0.8}',
}


def test_a_job_of_the_last_version_opens_and_shows_the_same_request() -> None:
    record = job_record(FINISHED, position=None)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
    assert json.loads(record.model_dump_json())["request"] == PLANNED
    assert record.model is not None
    assert record.model.version == 4


def test_a_job_of_the_first_version_opens_too() -> None:
    first = {field: PLANNED[field] for field in FIRST_FIELDS}
    optimizer = {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}
    record = job_record(FINISHED | {"request": json.dumps(first | {"optimizer": optimizer})}, position=None)
    assert record.request.optimizer.weight_decay == 0.0
    assert record.request.learning_rate_schedule.name == "constant"
    shown = json.loads(record.model_dump_json())["request"]
    assert {field: shown[field] for field in FIRST_FIELDS} == first
