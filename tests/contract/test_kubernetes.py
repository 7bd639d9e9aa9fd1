"""The files for Kubernetes against Kubernetes' and KEDA's schemas and the code that they deploy; needs no cluster."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from service.cli.commands import app as command_line
from service.settings import ApiSettings
from tests.contract.kustomize import Document, Documents, built, files_of
from tests.paths import PROJECT
from worker.settings import SharedSettings, WorkerSettings

KUBERNETES = PROJECT / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu", "s3", "autoscaling")
SETTINGS: dict[str, type[SharedSettings]] = {"api": ApiSettings, "worker": WorkerSettings}
SCHEMAS = {
    "v1": "kubernetes.core.v1",
    "apps/v1": "kubernetes.apps.v1",
    "policy/v1": "kubernetes.policy.v1",
    "networking.k8s.io/v1": "kubernetes.networking.v1",
    "keda.sh/v1alpha1": "keda.v1alpha1",
}


@pytest.fixture(scope="module", params=OVERLAYS)
def documents(request: pytest.FixtureRequest) -> Documents:
    return built(KUBERNETES / "overlays" / request.param)


@pytest.fixture(scope="module")
def largest() -> Documents:
    return built(KUBERNETES / "overlays" / "autoscaling")


def validate(document: Document) -> None:
    """Refuse what the schema does not know, too: the models ignore it, so it is missing when they are written again."""
    kind: type[BaseModel] = getattr(
        import_module(f"cloudcoil.models.{SCHEMAS[document['apiVersion']]}"), document["kind"]
    )
    kept = kind.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    unknown = sorted(set(paths(document)) - set(paths(kept)))
    if unknown:
        raise ValueError(f"not in the schema: {unknown}")


def paths(value: object, at: str = "") -> Iterator[str]:
    """Every key of a document, with those above it."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{at}/{key}"
            yield from paths(below, f"{at}/{key}")
    elif isinstance(value, list):
        for below in value:
            yield from paths(below, f"{at}/-")


def pod(documents: Documents, name: str) -> Any:  # noqa: ANN401 - YAML
    kind = "StatefulSet" if name == "redis" else "Deployment"
    return documents[kind, name]["spec"]["template"]["spec"]


def container(documents: Documents, name: str) -> Any:  # noqa: ANN401 - YAML
    (found,) = pod(documents, name)["containers"]
    return found


def described() -> Document:
    """The routes of the OpenAPI document, which a test compares with the application."""
    routes: Document = json.loads((PROJECT / "openapi" / "openapi.json").read_text())["paths"]
    return routes


def compose() -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]


def test_every_document_is_valid_by_its_schema(documents: Documents) -> None:
    for document in documents.values():
        validate(document)


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        (("Deployment", "api"), {"replicas": "two"}),
        (("Deployment", "api"), {"replica": 2}),
        (("ScaledObject", "worker"), {"minReplicas": 0}),
        (("ScaledObject", "worker"), {"triggers": [{"metadata": {}}]}),
    ],
)
def test_schemas_refuse_a_mistake(largest: Documents, key: tuple[str, str], mistake: Document) -> None:
    broken = deepcopy(largest[key])
    broken["spec"] |= mistake
    with pytest.raises((ValidationError, ValueError)):
        validate(broken)


def test_every_file_is_part_of_an_overlay() -> None:
    used = set().union(*(files_of(KUBERNETES / "overlays" / name) for name in OVERLAYS))
    assert used == {path for path in KUBERNETES.rglob("*") if path.is_file()}
    assert {path.name for path in (KUBERNETES / "overlays").iterdir()} == set(OVERLAYS)


@pytest.mark.parametrize("role", SETTINGS)
def test_every_command_exists(largest: Documents, role: str) -> None:
    program, subcommand = container(largest, role)["command"]
    assert (program, subcommand) == ("convserve", role)
    assert CliRunner().invoke(command_line, [subcommand, "--help"]).exit_code == 0


