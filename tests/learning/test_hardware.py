"""On which processors `auto` precision is bfloat16."""

from pathlib import Path

import keras
import pytest

from worker.training import hardware


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no GPU and Keras runs on TensorFlow, whatever there is."""
    monkeypatch.setattr(hardware, "device", lambda: "cpu")
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")


@pytest.mark.parametrize(
    ("vendor", "flags", "policy"),
    [
        ("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile", "mixed_bfloat16"),
        ("GenuineIntel", "avx512f avx512_bf16", "float32"),
        ("AuthenticAMD", "avx512f avx512_bf16", "mixed_bfloat16"),
        ("AuthenticAMD", "avx2 fma", "float32"),
    ],
)
def test_bfloat16_is_chosen_where_it_was_measured_to_be_faster(
    vendor: str, flags: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = f"vendor_id\t: {vendor}\nmodel name\t: Some Model\nflags\t\t: fpu {flags}\n\n"
    monkeypatch.setattr(Path, "read_text", lambda _path: processor * 2)
    assert hardware.policy_of("auto") == policy
    assert hardware.policy_of("float32") == "float32"
    assert hardware.processor().startswith("Some Model, ")


def test_a_system_that_does_not_list_its_processors_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert hardware.policy_of("auto") == "float32"
