"""Prometheus' configuration, Grafana's dashboard and the documentation against the metrics that exist in the code."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.settings import ApiSettings
from service.telemetry.metrics import LoadedModel, Metrics
from service.telemetry.splits import SplitSeries
from tests.contract.test_deployment import GPU, WATCHERS, load
from tests.paths import PROJECT
from worker.jobs.records import QueueOverview
from worker.jobs.states import JobState
from worker.jobs.workers import Gpu, Worker

DEPLOY = PROJECT / "deploy"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$model": ".+"}
ADDED_BY_PROMETHEUS = {"instance", "job"}


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - as free as YAML
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Every sample there can be, by name, and its labels."""
    counted = Metrics()
    counted.request_answered("/", "GET", 200, 0.1)
    counted.pictures_decoded("m", 0.1)
    counted.batch_run("m", 1, 0.1, 0.1)
    counted.picture_rejected("picture_invalid")
    counted.pictures_unusual("m", 1)
    counted.inputs_compared("m", 0.1)
    counted.model_loaded(0.1)
    queue = QueueOverview(jobs=dict.fromkeys(JobState, 1), queued=1, longest_wait_s=1, images_per_second=1)
    gpu = Gpu(name="a GPU", used_bytes=1, total_bytes=2, utilization=0.5)
    worker = Worker(id="a", host="here", since=None, trainer_bytes=1, gpus=(gpu,), running=None)
    splits = [SplitSeries("m", "live", role, 1, {}, 0) for role in ("stable", "shadow")]
    page = counted.page([LoadedModel("m", 1, 1)], queue, [worker], splits).decode()
    return {
        sample.name: set(sample.labels) for family in text_string_to_metric_families(page) for sample in family.samples
    }


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    (path,) = DASHBOARDS.glob("*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def expressions(dashboard: dict[str, Any]) -> list[str]:
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return shown + [variable["definition"] for variable in dashboard["templating"]["list"]]


def test_every_metric_of_the_dashboard_exists(dashboard: dict[str, Any], metrics: dict[str, set[str]]) -> None:
    used = {name for expression in expressions(dashboard) for name in re.findall(r"convserve_\w+", expression)}
    assert len(used) > 20
    assert used <= metrics.keys()


def test_every_label_of_the_dashboard_belongs_to_its_metric(
    dashboard: dict[str, Any], metrics: dict[str, set[str]]
) -> None:
    for expression in expressions(dashboard):
        labels = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
        labels |= set(re.findall(r"(\w+)(?:=~|!=|=)\"", expression))
        known = set().union(*(metrics[name] for name in re.findall(r"convserve_\w+", expression)))
        assert labels <= known | ADDED_BY_PROMETHEUS, expression


def test_the_dashboard_shows_every_kind_of_metric(dashboard: dict[str, Any], metrics: dict[str, set[str]]) -> None:
    used = {name for expression in expressions(dashboard) for name in re.findall(r"convserve_\w+", expression)}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    unused = {name for name in metrics if re.sub(r"_(bucket|sum|count)$", "", name) not in stems}
    assert unused == {
        "convserve_build_info",
        "convserve_process_start_time_seconds",
        "convserve_process_virtual_memory_bytes",
    }


def test_the_dashboard_has_no_gaps_in_what_it_promises(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(
        target["expr"].count("(") == target["expr"].count(")") for panel in panels for target in panel["targets"]
    )
    assert {variable for text in expressions(dashboard) for variable in re.findall(r"\$\w+", text)} <= set(
        GRAFANA_VARIABLES
    )


def test_grafana_is_provisioned_with_our_prometheus_and_our_dashboard(dashboard: dict[str, Any]) -> None:
    compose = load(GPU)
    (source,) = read_yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["url"].split("//")[1].split(":")[0] in compose["services"]
    used = {panel["datasource"]["uid"] for panel in dashboard["panels"]}
    assert used == {source["uid"]}
    (provider,) = read_yaml(DEPLOY / "grafana/provisioning/dashboards/convserve.yml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in compose["services"]["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


def test_every_scrape_target_is_a_service_its_port_and_a_route() -> None:
    compose = load(GPU)
    routes = set(create_app(ApiSettings.model_construct()).openapi()["paths"])
    jobs = read_yaml(DEPLOY / "prometheus.yml")["scrape_configs"]
    assert jobs
    for job in jobs:
        assert job["metrics_path"] in routes
        for target in (target for entry in job["static_configs"] for target in entry["targets"]):
            service, port = target.split(":")
            assert compose["services"][service]["environment"]["CONVSERVE_PORT"] == port
            assert set(compose["services"][service]["networks"]) & set(compose["services"]["prometheus"]["networks"])


def test_who_watches_is_off_unless_its_profile_is_asked_for() -> None:
    services = load(GPU)["services"]
    profiles = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert profiles == {name: ["observability"] for name in WATCHERS}
    for name in set(services) - set(WATCHERS):
        assert not set(services[name].get("depends_on", {})) & set(WATCHERS)


@pytest.mark.parametrize("name", WATCHERS)
def test_images_of_others_are_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", load(GPU)["services"][name]["image"])


@pytest.mark.parametrize("name", WATCHERS)
def test_who_watches_does_not_reach_redis(name: str) -> None:
    services = load(GPU)["services"]
    assert not set(services[name]["networks"]) & set(services["redis"]["networks"])


@pytest.mark.parametrize(("password", "code"), [("", 1), ("secret words", 0)])
def test_grafana_does_not_start_without_a_password(password: str, code: int) -> None:
    grafana = load(GPU)["services"]["grafana"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${CONVSERVE_GRAFANA_PASSWORD:-}"
    script = grafana["command"][0].replace("$$", "$").replace("exec /run.sh", "exec true")
    started = subprocess.run(
        [*grafana["entrypoint"], script],
        env={"GF_SECURITY_ADMIN_PASSWORD": password, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == code
    assert ("CONVSERVE_GRAFANA_PASSWORD" in started.stderr) == (code == 1)


def test_the_documentation_names_every_metric_and_no_other(metrics: dict[str, set[str]]) -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics}
    named = set(re.findall(r"`(convserve_\w+)", (PROJECT / "docs" / "how-to" / "observe.md").read_text()))
    assert named == families