@pytest.mark.parametrize("role", SETTINGS)
def test_every_variable_is_a_setting_of_its_own_process(documents: Documents, role: str) -> None:
    known = {f"CONVSERVE_{name.upper()}" for name in SETTINGS[role].model_fields}
    own = {variable["name"] for variable in container(documents, role)["env"]}
    shared = set(documents["ConfigMap", "settings"]["data"])
    assert own | shared <= known
    assert {"CONVSERVE_REDIS_URL", "CONVSERVE_DATA_DIR"} <= own | shared


def test_secrets_are_only_named(documents: Documents) -> None:
    assert not any(kind == "Secret" for kind, _ in documents)
    for role in ("api", "worker", "redis"):
        for variable in container(documents, role)["env"]:
            if re.search("KEY|PASSWORD|AUTH|REDIS_URL", variable["name"]):
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "convserve"
                assert "value" not in variable


def test_every_port_is_the_settings_default(documents: Documents) -> None:
    port = ApiSettings.model_fields["port"].default
    api = container(documents, "api")
    assert api["ports"] == [{"name": "http", "containerPort": port}]
    assert {"name": "CONVSERVE_PORT", "value": str(port)} in api["env"]
    (served,) = documents["Service", "api"]["spec"]["ports"]
    assert (served["port"], served["targetPort"]) == (port, "http")
    (allowed,) = documents["NetworkPolicy", "clients"]["spec"]["ingress"]
    assert allowed["ports"] == [{"protocol": "TCP", "port": port}]


