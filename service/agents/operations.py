"""The operations that agents are offered as tools: which route each of them calls, and with which arguments.

Names, types and descriptions of the arguments are those of the routes: `service.agents.descriptions` takes them from
the OpenAPI document. What deletes is not offered, and neither are keys: a person decides about those.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.predict.urls import PREDICT
from worker.artifacts import MISTAKES_PICTURE

VERSION = "/models/{name}/versions/{version}"
"""Routes below a version take one argument, `model`, which may also name an alias."""
TRAINING = (
    *("architecture", "dataset", "epochs", "model", "optimizer", "learning_rate_schedule", "batch_size", "validation"),
    *("seed", "train_samples", "test_samples", "overrides", "augmentation", "early_stopping", "class_weights"),
    "test_time_augmentation",
    *("label_smoothing", "ema", "precision", "initial_model", "weights", "train", "dataset_version", "grid"),
    *("tags", "note", "priority"),
)


@dataclass(frozen=True)
class Operation:
    """One tool.

    Attributes:
        name: of the tool.
        method: of its route.
        template: of the path of its route; what stands in braces is an argument.
        says: what it does, for the language model.
        query: parameters of the route that are arguments.
        fixed: parameters that are always sent.
        defaults: parameters and fields that are sent unless the argument says otherwise.
        body: fields of the body that are arguments.
        whole_body: the one argument that is the body.
        has_picture: it takes a picture: as base64, by URL, or one of a dataset.
        is_asked_of_newest: without `model`, the newest model is asked.
        is_waited_for: it is called until the job has ended.
        changes: what it does cannot be taken back, or costs something.
        is_final: it ends something that cannot be continued.
    """

    name: str
    method: str
    template: str
    says: str
    query: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    body: tuple[str, ...] = ()
    whole_body: str | None = None
    has_picture: bool = False
    is_asked_of_newest: bool = False
    is_waited_for: bool = False
    changes: bool = False
    is_final: bool = False

    @property
    def is_of_version(self) -> bool:
        """Whether its route is below a version, which the argument `model` names."""
        return self.template.startswith(VERSION)


_ABOUT = (
    Operation("whoami", "GET", "/me", "Who the key says you are, what it allows, and how much of it is used."),
    Operation(
        "list_architectures",
        "GET",
        "/architectures",
        "Networks by name, with parameters, FLOPs and recipe; with `dataset`, for its pictures and classes.",
        query=("dataset",),
    ),
    Operation(
        "check_architecture",
        "POST",
        "/architectures/check",
        "Check a network of your own without training it: shapes and parameters of each layer, or what is wrong.",
        query=("dataset", "classes", "image_shape"),
        whole_body="architecture",
    ),
    Operation("list_datasets", "GET", "/datasets", "What can be trained on.", query=("owner", "tag", "state")),
    Operation("get_dataset", "GET", "/datasets/{name}", "One dataset: classes, counts, statistics, what was skipped."),
    Operation("show_dataset", "GET", "/datasets/{name}/preview.png", "Pictures of each class of a dataset, drawn."),
)
_JOBS = (
    Operation(
        "estimate_training",
        "POST",
        "/jobs",
        "What a training, or a grid of them, would be and cost: every default filled in, memory, time. Queues nothing. "
        "Call it before `train`.",
        fixed={"dry_run": "true"},
        body=TRAINING,
    ),
    Operation(
        "train",
        "POST",
        "/jobs",
        "Start a training: `architecture`, `dataset` and `epochs` are enough. With `grid`, every combination of its "
        "values becomes a job. Takes a worker's time; counts against the limits of the key. Then call `wait_for_job`.",
        body=TRAINING,
        changes=True,
    ),
    Operation(
        "list_jobs",
        "GET",
        "/jobs",
        "Jobs in short, newest first.",
        query=("state", "owner", "tag", "model", "dataset", "architecture", "group", "after", "limit"),
        fixed={"view": "row"},
        defaults={"limit": 20},
    ),
    Operation(
        "get_job", "GET", "/jobs/{job_id}", "State, progress and history of a job; at the end its model or its error."
    ),
    Operation(
        "wait_for_job",
        "GET",
        "/jobs/{job_id}",
        "Wait until a job has ended, at most `timeout_s` seconds; the answer is the job as it is then. Call it again "
        "while the job runs.",
        is_waited_for=True,
    ),
    Operation("get_job_log", "GET", "/jobs/{job_id}/log", "The end of a job's log."),
    Operation(
        "show_curves",
        "GET",
        "/jobs/{job_id}/curves.{picture_format}",
        "Accuracy and loss of a job by epoch, drawn; also while it runs.",
        fixed={"picture_format": "png"},
    ),
    Operation(
        "finish_job",
        "POST",
        "/jobs/{job_id}/finish",
        "Stop a running job after its batch, and publish its best epoch.",
        changes=True,
        is_final=True,
    ),
    Operation(
        "cancel_job", "POST", "/jobs/{job_id}/cancel", "Stop a job without a model.", changes=True, is_final=True
    ),
    Operation(
        "compare_runs",
        "GET",
        "/compare",
        "Runs side by side: what differs, final metrics, and a verdict whether the difference is more than chance.",
        query=("jobs", "group", "metric"),
    ),
    Operation(
        "show_comparison",
        "GET",
        "/compare.{picture_format}",
        "Curves of several runs in one drawing.",
        query=("jobs", "group", "metric"),
        fixed={"picture_format": "png"},
    ),
)
_MODELS = (
    Operation(
        "list_models",
        "GET",
        "/models",
        "What was published: models, versions, aliases.",
        query=("owner", "tag", "dataset", "architecture", "sort", "limit", "after"),
    ),
    Operation(
        "get_model_card",
        "GET",
        f"{VERSION}/README.md",
        "What a version is: data, network, training, results, limits, in Markdown.",
    ),
    Operation("diagnose", "GET", f"{VERSION}/doctor", "What is wrong with the run of a version, and what to do."),
    Operation(
        "list_mistakes",
        "GET",
        f"{VERSION}/mistakes",
        "Test pictures that a version gets wrong, the most confident first.",
        query=("true", "predicted", "limit"),
        defaults={"limit": 20},
    ),
    Operation("show_mistakes", "GET", f"{VERSION}/{MISTAKES_PICTURE}", "The same, drawn.", query=("true", "predicted")),
    Operation(
        "predict",
        "POST",
        f"{VERSION}/predict",
        "Classify a picture. Without `model`, the newest model answers.",
        query=("top_k", "coverage", "not_sure_below"),
        has_picture=True,
        is_asked_of_newest=True,
    ),
    Operation(
        "explain",
        "POST",
        f"{VERSION}/explain",
        "Where in a picture the evidence for a class is, drawn; with `format` json as numbers.",
        query=("method", "label", "layer", "format"),
        defaults={"format": "png"},
        has_picture=True,
    ),
    Operation(
        "show_maps",
        "POST",
        f"{VERSION}/maps",
        "What the layers of a network make of a picture, drawn; with `format` json as numbers.",
        query=("layer", "channel", "format"),
        defaults={"format": "png"},
        has_picture=True,
    ),
    Operation(
        "what_if",
        "POST",
        f"{VERSION}/what-if",
        "How the answer changes when the picture is moved, turned, blurred, brightened or covered.",
        query=("shift", "rotate", "blur", "noise", "brightness", "occlude", "without"),
        has_picture=True,
    ),
    Operation(
        "set_alias",
        "PUT",
        "/models/{name}/aliases/{alias}",
        "Promote or roll back: point an alias, such as `production`, at a version. A canary answers a share of its "
        "predictions, a shadow is only compared; without them it has neither from then on.",
        body=("version", "canary", "shadow"),
        changes=True,
    ),
)
OPERATIONS: Mapping[str, Operation] = {found.name: found for found in (*_ABOUT, *_JOBS, *_MODELS)}
"""All tools by name, in the order of the list."""
NEWEST = PREDICT
"""The path of an operation that is asked of the newest model."""
