"""The deployment files against the code they deploy and the Compose specification; needs no Docker and no network."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from service.cli.commands import app
from service.settings import ApiSettings
from tests.paths import PROJECT
from worker.settings import WorkerSettings

GPU = "docker-compose.yml"
CPU = "docker-compose.cpu.yml"
SERVICES = ("redis", "api", "worker")
WATCHERS = ("prometheus", "grafana")
# Read by docker compose alone, to put it into other values; no process of ours looks at it.
COMPOSE_ONLY = {
    "CONVSERVE_REDIS_PASSWORD",
    "CONVSERVE_GRAFANA_PASSWORD",
    "CONVSERVE_GRAFANA_PORT",
    "CONVSERVE_PROMETHEUS_PORT",
}

Compose = dict[str, Any]


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's own tags, which say how files are merged: `!reset` takes a value back."""


def _reset(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node)


ComposeLoader.add_constructor("!reset", _reset)


def load(name: str) -> Compose:
    loaded = yaml.load((PROJECT / name).read_text(), ComposeLoader)
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def compose() -> Compose:
    return load(GPU)


@pytest.fixture(scope="module")
def specification() -> Compose:
    """The Compose specification's own schema, as the package check-jsonschema carries it."""
    path = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(path)).read_text())
    assert isinstance(schema, dict)
    return schema


@pytest.mark.parametrize("name", [GPU, CPU])
def test_compose_file_is_valid_by_the_compose_specification(name: str, specification: Compose) -> None:
    jsonschema.validate(load(name), specification)


def test_specification_refuses_a_compose_file_with_a_mistake(compose: Compose, specification: Compose) -> None:
    broken = compose | {"services": compose["services"] | {"api": {"imagee": "convserve-api"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, specification)


def variables_of(kind: type[BaseSettings]) -> set[str]:
    return {f"CONVSERVE_{name.upper()}" for name in kind.model_fields}


@pytest.mark.parametrize("name", [GPU, CPU, "Dockerfile", ".env.example", "Makefile"])
def test_every_variable_is_a_setting(name: str) -> None:
    known = variables_of(ApiSettings) | variables_of(WorkerSettings) | COMPOSE_ONLY
    assert set(re.findall(r"CONVSERVE_[A-Z0-9_]+", (PROJECT / name).read_text())) <= known


@pytest.mark.parametrize(("service", "kind"), [("api", ApiSettings), ("worker", WorkerSettings)])
def test_every_variable_of_a_service_is_read_by_its_own_process(
    service: str, kind: type[BaseSettings], compose: Compose
) -> None:
    assert set(compose["services"][service]["environment"]) <= variables_of(kind)


def test_every_variable_of_the_environment_example_is_used_by_compose() -> None:
    offered = set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / GPU).read_text()))
    assert offered == used


def test_the_password_is_required_wherever_it_is_used() -> None:
    text = (PROJECT / GPU).read_text()
    uses = re.findall(r"\$\{CONVSERVE_REDIS_PASSWORD([^}]*)\}", text)
    assert uses
    assert all(use.startswith(":?") for use in uses)


def commands() -> list[list[str]]:
    """Every use of our command line in the deployment files, as arguments after `convserve`."""
    from_compose = [
        list(service["command"])
        for name in (GPU, CPU)
        for service in load(name)["services"].values()
        if "convserve" in service.get("command", ())
    ]
    from_dockerfile = [
        json.loads(found) for found in re.findall(r'CMD (\["convserve".*\])', (PROJECT / "Dockerfile").read_text())
    ]
    from_makefile = [
        shlex.split(found) for found in re.findall(r"/(convserve [^\n]+)", (PROJECT / "Makefile").read_text())
    ]
    return [found[1:] for found in from_compose + from_dockerfile + from_makefile]


def test_commands_are_found_in_every_deployment_file() -> None:
    assert sorted(map(tuple, commands())) == [
        ("api",), ("api",), ("demo",), ("up",), ("worker",), ("worker",), ("worker",),
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_exists_with_its_options(arguments: list[str]) -> None:
    subcommand, *options = arguments
    shown = CliRunner().invoke(app, [subcommand, "--help"])
    assert shown.exit_code == 0
    assert all(option in shown.output for option in options if option.startswith("-"))


def test_every_port_is_the_settings_default(compose: Compose) -> None:
    port = ApiSettings.model_fields["port"].default
    api = compose["services"]["api"]
    dockerfile = (PROJECT / "Dockerfile").read_text()
    assert api["ports"] == [f"127.0.0.1:${{CONVSERVE_PORT:-{port}}}:{port}"]
    assert api["environment"]["CONVSERVE_PORT"] == str(port)
    assert f"http://127.0.0.1:{port}/healthz" in " ".join(api["healthcheck"]["test"])
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"CONVSERVE_PORT={port}\n" in dockerfile
    assert f"CONVSERVE_PORT={port}\n" in (PROJECT / ".env.example").read_text()


@pytest.mark.parametrize("name", [GPU, CPU])
def test_every_build_target_is_a_stage_of_the_dockerfile(name: str) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE))
    targets = {service["build"]["target"] for service in load(name)["services"].values() if "build" in service}
    assert targets
    assert targets <= stages


