"""Training on top of learned weights: which weights, how much of the network is trained, and at which size.

Knows requests, presets and datasets, but neither Keras nor files of weights.
"""

from dataclasses import dataclass

from worker.architectures import Overrides, Preset, Recipe
from worker.datasets import DatasetInfo
from worker.jobs.request import JobRequest, RequestInvalid
from worker.recipe.options import Optimizer, PretrainedWeights, TrainedPart
from worker.recipe.schedules import Cosine

HEAD_RECIPE = Recipe(
    optimizer=Optimizer(name="adam", learning_rate=1e-3),
    batch_size=32,
    epochs=20,
    learning_rate_schedule=Cosine(warmup=0.05),
)
"""An epoch of the head takes a fraction of a second."""
FINE_TUNING_RECIPE = HEAD_RECIPE.model_copy(update={"epochs": 10})
FINE_TUNING_RATE = 0.1
"""Share of the learning rate with which learned layers are trained: a higher one destroys what they know."""
MOST_AT_FULL_SIZE = 4000
"""Pictures of a dataset up to which a preset takes its largest input."""
LAYER_CHANGES = ("activation", "depth", "width")


@dataclass(frozen=True)
class Transfer:
    """What a training starts from, and what of it is trained.

    Attributes:
        weights: pretrained weights; None for random ones or those of an initial model.
        train: the part that is trained.
        recipe: the defaults for this part; None for those of the network.
    """

    weights: PretrainedWeights | None
    train: TrainedPart
    recipe: Recipe | None


def choose_transfer(request: JobRequest, preset: Preset | None, *, has_initial: bool) -> Transfer:
    """Fill in what a request says about learned weights.

    Args:
        request: as it was sent.
        preset: the network, if it is a preset.
        has_initial: whether the training continues from a published version.

    Raises:
        RequestInvalid: there are no such weights, or nothing was learned on which a head could be trained.
    """
    weights = _weights(request, preset, has_initial=has_initial)
    train = request.train or ("head" if weights else "all")
    if train != "all" and not (weights or has_initial):
        raise RequestInvalid(
            ("train",),
            f"the network has learned nothing yet; expected `all`, pretrained `weights` or an `initial_model`, "
            f"got {train!r}",
        )
    recipe = None
    if train == "head":
        recipe = HEAD_RECIPE
    elif head_epochs(train, weights, 2):
        recipe = FINE_TUNING_RECIPE
    return Transfer(weights, train, recipe)


def head_epochs(train: str, weights: str | None, epochs: int) -> int:
    """How many epochs of a training, the first ones, train only the head, on features that are computed once."""
    if train == "head":
        return epochs
    return (epochs + 1) // 2 if weights or train == "last_blocks" else 0


def with_input_size(overrides: Overrides | None, preset: Preset, info: DatasetInfo) -> Overrides | None:
    """The overrides with an input size, for a preset that has several and a request that names none.

    Resolution is worth more than it costs until a dataset is large. Measured with a head on 1,000 pictures of
    CIFAR-10: accuracy 0.77 at 96 pixels, 0.83 at 160 and 0.85 at 224, where a picture takes twice as long as at 160.
    """
    if not preset.sizes or (overrides is not None and overrides.input_size is not None):
        return overrides
    side = chosen_side(preset.sizes, info)
    return (overrides or Overrides()).model_copy(update={"input_size": (side, side)})


def chosen_side(sizes: tuple[int, ...], info: DatasetInfo) -> int:
    """The largest size if the pictures have that many pixels and are not too many, otherwise the smallest."""
    n_pictures = info.n_train + info.n_test + info.n_validation
    is_detailed = max(info.image_shape[:2]) > sizes[0]
    return sizes[-1] if is_detailed and n_pictures <= MOST_AT_FULL_SIZE else sizes[0]


def _weights(request: JobRequest, preset: Preset | None, *, has_initial: bool) -> PretrainedWeights | None:
    if request.weights == "none" or (request.weights is None and has_initial):
        return None
    available = preset.weights if preset is not None else ()
    changed = [field for field in LAYER_CHANGES if getattr(request.overrides, field, None) not in {None, 1}]
    if request.weights is None:
        return "imagenet" if "imagenet" in available and not changed else None
    if has_initial:
        raise RequestInvalid(
            ("weights",), f"both weights and an initial model; expected one of them, got {request.weights!r}"
        )
    if request.weights not in available:
        got = preset.name if preset is not None else "a network of your own"
        raise RequestInvalid(("weights",), f"there are none for this network; expected efficientnet-lite0, got {got}")
    if changed:
        raise RequestInvalid(
            ("overrides", changed[0]), "the pretrained weights are for other layers; expected it to be left out"
        )
    return request.weights
