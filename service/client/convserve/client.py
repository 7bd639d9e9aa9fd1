"""The client of programs that wait for each answer."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from convserve import calls
from convserve.aliases import AliasCalls
from convserve.answers import JobFacts, Prediction
from convserve.calls import Call, JsonObject
from convserve.errors import ConvserveError, WaitTimedOut
from convserve.feedback import FeedbackCalls
from convserve.known_job import KnownJob
from convserve.pictures import Picture
from convserve.progress import ProgressLine
from convserve.received import converted, rows_of, saved
from convserve.sending import POLL_S, TIMEOUT_S, connection, pause_s, unreachable

T = TypeVar("T")


class Job(KnownJob):
    """A job on the server; what is known about it is from the last look."""

    def __init__(self, client: "Client", facts: JobFacts) -> None:
        super().__init__(facts)
        self._client = client

    def refresh(self) -> "Job":
        """Look again."""
        self.facts = self._client.send(calls.job(self.id))
        return self

    def wait(self, timeout_s: float | None = None, progress: bool | None = None) -> "Job":
        """Wait until the job has ended.

        Args:
            timeout_s: give up waiting after this time; the job goes on.
            progress: show a line with its progress; default: on a terminal.

        Raises:
            JobFailed: it failed or was cancelled.
            WaitTimedOut: it did not end in time.
        """
        line = ProgressLine(progress)
        end_at = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while True:
                line.show(self.facts)
                if self.facts.is_finished:
                    break
                if end_at is not None and time.monotonic() >= end_at:
                    raise WaitTimedOut(f"job {self.id} is still {self.state} after {timeout_s:g} s")
                time.sleep(POLL_S)
                self.refresh()
        finally:
            line.end()
        self.refuse_failure()
        return self

    def cancel(self) -> "Job":
        """Cancel it: a queued job at once, a running one within seconds."""
        self.facts = self._client.send(calls.cancel(self.id))
        return self

    def finish(self) -> "Job":
        """Let it stop after the epoch that it is in, and publish what it has learned."""
        self.facts = self._client.send(calls.finish(self.id))
        return self

    def log(self) -> str:
        """What its trainer said."""
        return self._client.send(calls.log(self.id))

    def delete(self) -> None:
        """Forget it; a version that it published stays."""
        self._client.send(calls.delete_job(self.id))


class Client(AliasCalls, FeedbackCalls):
    """A convserve server.

    Models are named `name` (its default version), `name/3` or `name@alias`.

    Args:
        url: of the server.
        key: sent with every request, where the server needs one.
        timeout_s: for one answer.
        transport: replaces the network, for tests.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(**connection(url, key, timeout_s), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Send a call, and again if the server is busy.

        Raises:
            ServerUnreachable: it does not answer.
            ServerRefused: it answers with an error.
        """
        retries = 0
        while True:
            try:
                response = self._http.request(call.method, call.path, **call.options)
                return call.read(calls.accepted(response))
            except (httpx.TransportError, ConvserveError) as error:
                found = unreachable(error, self.url) if isinstance(error, httpx.TransportError) else error
                wait_s = pause_s(call, found, retries)
                if wait_s is None:
                    raise found from error
            time.sleep(wait_s)
            retries += 1

    def train(
        self, architecture: str | list[Any] | JsonObject | None = None, dataset: str = "", **options: object
    ) -> Job:
        """Submit a training; `architecture` and `dataset` are enough.

        Args:
            architecture: a preset's name, or layers; None with `initial_model`.
            dataset: its name.
            options: any other field of the request: `epochs`, `optimizer`, `validation`, `model`, …
        """
        return Job(self, self.send(calls.train(architecture, dataset, options)))

    def train_grid(
        self,
        grid: dict[str, list[Any]],
        architecture: str | None = None,
        dataset: str = "",
        *,
        group: str | None = None,
        **options: object,
    ) -> list[Job]:
        """Submit a job for every combination of the grid's values, such as `{"seed": [1, 2, 3]}`.

        Args:
            grid: values by the path of a field.
            architecture: a preset's name.
            dataset: its name.
            group: of an earlier grid (`job.group`), to which the jobs are added.
            options: any other field of the request.

        Returns:
            All jobs of the group.
        """
        ids = self.send(calls.train_grid(grid, architecture, dataset, group, options))
        return [Job(self, self.send(calls.job(job_id))) for job_id in ids]

    def import_model(self, file: str | os.PathLike[str], **options: object) -> Job:
        """Publish a model that was trained elsewhere: a Keras or an ONNX file.

        Args:
            file: its path.
            options: any of the import: `classes`, `preprocessing`, `name`, `dataset`, …
        """
        return Job(self, self.send(calls.import_model(file, options)))

    def export(self, model: str, export_format: str) -> Job:
        """Export a version to `litert`, `saved_model` or `openvino`; the job adds a file to it, see `exports`."""
        return Job(self, self.send(calls.export(model, export_format)))

    def exports(self, model: str) -> list[JsonObject]:
        """The formats that a version was exported to, each with its file and its figures."""
        return self.send(calls.exports(model))

    def job(self, job_id: str) -> Job:
        """A job by its id."""
        return Job(self, self.send(calls.job(job_id)))

    def jobs(self, **filters: object) -> list[Job]:
        """The newest jobs; filters are those of `GET /jobs`, such as `state="running"` and `limit=10`."""
        return [Job(self, facts) for facts in self.send(calls.jobs(filters))]

    def predict(
        self,
        pictures: Picture | Iterable[Picture],
        model: str | None = None,
        top_k: int = 5,
        *,
        request_key: str | None = None,
    ) -> Prediction:
        """Classify pictures: paths, bytes, open files, images of Pillow, or one URL.

        Args:
            pictures: one, or several.
            model: that answers; None: the one published last.
            top_k: how many classes to name.
            request_key: of a user; an alias with a canary answers all its requests by the same version.
        """
        return self.send(calls.predict(pictures, model, top_k, request_key))

    def look(self, picture: Picture, model: str, **options: object) -> JsonObject:
        """What every layer of a model makes of a picture; `layer="conv2d", values=True` for all numbers of one."""
        return self.send(calls.look(picture, model, options))

    def explain(self, picture: Picture, model: str, **options: object) -> JsonObject:
        """Where a picture has the evidence for its class."""
        return self.send(calls.explain(picture, model, options))

    def predict_many(
        self,
        pictures: str | os.PathLike[str] | None,
        model: str,
        *,
        dataset: str | None = None,
        split: str = "test",
        top_k: int = 5,
    ) -> Job:
        """Classify many pictures as a job; `job.wait()`, then `predictions(job)` has the rows.

        Args:
            pictures: path of a zip or tar archive.
            model: that answers.
            dataset: instead of an archive, a dataset whose pictures are classified.
            split: of that dataset.
            top_k: how many classes each row names.
        """
        wanted = None if dataset is None else {"dataset": dataset, "split": split}
        return Job(self, self.send(calls.predict_many(pictures, model, wanted, top_k)))

    def predictions(self, job: "Job | str") -> list[JsonObject]:
        """The rows of a job that classified many pictures: `name`, `label`, `score`, `top_k`, or `name`, `error`."""
        return rows_of(self.send(calls.predictions(job if isinstance(job, str) else job.id, "jsonl")))

    def compare(self, *jobs: "Job | str", groups: Iterable[str] = (), metric: str | None = None) -> JsonObject:
        """Runs side by side, with a verdict whether they differ by more than chance."""
        ids = [job.id if isinstance(job, Job) else job for job in jobs]
        return self.send(calls.compare(ids, groups, metric))

    def models(self) -> list[JsonObject]:
        """All models with their versions and aliases."""
        page = self.send(calls.page("/models"))
        models: list[JsonObject] = page["models"]
        while page.get("next"):
            page = self.send(calls.page(page["next"]))
            models += page["models"]
        return models

    def model(self, model: str) -> JsonObject:
        """One model, or one version of it."""
        found: JsonObject = self.send(calls.get(calls.version_path(model)))
        return found

    def delete_model(self, model: str) -> None:
        """Delete a model, or one version of it."""
        self.send(calls.delete(calls.version_path(model)))

    def download(self, model: str, file: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Write a file of a version, and return where it is.

        Args:
            model: `name/3`.
            file: one of those that the version lists, such as its `.keras` file or `curves.png`.
            to: a file or a directory; default: the working directory.
        """
        return saved(self.send(calls.download(model, file)), file, to)

    def datasets(self) -> list[JsonObject]:
        """What can be trained on."""
        found: list[JsonObject] = (self.send(calls.get("/datasets")))["datasets"]
        return found

    def upload(self, archive: str | os.PathLike[str], name: str, **options: object) -> JsonObject:
        """Send a zip of pictures as a dataset, and wait until it is ready.

        Raises:
            ConvserveError: the pictures make no dataset.
        """
        found = self.send(calls.upload(archive, name, options))
        while found["state"] == "converting":
            time.sleep(POLL_S)
            found = self.send(calls.get(f"/datasets/{name}"))
        return converted(found)
