"""What a client may say about a model, as fields of a form have it: as text."""

import pytest
from pydantic import ValidationError

from worker.datasets import dataset_info
from worker.imports.options import ImportOptions, PixelScaling
from worker.jobs.import_plan import plan_import
from worker.jobs.request import RequestInvalid


def test_text_is_read_as_names_sizes_and_objects() -> None:
    options = ImportOptions.model_validate(
        {
            "model": "boots",
            "classes": '["boot, high", "shoe"]',
            "preprocessing": '{"scale": 2, "offset": [1, 2, 3]}',
            "image_size": "48x64",
            "tags": "a,b",
        }
    )
    assert (options.name, options.classes) == ("boots", ("boot, high", "shoe"))
    assert options.preprocessing == PixelScaling(scale=2, offset=(1, 2, 3))
    assert (options.image_size, options.tags) == ((48, 64), ("a", "b"))
    assert ImportOptions.model_validate({"classes": "cat, dog"}).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("options", "loc"),
    [
        ({"preprocessing": "magic"}, ("preprocessing",)),
        ({"preprocessing": '{"scale": "x"}'}, ("preprocessing", "scale")),
        ({"preprocessing": "{broken"}, ("preprocessing",)),
        ({"classes": "one"}, ("classes",)),
        ({"image_size": "9999"}, ("image_size", 0)),
        ({"colour": "blue"}, ("colour",)),
    ],
)
def test_what_cannot_be_is_named(options: dict[str, str], loc: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refusal:
        ImportOptions.model_validate(options)
    assert refusal.value.errors()[0]["loc"][: len(loc)] == loc


@pytest.mark.parametrize(
    ("filename", "name"),
    [("Boots v2.keras", "boots-v2"), ("C:\\x\\net.onnx", "net"), (None, "imported"), ("???.keras", "imported")],
)
def test_the_file_gives_the_model_its_name(filename: str | None, name: str) -> None:
    plan = plan_import(ImportOptions(), "abc23", "keras", "0" * 64, 1, filename, dataset_info)
    assert plan.model == name
    assert plan.dataset == ""


def test_a_dataset_gives_its_classes_or_refuses_others() -> None:
    options = ImportOptions(dataset="fashion_mnist")
    plan = plan_import(options, "abc23", "keras", "0" * 64, 1, None, dataset_info)
    assert plan.imported is not None
    assert plan.imported.classes == dataset_info("fashion_mnist").classes
    with pytest.raises(RequestInvalid, match="other classes"):
        plan_import(
            ImportOptions(dataset="fashion_mnist", classes=("a", "b")),
            "abc23",
            "keras",
            "0" * 64,
            1,
            None,
            dataset_info,
        )
