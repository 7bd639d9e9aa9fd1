"""Trains, follows and predicts with what openapi-python-client made; arguments: its directory, a URL, and a picture."""

import importlib
import sys
import time
from io import BytesIO
from pathlib import Path

made, url, picture = sys.argv[1:]
sys.path.insert(0, made)
name = next(path.parent.name for path in Path(made).glob("*/client.py"))
models = importlib.import_module(name + ".models")
types = importlib.import_module(name + ".types")
client = importlib.import_module(name + ".client").Client(base_url=url)
call = {each: importlib.import_module(f"{name}.api.{each}") for each in ("jobs.submit_job", "jobs.get_job")}
predict = importlib.import_module(f"{name}.api.predict.predict_with_version")
body_type = importlib.import_module(f"{name}.models.predict_with_version_files_body").PredictWithVersionFilesBody

for validation in (0.1, "test", "validation"):
    given = {"architecture": "cnn", "dataset": "cifar10", "epochs": 1, "validation": validation}
    assert models.JobRequest.from_dict(given).to_dict() == given, validation
asked = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1, "train_samples": 200}
job = call["jobs.submit_job"].sync(client=client, body=models.JobRequest.from_dict(asked | {"validation": "test"}))
while job.state in ("queued", "running"):
    time.sleep(0.5)
    job = call["jobs.get_job"].sync(job.id, client=client)
assert job.state == "succeeded", job
file = types.File(BytesIO(Path(picture).read_bytes()), "picture.png", "image/png")
answer = predict.sync(
    job.model.name, job.model.version, client=client, body=body_type(file=[file]), not_sure_below="0.01"
)
(found,) = answer.predictions
assert found.not_sure is False, found
print(found.label, found.probability)
