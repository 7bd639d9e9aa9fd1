"""Long use and too much use: nothing grows, and what is accepted is answered."""

import asyncio
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from tests.busy_machine import wait_until
from tests.promises.ledger import Ledger, percentile
from tests.promises.pictures import PNG
from tests.promises.processes import cancel, child_of, succeeds
from tests.promises.test_broker_promises import predict_for
from tests.running import Stack, has_argument, running_stack, submit, wait_for
from tests.thoroughness import IS_LONG, tries

CLIENTS_AT_PEAK = 8
TOO_MANY_CLIENTS = 10 * CLIENTS_AT_PEAK
MOST_AT_ONCE = 16
IMPATIENCE_S = 0.1  # a tenth of what `Retry-After` asks of a refused client
MB = 1_000_000


def abort_a_prediction(url: str) -> None:
    """Send half a picture, then leave."""
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
        connection.sendall(head_of_a_prediction(url) + PNG[: len(PNG) // 2])


def head_of_a_prediction(url: str) -> bytes:
    """What comes before the picture."""
    head = f"POST /models/small/predict HTTP/1.1\r\nHost: {urlsplit(url).hostname}\r\nContent-Type: image/png\r\n"
    return f"{head}Content-Length: {len(PNG)}\r\n\r\n".encode()


def use(stack: Stack, api: httpx.Client, n_predictions: int, n_jobs: int) -> None:
    """Predictions, one in five aborted by the client, then small jobs."""
    for number in range(n_predictions):
        if number % 5 == 4:
            abort_a_prediction(stack.url)
        else:
            answer = api.post("/models/small/predict", content=PNG, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200, answer.text
    for _ in range(n_jobs):
        assert succeeds(api)


def temporary_files(stack: Stack) -> list[Path]:
    """Entries in the directory that the processes of the stack use for temporary files, trainers' work included."""
    directory = Path(child_of(stack, "api").environ()["TMPDIR"])
    found = [path for path in directory.rglob("*") if not path.is_socket()]
    return [*found, *(stack.data_dir / "store/staging").iterdir()]


def memory_of(*processes: psutil.Process) -> int:
    """Bytes that these processes have for themselves, and their share of what they have in common."""
    return sum(int(process.memory_full_info().pss) for process in processes)


def test_nothing_grows(ledger: Ledger, stack: Stack, api: httpx.Client) -> None:
    n_predictions, n_jobs = tries(300, 20_000), tries(2, 30)
    with ledger.promise(
        "predictions, one in five aborted by the client, and small jobs: memory, open files and temporary files are "
        "back where they were",
        few=1,
        many=1,
    ) as promise:
        assert succeeds(api)
        use(stack, api, n_predictions // 10, 1)
        server, worker = child_of(stack, "api"), child_of(stack, "worker")
        # Beside the pool's process there is the tracker of its semaphores; trainers come and go.
        workers = [worker, *(child for child in worker.children(recursive=True) if has_argument(child, "worker"))]
        for _ in promise:
            before = (server.num_fds(), sum(one.num_fds() for one in workers), len(temporary_files(stack)))
            memory_before = (memory_of(server), memory_of(*workers))
            use(stack, api, n_predictions, n_jobs)
            wait_until(lambda: server.num_fds() <= before[0] + 3, 30)
            wait_until(lambda: sum(one.num_fds() for one in workers) <= before[1] + 3, 30)
            wait_until(lambda: len(temporary_files(stack)) <= before[2] + 2, 30, lambda: temporary_files(stack))
            grown = [
                (memory_of(server) - memory_before[0]) / MB,
                (memory_of(*workers) - memory_before[1]) / MB,
            ]
            promise.measure(f"{n_predictions} predictions, {n_jobs} jobs")
            promise.measure(f"the API grew by {grown[0]:.1f} MB, the worker by {grown[1]:.1f} MB")
            promise.measure(f"open files of the API {before[0]} before, {server.num_fds()} after")
            allowed = 20 if IS_LONG else 50  # MB; a short use is still warming up
            promise.require(
                max(grown) <= allowed, f"the API grew by {grown[0]:.1f} MB, the worker by {grown[1]:.1f} MB"
            )


@dataclass
class Offered:
    """What so many clients at once were answered: 200, 429 with `Retry-After`, and anything else.

    The clients read no more of an answer than they must: httpx would be busier than the server.
    """

    n_clients: int
    refused: int = 0
    others: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        return 1000 * percentile(self.latencies, 0.99)

    async def ask(self, url: str, seconds: float) -> None:
        """Predict for so long, and add to what was there."""
        deadline = time.monotonic() + seconds
        await asyncio.gather(*(self._be_a_client(url, deadline) for _ in range(self.n_clients)))

    async def _be_a_client(self, url: str, deadline: float) -> None:
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        while time.monotonic() < deadline:
            began_at = time.monotonic()
            writer.write(head_of_a_prediction(url) + PNG)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            if b" 200 " in head[:13]:
                self.latencies.append(time.monotonic() - began_at)
            elif b" 429 " in head[:13] and b"retry-after:" in head:
                self.refused += 1
                await asyncio.sleep(IMPATIENCE_S)
            else:
                self.others.append(f"{head!r} {body[:200]!r}")
        writer.close()


def test_overload(ledger: Ledger, tmp_path: Path) -> None:
    n_slices, slice_s = 5, 2.0
    with (
        ledger.promise(
            f"{TOO_MANY_CLIENTS} clients at once, ten times those that reach the peak, {MOST_AT_ONCE} of them let in: "
            "only 200 and 429, which says `Retry-After`, at least 90 % of the peak is still answered, p99 at most "
            "10 times that at the peak",
            few=0,
            many=3,
        ) as promise,
        running_stack(
            tmp_path / "data",
            tmp_path / "log.txt",
            CONVSERVE_MAX_PREDICTIONS=str(MOST_AT_ONCE),
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        assert succeeds(api)
        for _ in promise:
            alone, peak, overload = Offered(1), Offered(CLIENTS_AT_PEAK), Offered(TOO_MANY_CLIENTS)
            for _ in range(n_slices):  # in turn, so that whatever else the machine does meets all three alike
                for load in (alone, peak, overload):
                    asyncio.run(load.ask(stack.url, slice_s))
            others = alone.others + peak.others + overload.others
            promise.require(not others, "; ".join(others[:3]))
            promise.require(overload.refused > 0, "nobody was refused, so nothing was tried")
            per_s, peak_per_s = (len(load.latencies) / n_slices / slice_s for load in (overload, peak))
            promise.require(per_s >= 0.9 * peak_per_s, f"{per_s:.0f}/s of {peak_per_s:.0f}/s at the peak")
            times = f"p99 {overload.p99_ms:.1f} ms, at the peak {peak.p99_ms:.1f} ms, alone {alone.p99_ms:.1f} ms"
            promise.require(overload.p99_ms <= 10 * peak.p99_ms, times)
            promise.measure(f"{per_s:.0f} of {peak_per_s:.0f} per second, {overload.refused} refused, {times}")


def test_predictions_beside_training(ledger: Ledger, api: httpx.Client) -> None:
    seconds = 10.0
    with ledger.promise(
        "predicting beside a training on the same machine: p99 at most 3 times that without, "
        "`/healthz` p99 at most 250 ms",
        few=0,
        many=3,
    ) as promise:
        assert succeeds(api)
        for _ in promise:
            idle = predict_for(api, seconds)
            job = submit(api, epochs=1000, train_samples=None)["id"]
            wait_until(lambda: api.get(f"/jobs/{job}").json()["progress"]["phase"] == "training", 60)
            beside = predict_for(api, seconds)
            health = []
            for _ in range(200):
                began_at = time.monotonic()
                api.get("/healthz").raise_for_status()
                health.append(time.monotonic() - began_at)
            cancel(api, job)
            wait_for(api, job)
            idle_ms, beside_ms, health_ms = (1000 * percentile(one, 0.99) for one in (idle, beside, health))
            promise.require(beside_ms <= 3 * idle_ms, f"p99 {beside_ms:.0f} ms, without the training {idle_ms:.0f} ms")
            promise.require(health_ms <= 250, f"/healthz p99 {health_ms:.0f} ms")
            promise.measure(f"p99 {beside_ms:.1f} ms beside, {idle_ms:.1f} ms alone, /healthz {health_ms:.1f} ms")
