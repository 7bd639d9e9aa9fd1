import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from model_store import ArtifactCorrupt, FileEntry, Manifest
from model_store.manifest import ABANDONED, parse_manifest
from tests.unit.model_store.published import facts

FILES = {"model.keras": FileEntry(sha256="0" * 64, size_bytes=7)}


def manifest(published_at: datetime) -> Manifest:
    return Manifest.of(facts(), model="shirts", version=3, published_at=published_at, files=FILES)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_a_manifest_reads_back_equal_to_the_microsecond(microsecond: int) -> None:
    written = manifest(datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC))

    assert parse_manifest(written.to_bytes(), "shirts", 3) == written


def test_a_manifest_is_json_a_human_can_open() -> None:
    text = manifest(datetime(2026, 1, 2, 3, 4, 5, 6, UTC)).to_bytes().decode()

    assert json.loads(text)["published_at"] == "2026-01-02T03:04:05.000006Z"
    assert json.loads(text)["format"] == 1
    assert len(text.splitlines()) > 20


def test_a_manifest_with_fields_added_later_still_parses() -> None:
    written = json.loads(manifest(datetime(2026, 1, 2, tzinfo=UTC)).to_bytes())
    written["colour"] = "blue"
    written["files"]["model.keras"]["compression"] = None

    assert parse_manifest(json.dumps(written).encode(), "shirts", 3).parameters == 61_610


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("version", 0),
        ("published_at", "2026-01-02T03:04:05"),
        ("metrics", {"loss": None}),
        ("files", {"../x": {"sha256": "0" * 64, "size_bytes": 1}}),
        ("files", {"model.keras\n": {"sha256": "0" * 64, "size_bytes": 1}}),
        ("files", {"manifest.json": {"sha256": "0" * 64, "size_bytes": 1}}),
        ("files", {"model.keras": {"sha256": "0" * 63, "size_bytes": 1}}),
        ("files", {"model.keras": {"sha256": "0" * 64, "size_bytes": -1}}),
    ],
)
def test_a_manifest_with_an_impossible_field_is_corrupt(field: str, value: object) -> None:
    written = json.loads(manifest(datetime(2026, 1, 2, tzinfo=UTC)).to_bytes()) | {field: value}

    with pytest.raises(ArtifactCorrupt, match="does not parse"):
        parse_manifest(json.dumps(written).encode(), "shirts", 3)


def test_a_figure_that_json_cannot_hold_is_refused_before_it_is_published() -> None:
    with pytest.raises(ValidationError, match="finite"):
        facts(metrics={"loss": float("nan")})
    with pytest.raises(ValidationError, match="finite"):
        facts(parity=float("inf"))


def test_the_time_of_publishing_knows_its_zone() -> None:
    elsewhere = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))

    assert manifest(elsewhere).published_at == datetime(2026, 1, 2, 1, tzinfo=UTC)
    with pytest.raises(ValidationError):
        manifest(datetime(2026, 1, 2))


def test_facts_and_manifests_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        facts().parameters = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        manifest(datetime(2026, 1, 2, tzinfo=UTC)).version = 4  # type: ignore[misc]


def test_the_mark_of_an_abandoned_draft_is_no_manifest() -> None:
    with pytest.raises(ArtifactCorrupt):
        parse_manifest(ABANDONED, "shirts", 3)
