"""Trains, follows and predicts with what openapi-generator made; arguments: its directory, a URL, and a picture."""

import importlib
import sys
import time
from pathlib import Path

made, url, picture = sys.argv[1:]
sys.path.insert(0, made)
generated = importlib.import_module("generated")

asked = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1, "train_samples": 200}
with generated.ApiClient(generated.Configuration(host=url)) as client:
    jobs = generated.JobsApi(client)
    request = generated.JobRequest.from_dict(asked | {"validation": "test"})
    job_id = jobs.submit_job(generated.Submission(request)).actual_instance.id
    while (job := jobs.get_job(job_id)).state in ("queued", "running"):
        time.sleep(0.5)
    assert job.state == "succeeded", job
    sent = [("picture.png", Path(picture).read_bytes())]
    answer = generated.PredictApi(client).predict_with_version(job.model.name, job.model.version, file=sent)
    found = answer.predictions[0].actual_instance
print(found.label, found.probability)
