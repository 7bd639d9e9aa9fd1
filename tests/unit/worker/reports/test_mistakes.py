import numpy as np

from worker.reports import mistakes as module
from worker.reports.mistakes import Mistake, find_mistakes

CLASSES = ("cat", "dog", "owl")
PROBABILITIES = np.array(
    [[0.75, 0.25, 0.0], [0.5, 0.375, 0.125], [0.25, 0.625, 0.125], [0.0, 0.25, 0.75], [0.5, 0.25, 0.25]], np.float32
)
LABELS = np.array([0, 1, 0, 1, 2])


def test_mistakes_come_by_falling_confidence_and_equal_ones_in_the_order_of_the_split() -> None:
    found = find_mistakes(PROBABILITIES, LABELS, CLASSES)
    assert (found.pictures, found.total) == (5, 4)
    assert found.mistakes == (
        Mistake(index=3, true="dog", predicted="owl", probability=0.75, true_probability=0.25),
        Mistake(index=2, true="cat", predicted="dog", probability=0.625, true_probability=0.25),
        Mistake(index=1, true="dog", predicted="cat", probability=0.5, true_probability=0.375),
        Mistake(index=4, true="owl", predicted="cat", probability=0.5, true_probability=0.25),
    )


def test_a_network_without_mistakes_has_none() -> None:
    found = find_mistakes(PROBABILITIES[:1], LABELS[:1], CLASSES)
    assert (found.total, found.mistakes) == (0, ())


def test_only_the_most_confident_are_kept() -> None:
    n_pictures = module.MOST_MISTAKES + 5
    probabilities = np.tile(np.array([0.5, 0.25, 0.25], np.float32), (n_pictures, 1))
    probabilities[-1] = (0.75, 0.25, 0)
    found = find_mistakes(probabilities, np.ones(n_pictures, np.int64), CLASSES)
    assert found.total == n_pictures
    assert len(found.mistakes) == module.MOST_MISTAKES
    assert found.mistakes[0].index == n_pictures - 1


def test_mistakes_on_some_pictures_name_their_places_in_the_whole_split() -> None:
    found = find_mistakes(PROBABILITIES[:3], LABELS[:3], CLASSES, np.array([7, 80, 900]))
    assert (found.pictures, [mistake.index for mistake in found.mistakes]) == (3, [900, 80])
