"""Names of folders that say which split their pictures belong to, and names that say nothing about a class."""

import re
from collections.abc import Iterable, Mapping

from worker.datasets.upload.report import Split

SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "trainset", "traindata"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "validset", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing", "tests", "tst", "testset", "testdata", "holdout"), "test"),
}
"""Words that name a split, in lower case."""
EVALUATION = frozenset({"eval", "evaluation"})
"""Words for the validation split, or for the test split where there is another validation split."""
_FILLERS = frozenset(
    "set data dataset images image img imgs pictures pics photos split folder files seg".split()  # noqa: SIM905
)
"""Words beside the split's: `train_images`, `Training Set`, `seg_test`."""
_GENERIC = _FILLERS | frozenset(
    "all jpegimages thumbnails thumbs masks mask labels annotations segmentationclass trimaps".split()  # noqa: SIM905
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")
_DIGITS = re.compile(r"\d+")


def split_named(name: str) -> Split | None:
    """The split that a folder's name says: `train`, `Training set`, `val2017`, `images_test`; None for other names."""
    word = split_word(name)
    return None if word is None else SPLITS[word]


def split_word(name: str) -> str | None:
    """The word in a folder's name that says the split; None when the name has other words, too."""
    words = [word for word in _words(name) if word not in _FILLERS]
    return words[0] if len(words) == 1 and words[0] in SPLITS else None


def split_mentioned(text: str) -> Split | None:
    """The one split that a longer text names among other words: `mnist_train`, `PublicTest`, `train-00000-of-00001`."""
    found = {SPLITS[word] for word in _words(text) if word in SPLITS}
    return found.pop() if len(found) == 1 else None


def say_nothing(names: Iterable[str]) -> bool:
    """Whether no name is that of a class: splits (`train`, `test1`), and folders such as `images` and `masks`."""
    return all(split_named(name) or (_words(name) and set(_words(name)) <= _GENERIC) for name in names)


def are_numbered(names: Iterable[str]) -> bool:
    """Whether the names differ in digits only, as those of parts of one folder do (`images_1`, `images_2`)."""
    return len({_DIGITS.sub("#", name) for name in names}) == 1


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(name)]