def test_everything_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    ignore = (PROJECT / ".dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for copied in re.findall(r"^COPY (?!--from)(.+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE):
        for source in copied.split()[:-1]:
            assert (PROJECT / source).exists()
            assert any(re.fullmatch(re.escape(entry).replace(r"\*", "[^/]*"), source) for entry in allowed)


def test_every_image_is_installed_from_a_lock_file_with_hashes() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip install[^&\n]*", dockerfile)
    assert installs
    assert all("--require-hashes -r" in install or "--no-index" in install for install in installs)


@pytest.mark.parametrize("file", ["Dockerfile", "Makefile"])
def test_locked_packages_are_installed_without_looking_for_others(file: str) -> None:
    """pip tries the newest release for `coverage[toml]`, which has no hash, although the lock has `coverage`."""
    installs = [line for line in (PROJECT / file).read_text().splitlines() if "--require-hashes" in line]
    assert installs
    assert all("--no-deps --require-hashes -r" in install for install in installs)


@pytest.mark.parametrize("name", ["api", "worker-cpu", "worker-gpu", "dev", "build"])
def test_every_package_of_a_lock_file_has_hashes_and_no_address(name: str) -> None:
    lines = (PROJECT / "requirements" / f"{name}.lock").read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert requirements
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)
    assert not any("://" in line for line in lines)


def locked(name: str) -> set[str]:
    text = (PROJECT / "requirements" / f"{name}.lock").read_text()
    return set(re.findall(r"^([a-z0-9-]+==\S+)", text, re.MULTILINE))


def names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("api", ["api"]),
        ("worker-cpu", ["worker", "pretrained"]),
        ("worker-gpu", ["worker", "gpu", "pretrained"]),
        ("run", ["api", "worker", "embedded", "pretrained"]),
        ("dev", ["api", "worker", "embedded", "pretrained", "dev"]),
    ],
)
def test_every_lock_file_holds_what_the_project_asks_for(name: str, extras: list[str]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    assert names(chain.from_iterable(wanted)) <= names(locked(name))


@pytest.mark.parametrize("name", ["api", "worker-cpu", "build"])
def test_images_hold_the_versions_that_were_tested(name: str) -> None:
    assert locked(name) <= locked("dev")


def test_the_api_image_carries_no_training_library() -> None:
    assert not names(locked("api")) & {"tensorflow", "keras", "tf2onnx"}


def test_every_image_runs_without_root() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    for target in ("api", "worker-cpu", "worker-gpu"):
        stage = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM |\Z)", dockerfile, re.MULTILINE | re.DOTALL)
        assert stage is not None
        assert "\nUSER 10001:10001\n" in stage[1]


@pytest.mark.parametrize("service", [*SERVICES, *WATCHERS])
def test_every_service_is_hardened(service: str, compose: Compose) -> None:
    settings = compose["services"][service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["init"] is True
    assert any(mount.startswith("/tmp") for mount in settings["tmpfs"])
    assert {"memory", "pids"} <= set(settings["deploy"]["resources"]["limits"])
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(settings)


def test_only_what_is_looked_at_is_published_and_only_on_this_machine(compose: Compose) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == {"api", *WATCHERS}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert compose["services"]["redis"]["networks"] == ["internal"]
    assert compose["networks"]["internal"] == {"internal": True}


def test_redis_wants_a_password_loses_nothing_and_is_a_version_without_known_holes(compose: Compose) -> None:
    redis = compose["services"]["redis"]
    command = " ".join(redis["command"])
    assert "--requirepass" in command
    assert "--appendonly yes --appendfsync always" in command
    assert "--maxmemory-policy noeviction" in command
    assert "redis-data:/data" in redis["volumes"]
    version = re.match(r"redis:(\d+)\.(\d+)\.(\d+)", redis["image"])
    assert version is not None
    assert tuple(map(int, version.groups())) >= (8, 2, 2)


def test_redis_is_healthy_only_when_it_can_be_written_and_read(compose: Compose) -> None:
    probe = " ".join(compose["services"]["redis"]["healthcheck"]["test"])
    assert " set " in probe
    assert " get " in probe


@pytest.mark.parametrize("service", ["api", "worker"])
def test_services_wait_until_redis_is_healthy(service: str, compose: Compose) -> None:
    assert compose["services"][service]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_api_and_worker_share_the_store_and_the_datasets(compose: Compose) -> None:
    shared = ["store:/data/store", "datasets:/data/datasets"]
    settings = ApiSettings(data_dir=compose["services"]["api"]["environment"]["CONVSERVE_DATA_DIR"])
    assert compose["services"]["api"]["volumes"] == compose["services"]["worker"]["volumes"] == shared
    assert settings.store_location == "/data/store"
    assert str(settings.datasets_path) == "/data/datasets"


def test_every_named_volume_is_declared_and_used(compose: Compose) -> None:
    used = {mount.split(":")[0] for service in compose["services"].values() for mount in service["volumes"]}
    assert {volume for volume in used if not volume.startswith("./")} == set(compose["volumes"])


def test_everything_mounted_from_the_project_exists_and_cannot_be_written(compose: Compose) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service["volumes"] if mount[:2] == "./"]
    assert mounts
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (PROJECT / source).exists()
        assert mode == "ro"


def test_the_worker_reserves_a_gpu_and_may_finish_in_peace(compose: Compose) -> None:
    worker = compose["services"]["worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]
    assert worker["stop_grace_period"] == "90s"


def test_the_cpu_override_takes_the_gpu_back() -> None:
    assert "devices: !reset []" in (PROJECT / CPU).read_text()
    assert load(CPU)["services"]["worker"]["build"] == {"target": "worker-cpu"}
