"""A network changed by overrides, from the request to a published version."""

import httpx
import pytest

from tests.running import submit, wait_for


@pytest.mark.parametrize(
    ("architecture", "width"),
    [
        ("lenet5-fashion", 0.5),
        pytest.param("googlenet", 0.1, marks=pytest.mark.long),
    ],  # building GoogLeNet takes half a minute
)
def test_a_narrow_network_is_trained_and_published(api: httpx.Client, architecture: str, width: float) -> None:
    overrides = {"activation": "elu", "width": width, "input_size": "native"}
    submitted = submit(api, architecture=architecture, overrides=overrides, epochs=1, train_samples=100)
    assert submitted["request"]["overrides"].items() >= overrides.items()
    assert (
        submitted["request"]["model"]
        == f"fashion_mnist_sample-{architecture}-elu-width{str(width).replace('.', '_')}-native"
    )

    job = wait_for(api, submitted["id"])

    assert job["state"] == "succeeded", job["error"]
    version = api.get(f"/models/{job['model']['name']}/versions/1").json()
    checked = api.post("/architectures/check?dataset=fashion_mnist_sample", json=version["architecture"]).json()
    assert checked["parameters"] == version["parameters"]
    assert {layer["activation"] for layer in version["architecture"]["layers"] if "activation" in layer} == {
        "elu",
        "softmax",
    }
    assert version["parity"] < 1e-4