def test_every_probe_is_a_route(documents: Documents) -> None:
    routes = described()
    api = container(documents, "api")
    probed = {name: api[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probed.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert all(probe["port"] == "http" and "get" in routes[probe["path"]] for probe in probed.values())


def test_hosts_that_are_asked_for_are_allowed(largest: Documents) -> None:
    variables = {variable["name"]: variable.get("value") for variable in container(largest, "api")["env"]}
    allowed = variables["CONVSERVE_ALLOWED_HOSTS"].split(",")
    namespace = largest["Namespace", "convserve"]["metadata"]["name"]
    assert {"api", f"api.{namespace}.svc"} <= set(allowed)
    assert variables["CONVSERVE_HOST"] == "0.0.0.0"


def test_images_are_those_of_compose(documents: Documents) -> None:
    cpu = re.search(r"image: (\S+)", (PROJECT / "docker-compose.cpu.yml").read_text())
    assert cpu is not None
    assert container(documents, "api")["image"] == compose()["api"]["image"]
    assert container(documents, "worker")["image"] in {compose()["worker"]["image"], cpu[1]}
    assert container(documents, "redis")["image"] == compose()["redis"]["image"]


def test_a_worker_with_a_gpu_asks_for_one(documents: Documents) -> None:
    worker = container(documents, "worker")
    assert worker["image"].endswith("gpu") == (worker["resources"]["limits"].get("nvidia.com/gpu") == "1")


def test_workers_have_time_to_give_their_job_back(documents: Documents) -> None:
    grace_s = int(compose()["worker"]["stop_grace_period"].removesuffix("s"))
    assert pod(documents, "worker")["terminationGracePeriodSeconds"] == grace_s


@pytest.mark.parametrize("name", ["api", "worker", "redis"])
def test_every_pod_is_hardened(documents: Documents, name: str) -> None:
    rights = container(documents, name)["securityContext"]
    assert rights == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    whole = pod(documents, name)
    assert whole["securityContext"]["runAsNonRoot"] is True
    assert whole["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert whole["automountServiceAccountToken"] is False
    assert "memory" in container(documents, name)["resources"]["limits"]


@pytest.mark.parametrize("role", SETTINGS)
def test_pods_run_as_the_user_of_the_image(documents: Documents, role: str) -> None:
    context = pod(documents, role)["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in (PROJECT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["api", "worker", "redis"])
def test_every_volume_is_declared_and_used(documents: Documents, name: str) -> None:
    mounted = {mount["name"]: mount["mountPath"] for mount in container(documents, name)["volumeMounts"]}
    declared = {volume["name"]: volume for volume in pod(documents, name)["volumes"]}
    own = {"data"} if name == "redis" else set()  # of the StatefulSet
    assert set(mounted) == set(declared) | own
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in declared.values()
        if "persistentVolumeClaim" in volume
    ]
    assert all(("PersistentVolumeClaim", claim) in documents for claim in claims)


@pytest.mark.parametrize("role", SETTINGS)
def test_processes_find_the_store_and_the_datasets(documents: Documents, role: str) -> None:
    shared = documents["ConfigMap", "settings"]["data"]
    settings = SETTINGS[role](data_dir=shared["CONVSERVE_DATA_DIR"], store_url=shared.get("CONVSERVE_STORE_URL"))
    mounts = {mount["mountPath"] for mount in container(documents, role)["volumeMounts"]}
    assert {settings.data_dir.as_posix(), settings.datasets_path.as_posix(), "/tmp"} <= mounts
    in_bucket = settings.store_location.startswith("s3://")
    assert in_bucket != (settings.store_location in mounts)
    assert in_bucket == ({"secretRef": {"name": "convserve-s3"}} in container(documents, role)["envFrom"])
    assert in_bucket == (not any(kind == "PersistentVolumeClaim" for kind, _ in documents))


def test_redis_loses_nothing_and_wants_a_password(documents: Documents) -> None:
    arguments = " ".join(container(documents, "redis")["args"])
    assert "--requirepass $(REDISCLI_AUTH)" in arguments
    for option in ("--appendonly yes --appendfsync always", "--maxmemory-policy noeviction", "--maxmemory 512mb"):
        assert option in arguments
        assert option in " ".join(compose()["redis"]["command"])
    assert (
        container(documents, "redis")["readinessProbe"]["exec"]["command"][-1]
        == compose()["redis"]["healthcheck"]["test"][-1]
    )


def test_workers_are_scaled_by_a_metric_that_the_api_has(largest: Documents) -> None:
    (trigger,) = largest["ScaledObject", "worker"]["spec"]["triggers"]
    named = set(re.findall(r"`(convserve_\w+)", (PROJECT / "docs" / "how-to" / "observe.md").read_text()))
    assert trigger["metadata"]["valueLocation"] in named  # which a test compares with /metrics itself
    port = ApiSettings.model_fields["port"].default
    assert trigger["metadata"]["url"] == f"http://api.convserve.svc:{port}/metrics"
    assert "/metrics" in described()
    assert largest["ScaledObject", "worker"]["spec"]["scaleTargetRef"]["name"] == "worker"
    assert "replicas" not in largest["Deployment", "worker"]["spec"]


def test_selectors_select_the_pods_that_are_meant(documents: Documents) -> None:
    for (kind, name), document in documents.items():
        spec = document.get("spec", {})
        selector = spec.get("selector")
        if kind in ("Deployment", "StatefulSet"):
            assert selector["matchLabels"] == spec["template"]["metadata"]["labels"] == {"app.kubernetes.io/name": name}
        elif kind == "Service":
            assert selector == {"app.kubernetes.io/name": name}
        elif kind == "PodDisruptionBudget":
            assert selector["matchLabels"] == {"app.kubernetes.io/name": name}


def test_only_the_api_and_workers_reach_redis_and_all_else_is_closed(documents: Documents) -> None:
    policies = {name: document["spec"] for (kind, name), document in documents.items() if kind == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (allowed,) = policies["redis"]["ingress"]
    (peer,) = allowed["from"]
    (condition,) = peer["podSelector"]["matchExpressions"]
    assert condition == {"key": "app.kubernetes.io/name", "operator": "In", "values": ["api", "worker"]}
    assert allowed["ports"] == [{"protocol": "TCP", "port": 6379}]


def test_budgets_leave_one_api_and_take_one_worker_at_a_time(documents: Documents) -> None:
    assert documents["PodDisruptionBudget", "api"]["spec"]["minAvailable"] == 1
    assert documents["Deployment", "api"]["spec"]["replicas"] > 1
    assert documents["PodDisruptionBudget", "worker"]["spec"]["maxUnavailable"] == 1


def test_the_builder_of_the_tests_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("kind: Kustomization\nhelmCharts: []\n")
    with pytest.raises(AssertionError, match="helmCharts"):
        built(tmp_path)
