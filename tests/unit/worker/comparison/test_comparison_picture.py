import io

import pytest
from PIL import Image

from tests.unit.worker.comparison.records import ended
from worker.comparison import compare
from worker.comparison.picture import draw_comparison
from worker.jobs.records import History
from worker.jobs.states import JobState


@pytest.mark.parametrize("n_settings", [1, 2, 12])
def test_a_picture_is_as_high_as_its_legend_needs(n_settings: int) -> None:
    jobs = [ended(f"j{n}", 0.5, seed=1, batch_size=n + 1, epochs=30) for n in range(n_settings)]
    jobs += [ended(f"k{n}", 0.6, seed=2, batch_size=n + 1, epochs=30) for n in range(n_settings)]
    picture = Image.open(io.BytesIO(draw_comparison(compare(jobs, "test_accuracy", lambda request: None))))
    assert picture.width == 1100
    assert 500 < picture.height < 1000


def test_the_band_is_explained_where_there_is_one() -> None:
    def svg(*seeds: int) -> bytes:
        runs = [ended(f"{seed}", 0.5 + seed / 100, seed=seed) for seed in seeds]
        return draw_comparison(compare(runs, "test_accuracy", lambda request: None), "svg")

    assert b"band: from their lowest" in svg(1, 2)
    assert b"band:" not in svg(1)


def test_runs_without_an_epoch_are_drawn_as_nothing_yet() -> None:
    waiting = ended("q", 0.5, seed=1).model_copy(update={"state": JobState.QUEUED, "history": History(), "model": None})
    svg = draw_comparison(compare([waiting], "test_accuracy", lambda request: None), "svg")
    assert b"<svg" in svg


def test_runs_of_different_lengths_share_one_picture() -> None:
    jobs = [ended("a", 0.5, seed=1, epochs=1), ended("b", 0.5, seed=2, epochs=1), ended("c", 0.5, seed=1, epochs=7)]
    assert draw_comparison(compare(jobs, "seconds", lambda request: None)).startswith(b"\x89PNG")
