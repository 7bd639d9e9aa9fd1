"""Dead filters are taken from the record of the layers, where there is one that can tell."""

from pathlib import Path

from worker.artifacts import LAYERS_FILE
from worker.inside.record import LayerRecord, NetworkRecord
from worker.training.recorded_filters import recorded_filters


def write(directory: Path, pictures: int) -> None:
    shape = {"output_shape": (8, 8, 4), "parameters": 40}
    layers = (
        LayerRecord.model_validate({"name": "conv2d", "type": "conv2d", "dead": (1, 3)} | shape),
        LayerRecord.model_validate({"name": "max_pooling2d", "type": "max_pooling2d", "dead": (1, 3)} | shape),
        LayerRecord(name="dense", type="dense", output_shape=(10,), parameters=50, dead=(2,)),
    )
    record = NetworkRecord(logits="logits", training_mean=(0.5,), pictures=pictures, layers=layers)
    (directory / LAYERS_FILE).write_text(record.model_dump_json())


def test_only_layers_with_filters_count(tmp_path: Path) -> None:
    write(tmp_path, pictures=512)
    (found,) = recorded_filters(tmp_path) or ()
    assert (found.layer, found.filters, found.dead) == ("conv2d", 4, (1, 3))


def test_few_pictures_and_no_record_tell_nothing(tmp_path: Path) -> None:
    assert recorded_filters(tmp_path) is None
    write(tmp_path, pictures=8)
    assert recorded_filters(tmp_path) is None
