"""The settings of the API process, read from the environment once at its entry point.

Every limit that protects the process is a field here with its unit; code that enforces a limit receives the number.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from service.kept_settings import KeptSettings
from service.platforms import PlatformSettings
from worker.patterns import REFERENCE_PATTERN, ROUTE_PATTERN, WEB_ADDRESS_PATTERN
from worker.settings import lowered, unset_if_empty

_MIB = 1024 * 1024
ScopeName = Literal["predict", "read", "train", "admin"]
QuotaName = Literal["jobs", "waiting_s", "dataset_bytes", "model_bytes", "predict_per_s"]


class ApiSettings(KeptSettings):
    """Where the API listens, and how much it accepts at once."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; the default is this machine only.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 lets the system choose.")
    allowed_hosts: str = Field(
        default="",
        description="Names under which this server answers, besides the loopback names and CONVSERVE_HOST, separated "
        "by commas; `*.example.org` for all names below, `*` for any. Requests under other names are answered 421.",
    )
    allowed_origins: str = Field(
        default="",
        description="Other sites whose pages may read and predict, such as `https://app.example`, separated by commas.",
    )
    admin_key: Annotated[SecretStr | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        min_length=16,
        description="A key that may do everything (16 characters or more), beside those of `convserve keys`. Listening "
        "on any address but the loopback ones needs it, or a key with the scope `admin`.",
    )
    auth: Annotated[Literal["auto", "on"], BeforeValidator(lowered)] = Field(
        default="auto",
        description="Whether requests need a key: `auto` on every address but the loopback ones and wherever "
        "CONVSERVE_ADMIN_KEY is set, `on` always. See `convserve keys`.",
    )
    quotas: dict[ScopeName, dict[QuotaName, Annotated[float, Field(ge=0)]]] = Field(
        default={"train": {"jobs": 500, "dataset_bytes": 20e9, "model_bytes": 20e9}},
        description="What keys of a scope allow their owners, as JSON: `jobs` (that wait or run), `waiting_s` "
        "(estimated seconds of a worker for those that wait), `dataset_bytes`, `model_bytes`, `predict_per_s` (in each "
        "API process; `/explain` and its like count). What is missing is not limited. A key may have its own limits.",
    )
    hidden_test_labels: str = Field(
        default="",
        description="Datasets, separated by commas, whose test labels are kept from all keys but admins': of a version "
        "trained on them they see the score, and neither mistakes nor confusions.",
    )
    metrics_open: bool = Field(default=True, description="Answer `/metrics` without a key.")
    max_body_bytes: int = Field(
        default=32 * _MIB,
        ge=1024,
        description="Largest request body with pictures, in bytes; more is 413.",
    )
    max_json_bytes: int = Field(
        default=_MIB, ge=1024, description="Largest JSON body without pictures, in bytes; more is 413."
    )
    max_connections: int = Field(
        default=1024,
        ge=1,
        description="Most connections of one process, fewer if it may open fewer files; beyond that everything but "
        "`/healthz` is answered 503.",
    )
    max_connections_per_address: int = Field(
        default=512,
        ge=1,
        description="Most connections of one IPv4 address or IPv6 /64 network; behind a proxy, as many as in all.",
    )
    header_timeout_s: float = Field(
        default=10, gt=0, description="Seconds for a request's header to arrive; more is answered 408."
    )
    body_timeout_s: float = Field(
        default=600, gt=0, description="Seconds for a request's body to arrive, unless it is a dataset; more is 408."
    )
    dataset_body_timeout_s: float = Field(
        default=14_400, gt=0, description="Seconds for a dataset's archive to arrive; more is answered 408."
    )
    min_body_bytes_per_s: float = Field(
        default=2048, ge=0, description="Slowest rate of a body, in bytes per second; a slower one is answered 408."
    )
    body_rate_window_s: float = Field(
        default=20, gt=0, description="Seconds over which the rate of a body is measured; shorter pauses do not matter."
    )
    keep_alive_s: float = Field(
        default=5, gt=0, description="Seconds that a connection may stay open between an answer and the next request."
    )
    send_timeout_s: float = Field(
        default=60, gt=0, description="Seconds after which a client that takes nothing of its answer is disconnected."
    )
    max_streams: int = Field(
        default=256, ge=1, description="Most event streams of one process that are open at once; more are answered 429."
    )
    max_pictures: int = Field(default=64, ge=1, description="Most pictures in one prediction request.")
    max_picture_bytes: int = Field(default=10 * _MIB, ge=1, description="Largest picture file, in bytes.")
    max_picture_pixels: int = Field(
        default=100_000_000, ge=1, description="Most pixels of one picture, read from its header before it is decoded."
    )
    max_picture_side: int = Field(default=65_535, ge=1, description="Longest side of one picture, in pixels.")
    max_picture_memory_bytes: int = Field(
        default=400_000_000,
        ge=_MIB,
        description="Memory that decoding one picture may take, told from its header: 4 bytes per pixel of a PNG, 16 "
        "of a WebP, and of a JPEG 4 per pixel of the reduced size in which it is decoded; more is 413.",
    )
    max_dataset_bytes: int = Field(
        default=2048 * _MIB, ge=1024, description="Largest archive of an uploaded dataset, in bytes; more is 413."
    )
    max_model_bytes: int = Field(
        default=640 * _MIB, ge=1024, description="Largest file of a model to import, in bytes; more is 413."
    )
    max_dataset_unpacked_bytes: int = Field(
        default=4096 * _MIB,
        ge=1024,
        description="Most bytes that an archive's files have together when unpacked, and their pixels when packed.",
    )
    max_dataset_files: int = Field(default=200_000, ge=2, description="Most files in the archive of a dataset.")
    max_dataset_pixels: int = Field(
        default=40_000_000_000,
        ge=1,
        description="Most pixels that the pictures of a dataset have together, read from their headers before any is "
        "decoded.",
    )
    max_dataset_cpu_s: float = Field(
        default=1200, gt=0, description="Most CPU seconds that the conversion of a dataset takes."
    )
    max_dataset_memory_bytes: int = Field(
        default=2048 * _MIB, ge=256 * _MIB, description="Most memory that the conversion of a dataset uses, in bytes."
    )
    max_dataset_uploads: int = Field(
        default=16, ge=1, description="Archives received at once; more are answered 503. Four are converted at once."
    )
    max_request_pixels: int = Field(
        default=400_000_000,
        ge=1,
        description="Most pixels of all pictures in one request together, in the size in which they are decoded; more "
        "is 413.",
    )
    held_body_bytes: int | None = Field(
        default=None,
        ge=1024,
        description="Most bytes of request bodies with pictures, from their arrival to their answer, of all requests; "
        "more is 429. Default: eight of the largest bodies.",
    )
    decode_threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Threads that decode pictures; there is one more, for pictures that take no longer than 50 ms.",
    )
    decode_memory_bytes: int = Field(
        default=512_000_000,
        ge=_MIB,
        description="Memory for the pictures that are decoded at once; others wait, and a larger one is decoded alone.",
    )
    decode_queue_s: float = Field(
        default=5,
        gt=0,
        description="Longest time, in seconds, in which the pictures of a request are expected to be decoded beside "
        "those of others; more is answered 429.",
    )
    inference_workers: int = Field(default=2, ge=1, le=64, description="Batches that ONNX Runtime works on at once.")
    inference_threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Threads that ONNX Runtime uses for one batch; 1 suits small networks.",
    )
    batch_pictures: int = Field(default=32, ge=1, le=1024, description="Most pictures in one run of ONNX Runtime.")
    batch_delay_ms: float = Field(
        default=0,
        ge=0,
        le=1000,
        description="Milliseconds a picture may wait for others to share its batch; 0: only those already waiting.",
    )
    queue_pictures: int = Field(
        default=1024, ge=1, description="Most pictures that wait for one model version; more are answered 429."
    )
    queue_s: float = Field(
        default=5,
        gt=0,
        description="Longest expected wait of a prediction, in seconds; beyond it, predictions are answered 429.",
    )
    max_predictions: int = Field(
        default=256, ge=1, description="Prediction requests worked on at once; more are answered 429."
    )
    loaded_models: int = Field(
        default=64,
        ge=1,
        description="Model versions kept in memory; beyond it, the least recently used one is evicted.",
    )
    model_memory_bytes: int = Field(
        default=2048 * _MIB,
        ge=_MIB,
        description="Bytes of memory for model versions, counted as twice their ONNX files; a larger one stays alone.",
    )
    memory_target_bytes: int = Field(
        default=1536 * _MIB,
        ge=_MIB,
        description="Memory of an API process above which networks that were not used for 20 s are evicted, but for "
        "pinned ones and the last one used. Free memory goes back to the system in any case.",
    )
    minimum_stay_s: float = Field(
        default=1, ge=0, le=60, description="Shortest time that a loaded model version stays in memory, in seconds."
    )
    pinned_models: str = Field(
        default="",
        description="Models loaded before `/readyz` says ready, and never evicted: `name` (its latest version) or "
        "`name/version`, separated by commas.",
    )
    ready_without_store: bool = Field(
        default=False,
        description="Stay ready (`degraded`, 200) while the store is away and networks are in memory; else 503.",
    )
    picture_urls: bool = Field(
        default=False,
        description='Fetch pictures that a prediction names by URL (`{"url": "https://…"}`); only public addresses are '
        "asked.",
    )
    picture_url_timeout_s: float = Field(
        default=10,
        gt=0,
        le=120,
        description="Seconds for one picture to arrive from its URL, redirects included; all of a request: thrice.",
    )
    served_model: Annotated[str | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        pattern=REFERENCE_PATTERN,
        description="Version that answers where an address names none, as `name`, `name/version` or `name@alias`: "
        "`/invocations`, Vertex AI's route and `POST /`. Default: the model published last.",
    )
    vertex_health_route: Annotated[str | None, BeforeValidator(unset_if_empty)] = Field(
        default=None, pattern=ROUTE_PATTERN, description="Address of Vertex AI's health check: `AIP_HEALTH_ROUTE`."
    )
    vertex_predict_route: Annotated[str | None, BeforeValidator(unset_if_empty)] = Field(
        default=None, pattern=ROUTE_PATTERN, description="Address of Vertex AI's predictions: `AIP_PREDICT_ROUTE`."
    )
    label_studio_url: Annotated[
        Annotated[str, Field(pattern=WEB_ADDRESS_PATTERN)] | None, BeforeValidator(unset_if_empty)
    ] = Field(
        default=None,
        description="Address of the Label Studio whose tasks are suggested and learned, such as "
        "`http://localhost:8080`; its pictures are fetched from there.",
    )
    label_studio_token: Annotated[SecretStr | None, BeforeValidator(unset_if_empty)] = Field(
        default=None, description="Access token of Label Studio, to fetch its pictures."
    )
    label_studio_train_every: int = Field(
        default=20, ge=0, description="Annotations of a project after which a training starts by itself; 0: never."
    )
    api_shared_dir: Path | None = Field(
        default=None,
        description="Directory with the state that API processes on one port share; `--workers` creates one.",
    )
    api_workers: int = Field(default=1, ge=1, le=64, description="API processes that share the port.")
    catalog_refresh_s: float = Field(
        default=0.3,
        ge=0,
        description="Seconds after which the store is asked again for changes; at least 1.2 for S3, GCS and Azure.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from: arguments, then the cloud's own variables, then `CONVSERVE_…`."""
        return (init_settings, PlatformSettings(settings_cls), env_settings)

    def pinned_names(self) -> frozenset[str]:
        """The names in `pinned_models`."""
        return _listed(self.pinned_models)

    def hidden_datasets(self) -> frozenset[str]:
        """The datasets in `hidden_test_labels`."""
        return _listed(self.hidden_test_labels)

    def host_names(self) -> frozenset[str]:
        """The names in `allowed_hosts`, and the address to listen on."""
        return _listed(self.allowed_hosts) | {self.host}

    def origins(self) -> frozenset[str]:
        """The sites in `allowed_origins`."""
        return _listed(self.allowed_origins)


def _listed(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))
