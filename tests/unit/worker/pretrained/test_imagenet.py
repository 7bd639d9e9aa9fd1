"""The pretrained weights are the published ones, or none."""

from pathlib import Path

import numpy as np
import pytest

from worker.architectures import analyse, get_preset
from worker.pretrained import imagenet
from worker.pretrained.errors import WeightsMissing, WeightsRejected

NETWORK = get_preset("efficientnet-lite0").architecture


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets")
    imagenet.imagenet_weights(folder)
    return folder


def test_the_weights_fit_the_layers_of_the_preset(cache: Path) -> None:
    weights = imagenet.imagenet_weights(cache)
    rows = [row for row in analyse(NETWORK, (224, 224, 3), 1000).layers if row.parameters]

    assert [sum(array.size for array in arrays) for arrays in weights] == [row.parameters for row in rows]
    assert sum(array.size for arrays in weights for array in arrays) == 4_694_024


def test_they_are_converted_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "PACKAGE", "no_such_package")

    assert imagenet.fingerprint(imagenet.imagenet_weights(cache)) == imagenet.FINGERPRINT


def test_a_damaged_cache_is_replaced(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (cache / imagenet.FOLDER / imagenet.CACHE_FILE).read_bytes()
    path = tmp_path / imagenet.FOLDER / imagenet.CACHE_FILE
    path.parent.mkdir()
    for damaged in (b"no archive", kept[: len(kept) // 2], kept[:4_000_000] + bytes(64) + kept[4_000_064:]):
        path.write_bytes(damaged)
        assert imagenet.fingerprint(imagenet.imagenet_weights(tmp_path)) == imagenet.FINGERPRINT
    assert path.stat().st_size == len(kept)


def test_without_the_package_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "PACKAGE", "no_such_package")

    with pytest.raises(WeightsMissing):
        imagenet.imagenet_weights(tmp_path)


def test_another_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "FILE", "__init__.py")
    monkeypatch.setattr(imagenet, "read_tensors", lambda _: pytest.fail("the file was read"))

    with pytest.raises(WeightsRejected, match="18,826,032"):
        imagenet.imagenet_weights(tmp_path)


def test_grey_pictures_answer_as_coloured_ones_whose_channels_are_equal(cache: Path) -> None:
    weights = imagenet.imagenet_weights(cache)
    grey = imagenet.by_layer(weights, analyse(NETWORK, (224, 224, 1), 2).layers)

    np.testing.assert_allclose(grey["conv2d"][0][:, :, 0], weights[0][0].sum(axis=2), rtol=1e-5)
    assert "probabilities" not in grey
