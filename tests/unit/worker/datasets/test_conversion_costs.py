"""What a conversion may cost is bounded, and a conversion that fails keeps what it noticed."""

import io
from pathlib import Path

import pytest

from tests.archives import huge_webp, picture, two_classes, zipped
from tests.unit.worker.datasets.conversion_orders import ordered
from worker.datasets.upload.convert import Link, convert, convert_or_refuse
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.messages import CONVERTER_MESSAGES, Accepted, Advanced, ConversionOrder, Refused


def costing(folder: Path, archive: bytes, **limits: object) -> ConversionOrder:
    """To convert this archive, within other limits than usual."""
    (folder / "upload.zip").write_bytes(archive)
    order = ordered(folder)
    limits = {"max_picture_pixels": 24_000_000, "max_picture_side": 8192, **limits}
    return order.model_copy(update={"limits": order.limits.model_copy(update=limits)})


def phases(output: io.BytesIO) -> set[str]:
    messages = map(CONVERTER_MESSAGES.validate_json, output.getvalue().splitlines())
    return {message.phase for message in messages if isinstance(message, Advanced)}


def refusal_of(order: ConversionOrder) -> Refused:
    """The converter's last message."""
    output = io.BytesIO()
    convert_or_refuse(order, Link(output))
    last = CONVERTER_MESSAGES.validate_json(output.getvalue().splitlines()[-1])
    assert isinstance(last, Refused)
    return last


def huge_pictures(n: int) -> dict[str, bytes]:
    """Tiny files that declare 24 million pixels each, in two classes."""
    return {f"{label}/{number}.webp": huge_webp(8192, 2929) for label in ("dark", "light") for number in range(n // 2)}


def test_tiny_files_that_declare_huge_pictures_are_refused_before_any_is_decoded(tmp_path: Path) -> None:
    archive = zipped(huge_pictures(100))
    assert len(archive) < 20_000
    output = io.BytesIO()
    with pytest.raises(ArchiveRejected, match=r"at most 1,000,000,000 in all, got 2,399,436,800") as refusal:
        convert(costing(tmp_path, archive), Link(output))
    assert refusal.value.code == "too_many_pixels"
    assert refusal.value.hint is not None
    assert phases(output) == {"reading"}


def test_pictures_that_are_too_large_by_themselves_cost_nothing_and_are_skipped(tmp_path: Path) -> None:
    files = two_classes(5) | {"dark/huge.webp": huge_webp(16_000, 16_000)}
    output = io.BytesIO()
    convert(costing(tmp_path, zipped(files), max_pixels=10_000), Link(output))
    assert phases(output) == {"reading", "decoding", "packing"}


def test_a_picture_with_a_long_header_is_measured_too(tmp_path: Path) -> None:
    plain = picture((9, 9, 9), (100, 100), "JPEG")
    comment = b"\xff\xfe" + (60_000).to_bytes(2, "big") + bytes(59_998)
    files = {f"{label}/{n}.jpg": plain[:2] + comment + plain[2:] for label in "ab" for n in range(3)}
    with pytest.raises(ArchiveRejected, match="got 60,000"):
        convert(costing(tmp_path, zipped(files, 0), max_pixels=50_000), Link(io.BytesIO()))


def test_a_conversion_that_has_used_its_cpu_seconds_ends(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected, match=r"expected at most 0\.001 seconds of CPU time") as refusal:
        convert(costing(tmp_path, zipped(two_classes()), max_cpu_s=0.001), Link(io.BytesIO()))
    assert refusal.value.code == "took_too_long"


def test_a_failed_conversion_reports_files_reasons_and_the_class_left_without_pictures(tmp_path: Path) -> None:
    files = {f"cat/{n}.png": picture(n) for n in range(3)} | {f"dog/{n}.png": picture(n)[:40] for n in range(3)}
    last = refusal_of(costing(tmp_path, zipped(files | {"cow/": b""})))
    assert last.code == "too_few_classes"
    assert "No usable picture is in: 'cow', 'dog'" in last.message
    assert last.report is not None
    assert last.report.files == 6
    assert last.report.dropped_classes == ("cow", "dog")
    assert [(line.file, line.reason) for line in last.report.skipped_files] == [
        (f"dog/{n}.png", "damaged_picture") for n in range(3)
    ]


def test_a_conversion_that_stops_in_the_middle_names_no_class_it_has_not_finished(tmp_path: Path) -> None:
    files = {f"{label}/{n}.png": picture(n)[:40] for label in ("a", "b") for n in range(3)}
    archive = bytearray(zipped(files | {"b/x.png": picture(1)}, 0))
    archive[archive.rindex(b"IDAT") + 6] ^= 1  # the CRC-32 of the last file
    last = refusal_of(costing(tmp_path, bytes(archive)))
    assert "CRC-32" in last.message
    assert last.report is not None
    assert last.report.dropped_classes == ("a",)
    assert last.report.skipped == {"damaged_picture": 6}


def test_progress_carries_what_was_noticed_and_only_when_it_has_changed(tmp_path: Path) -> None:
    output = io.BytesIO()
    convert(costing(tmp_path, zipped(two_classes(5) | {"dark/odd.png": b"?", "notes.txt": b""})), Link(output))
    first, *others = map(CONVERTER_MESSAGES.validate_json, output.getvalue().splitlines())
    assert isinstance(first, Accepted)
    reports = [message.report for message in others if isinstance(message, Advanced) and message.report]
    assert [report.skipped for report in reports] == [
        {"outside_classes": 1},
        {"outside_classes": 1, "not_a_picture": 1},
    ]
