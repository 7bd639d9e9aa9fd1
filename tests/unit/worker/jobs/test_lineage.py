from datetime import UTC, datetime

import pytest

from model_store import Manifest
from tests.unit.model_store.published import facts
from worker.architectures import Architecture, get_preset
from worker.jobs.lineage import (
    DoesNotFit,
    VersionReference,
    architecture_of,
    check_fit,
    has_same_classes,
    parse_reference,
)

LENET = get_preset("lenet5-fashion").architecture
ANY_SIZE = Architecture.model_validate(
    {
        "layers": [
            {"type": "conv2d", "filters": 4, "kernel_size": 3},
            {"type": "global_average_pooling2d"},
            {"type": "dense", "units": "classes", "activation": "softmax"},
        ]
    }
)


def published(architecture: Architecture, preset: str = "custom") -> Manifest:
    described = facts(
        architecture=architecture.model_dump(mode="json", exclude_defaults=True), recipe={"architecture": preset}
    )
    return Manifest.of(described, model="shirts", version=3, published_at=datetime(2026, 1, 1, tzinfo=UTC), files={})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shirts", VersionReference("shirts")),
        ("shirts/3", VersionReference("shirts", version=3)),
        ("shirts@best", VersionReference("shirts", alias="best")),
    ],
)
def test_a_version_goes_by_its_number_an_alias_or_as_the_latest(text: str, expected: VersionReference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["", "shirts/0", "shirts/", "shirts@", "Shirts", "a/1@b", "../x/1"])
def test_anything_else_names_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a reference to a version"):
        parse_reference(text)


def test_the_same_network_fits_also_where_its_pictures_are_resized() -> None:
    check_fit(published(LENET, "lenet5-fashion"), LENET, (28, 28, 1))
    check_fit(published(LENET, "lenet5-fashion"), LENET, (40, 30, 1))
    check_fit(published(ANY_SIZE), ANY_SIZE, (64, 64, 1))


def test_how_weights_begin_does_not_matter_to_learned_ones() -> None:
    """Versions of `fast` were published before its first convolution whitened."""
    fast = get_preset("fast").architecture
    described = fast.model_dump(mode="json", exclude_defaults=True)
    assert described["layers"][0].pop("kernel_initializer") == "whitening"
    before = published(Architecture.model_validate(described), "fast")
    check_fit(before, fast, (28, 28, 1))
    assert architecture_of(before) == "fast"


def test_another_network_does_not_fit() -> None:
    with pytest.raises(DoesNotFit, match="shirts/3 is another network"):
        check_fit(published(LENET), ANY_SIZE, (28, 28, 1))


def test_pictures_that_make_other_weights_do_not_fit() -> None:
    with pytest.raises(DoesNotFit, match="expected 28 x 28 x 1, got 28 x 28 x 3"):
        check_fit(published(ANY_SIZE), ANY_SIZE, (28, 28, 3))


def test_a_presets_network_goes_by_its_name_and_any_other_by_its_layers() -> None:
    assert architecture_of(published(LENET, "lenet5-fashion")) == "lenet5-fashion"
    assert architecture_of(published(ANY_SIZE, "lenet5-fashion")) == ANY_SIZE
    assert architecture_of(published(ANY_SIZE)) == ANY_SIZE


def test_classes_are_the_same_only_in_the_same_order() -> None:
    assert has_same_classes(published(LENET), ("shirt", "sandal"))
    assert not has_same_classes(published(LENET), ("sandal", "shirt"))
