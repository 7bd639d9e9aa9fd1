"""A client of convserve, in Python: train, follow, predict and look, without and with `await`.

    import convserve

    client = convserve.Client("http://localhost:8000")
    job = client.train("cnn", "cifar10", epochs=10).wait()
    print(client.predict("boot.png", model=job.model).label)

It needs httpx and nothing of the server. Not in here: what the server does; every field of an answer that has no
attribute of its own is in `raw`.
"""

from convserve.answers import ClassProbability, History, JobFacts, PictureAnswer, Prediction
from convserve.async_client import AsyncClient, AsyncJob
from convserve.client import Client, Job
from convserve.errors import ConvserveError, JobFailed, ServerRefused, ServerUnreachable, WaitTimedOut

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "ClassProbability",
    "Client",
    "ConvserveError",
    "History",
    "Job",
    "JobFacts",
    "JobFailed",
    "PictureAnswer",
    "Prediction",
    "ServerRefused",
    "ServerUnreachable",
    "WaitTimedOut",
]
