"""How well pictures that are unlike the training pictures are told: noise, text, photos, other datasets, negatives.

AUROC is the probability that such a picture has a larger distance than an ordinary test picture.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worker.artifacts import INPUT_TENSOR, UNUSUAL_TENSOR
from worker.datasets import Dataset
from worker.pictures.hard_pixels import png_of
from worker.pictures.pixels import PictureLimits, decode_pictures, to_unit_range
from worker.training.trust.unusual import unusual_network

N_TRAINING, N_STRANGERS = 4000, 1000
LIMITS = PictureLimits(max_bytes=100_000_000)
WORDS = "the quick brown fox jumps over a lazy dog and runs home".split()  # noqa: SIM905
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}

Pixels = NDArray[np.uint8]


def measured_strangers(dataset: Dataset, other: Dataset | None, photos: Path | None) -> dict[str, dict[str, float]]:
    """AUROC of each kind of strange pictures, and the share that is called unusual.

    Args:
        dataset: the score is learned from its training pictures, of which the last tenth is held out.
        other: a dataset whose test pictures are strange.
        photos: a folder of picture files.
    """
    n_held_out = len(dataset.train_images) // 10
    order = np.random.default_rng(0).permutation(len(dataset.train_images))
    held_out, known = order[:n_held_out], order[n_held_out:][:N_TRAINING]
    scorer = unusual_network(dataset.train_images[known], dataset.train_images[held_out])
    if scorer is None:
        raise ValueError("the dataset has too few pictures")
    ordinary = scores(scorer, dataset.test_images[: N_STRANGERS * 2])
    found = {"test pictures": {"auroc": 0.5, "called_unusual": _share(ordinary)}}
    for name, pictures in _strangers(dataset, other, photos):
        strange = scores(scorer, pictures)
        found[name] = {"auroc": round(auroc(strange, ordinary), 4), "called_unusual": _share(strange)}
    return found


def scores(scorer: bytes, images: Pixels) -> NDArray[np.float32]:
    """The distance of each picture; above 1 it is called unusual."""
    session = onnxruntime.InferenceSession(scorer, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run([UNUSUAL_TENSOR], {INPUT_TENSOR: to_unit_range(images)})[0]
    return found


def auroc(strange: NDArray[np.floating], ordinary: NDArray[np.floating]) -> float:
    """The probability that a strange picture has the larger score; equal ones count half."""
    ranked = np.sort(ordinary)
    below, up_to = np.searchsorted(ranked, strange, "left"), np.searchsorted(ranked, strange, "right")
    return float((below + up_to).mean() / (2 * len(ranked)))


def _share(found: NDArray[np.floating]) -> float:
    return round(float((found > 1).mean()), 4)


def _strangers(dataset: Dataset, other: Dataset | None, photos: Path | None) -> Iterator[tuple[str, Pixels]]:
    height, width, channels = shape = dataset.info.image_shape
    random = np.random.default_rng(1)
    yield "noise", random.integers(0, 256, (N_STRANGERS, *shape), np.uint8)
    yield "text", np.stack([_text(random, height, width, channels) for _ in range(N_STRANGERS)])
    yield "negatives", 255 - dataset.test_images[:N_STRANGERS]
    if photos is not None:
        files = [path.read_bytes() for path in sorted(photos.rglob("*")) if path.suffix.lower() in SUFFIXES]
        yield "photos", decode_pictures(files, shape, LIMITS)
    if other is not None:
        yield other.info.name, decode_pictures(_files(other.test_images[:N_STRANGERS]), shape, LIMITS)


def _text(random: np.random.Generator, height: int, width: int, channels: int) -> Pixels:
    """Dark words on light paper, or light ones on dark."""
    paper, ink = (255, 0) if random.random() < 0.5 else (0, 255)
    picture = Image.new("L", (width, height), paper)
    lines = "\n".join(" ".join(random.choice(WORDS, 3)) for _ in range(4))
    ImageDraw.Draw(picture).multiline_text((1, 1), lines, fill=ink, font=ImageFont.load_default(9))
    return np.repeat(np.asarray(picture)[:, :, np.newaxis], channels, axis=2)


def _files(images: Pixels) -> Sequence[bytes]:
    return [png_of(image) for image in images]
