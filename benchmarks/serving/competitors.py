"""LitServe, BentoML, Ray Serve and MLServer at the same work as ours, in the same run: `make competitors`.

    python -m benchmarks.serving.competitors [--environments DIR] [--trials 1] [--seconds 2]

Their packages, by version in `competitors.txt`, are installed from PyPI into virtual environments below DIR, which
goes at the end unless it is named. What does not install or does not answer is left out, and the report says why.
Writes `benchmarks/results/serving_competitors.json`.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving.bench import Bench, medians
from benchmarks.serving.machine import machine
from benchmarks.serving.pictures import form_request
from benchmarks.serving.servers import NAIVE, Server, running

RESULTS = Path(__file__).parents[1] / "results" / "serving_competitors.json"
REQUIREMENTS = Path(__file__).with_suffix(".txt")
APPS = "benchmarks.serving.apps"


class Competitor(NamedTuple):
    """A server from PyPI.

    Attributes:
        package: as the line in `competitors.txt` begins.
        server: how to start it, given its environment's `bin`.
    """

    package: str
    server: Callable[[Path], Server]


COMPETITORS = (
    Competitor(
        "litserve",
        lambda programs: Server("LitServe", [f"{programs}/python", "-m", f"{APPS}.litserve_app", "{port}"], "/form"),
    ),
    Competitor(
        "bentoml",
        lambda programs: Server(
            "BentoML",
            [f"{programs}/bentoml", "serve", f"{APPS}.bentoml_app:Cnn", "--port", "{port}"],
            "/form",
            environment={"BENTOML_HOME": "{directory}/bentoml", "BENTOML_DO_NOT_TRACK": "True"},
        ),
    ),
    Competitor(
        "ray[serve]",
        lambda programs: Server(
            "Ray Serve",
            [f"{programs}/python", "-m", f"{APPS}.ray_serve_app", "{port}"],
            "/form",
            environment={"RAY_USAGE_STATS_ENABLED": "0"},
        ),
    ),
    Competitor(
        "mlserver",
        lambda programs: Server(
            "MLServer",
            [f"{programs}/mlserver", "start", "{directory}"],
            "/form",
            environment={
                "MLSERVER_HTTP_PORT": "{port}",
                "MLSERVER_GRPC_PORT": "{port 2}",
                "MLSERVER_METRICS_PORT": "{port 3}",
                "MLSERVER_PARALLEL_WORKERS": "0",  # the network runs where the form is read: faster on one core
                "MLSERVER_DEBUG": "false",
                "MLSERVER_MODEL_NAME": "cnn",
                "MLSERVER_MODEL_IMPLEMENTATION": f"{APPS}.mlserver_app.Cnn",
            },
        ),
    ),
)


def main() -> None:
    """Install, measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, help="kept, and used again")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--priority", default="")
    arguments = parser.parse_args()
    found_at = machine("fastapi", "keras", "onnxruntime", "uvicorn", "uvloop")  # before our own load
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="convserve-competitors-")))
        subprocess.run([sys.executable, "-m", "benchmarks.serving.store", str(place)], check=True, capture_output=True)
        environments = arguments.environments or place / "environments"
        priority = shlex.split(arguments.priority)
        servers, left_out = _servers(environments, place, priority)
        bench = Bench(place, priority, arguments.seconds)
        trials = [bench.trial([*NAIVE.values(), *servers]) for _ in range(arguments.trials)]
    report = {
        "machine": found_at,
        "competitors": _lines(),
        "left_out": left_out,
        "priority": arguments.priority,
        "median": medians(trials),
        "trials": trials,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({"left_out": left_out, "median": report["median"]}, indent=1))


def _servers(environments: Path, directory: Path, priority: list[str]) -> tuple[list[Server], Mapping[str, str]]:
    """Those that install and answer, and what keeps the others from it."""
    servers: list[Server] = []
    left_out: dict[str, str] = {}
    for competitor in COMPETITORS:
        try:
            server = competitor.server(_installed(competitor, environments))
            with running(server, directory, form_request(server.form_path, 1, server.field), priority):
                servers.append(server)
        except subprocess.CalledProcessError as error:
            left_out[competitor.package] = f"does not install: {error.stderr[-500:]}"
        except RuntimeError as error:
            left_out[competitor.package] = str(error)
    return servers, left_out


def _installed(competitor: Competitor, environments: Path) -> Path:
    """The `bin` of the competitor's environment."""
    place = (environments / competitor.package.partition("[")[0]).absolute()
    if not (place / "bin" / "pip").exists():
        venv.create(place, with_pip=True)
    own = [competitor.package for competitor in COMPETITORS]
    wanted = [
        line for line in _lines() if line.startswith(f"{competitor.package}==") or line.partition("==")[0] not in own
    ]
    pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    return place / "bin"


def _lines() -> list[str]:
    return [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]


if __name__ == "__main__":
    main()
