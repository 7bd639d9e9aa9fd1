"""What a file of weights can do besides holding numbers is refused, and nothing else is opened."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.keras_archives import archive, said, small_network, weights_file, written
from worker.imports.errors import ImportRefused
from worker.imports.transcoding import transcode

PLACE = "layers/dense/vars/0"


def _replaced(file: h5py.File, make: Callable[[h5py.Group], object]) -> None:
    del file[PLACE]
    make(file["layers/dense/vars"])


def _external(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", (72, 3), "f4", external=[("/etc/passwd", 0, 864)]))


def _soft(file: h5py.File) -> None:
    _replaced(file, lambda group: group.__setitem__("0", h5py.SoftLink("/layers/conv2d/vars/0")))


def _external_link(file: h5py.File) -> None:
    _replaced(file, lambda group: group.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/")))


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((72, 3), "f4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (72, 3))
    _replaced(file, lambda group: group.create_virtual_dataset("0", layout))


def _huge(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", (2**40, 2**10), "f4", chunks=(2**10, 2**10)))


def _texts(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", data=["a"] * 3, dtype=h5py.string_dtype()))


def _references(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", (2,), h5py.ref_dtype))


def _filtered(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", data=np.ones((72, 3), "f4"), compression="lzf"))


def _cycle(file: h5py.File) -> None:
    file["layers/dense/layers"] = file["layers"]


def _whole_numbers(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_dataset("0", data=np.ones((72, 3), "i8")))


def _group(file: h5py.File) -> None:
    _replaced(file, lambda group: group.create_group("0"))


@pytest.mark.parametrize(
    "change",
    [
        *(_external, _soft, _external_link, _virtual, _huge, _texts, _references, _filtered, _cycle, _whole_numbers),
        _group,
    ],
)
def test_arrays_that_are_not_plain_are_refused(tmp_path: Path, change: Callable[[h5py.File], None]) -> None:
    config, arrays = small_network()
    path = written(tmp_path, archive(config, weights_file(arrays, change)))
    with pytest.raises(ImportRefused):
        transcode(path, said(), tmp_path)


def test_the_state_of_an_optimizer_is_never_opened(tmp_path: Path) -> None:
    config, arrays = small_network()

    def change(file: h5py.File) -> None:
        file["optimizer/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")

    path = written(tmp_path, archive(config, weights_file(arrays, change)))
    assert transcode(path, said(), tmp_path).n_classes == 3


@pytest.mark.parametrize(
    "members",
    [
        {"assets/x": b"1"},
        {"../evil": b"1"},
        {"model.weights.npz": b"1"},
    ],
)
def test_an_archive_with_other_files_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    config, arrays = small_network()
    path = written(tmp_path, archive(config, weights_file(arrays), **members))
    with pytest.raises(ImportRefused, match="expected exactly"):
        transcode(path, said(), tmp_path)


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            opened.writestr(name, b"0" * 3_000_000 if name.endswith("h5") else b"{}")
    with pytest.raises(ImportRefused, match="too tightly"):
        transcode(path, said(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"x" * 1000])
def test_something_else_than_an_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ImportRefused):
        transcode(written(tmp_path, content), said(), tmp_path)
