"""Test pictures are brought to the size and the colours that an imported model takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from worker.datasets import load_dataset
from worker.imports.errors import ImportRefused
from worker.training.importing import fitting_pictures
from worker.training.importing.fitting_pictures import fit_test_pictures

SAMPLE = load_dataset("fashion_mnist_sample", Path("unused"))
FEW = replace(SAMPLE, test_images=SAMPLE.test_images[:5], test_labels=SAMPLE.test_labels[:5])


def test_pictures_that_fit_stay_as_they_are(tmp_path: Path) -> None:
    assert fit_test_pictures(FEW, (28, 28, 1), tmp_path) is FEW.test_images


def test_pictures_are_resized_and_coloured(tmp_path: Path) -> None:
    fitted = fit_test_pictures(FEW, (56, 42, 3), tmp_path)
    assert fitted.shape == (5, 56, 42, 3)
    assert (fitted[..., 0] == fitted[..., 2]).all()
    assert np.allclose(fitted.mean(axis=(1, 2, 3)), FEW.test_images.mean(axis=(1, 2, 3)), atol=2)


def test_too_much_space_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting_pictures, "MOST_BYTES", 1000)
    with pytest.raises(ImportRefused, match="too large"):
        fit_test_pictures(FEW, (56, 42, 3), tmp_path)
