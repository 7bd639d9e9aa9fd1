"""A large network made small by overrides, from the request to an answer about a picture."""

import httpx

from tests.running import submit, wait_for


def test_a_narrow_googlenet_is_trained_published_and_asked(api: httpx.Client) -> None:
    overrides = {"activation": "elu", "width": 0.1, "input_size": "native"}
    submitted = submit(api, architecture="googlenet", overrides=overrides, epochs=1, train_samples=100)
    assert submitted["request"]["overrides"].items() >= overrides.items()
    assert submitted["request"]["model"] == "fashion_mnist_sample-googlenet-elu-width0_1-native"

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
