"""Sends many pictures to be classified, follows the job, and writes its rows."""

import sys
from pathlib import Path

from rich.console import Console

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.files import require_writable
from service.cli.json_lines import print_line
from service.cli.own_photos import as_archive
from service.cli.train import require_success, watch
from worker.jobs.records import JobRecord

STDOUT = Path("-")
SPLITS = frozenset({"train", "test", "validation"})
_MEDIA_TYPES = {".zip": "application/zip", ".tar": "application/x-tar"}


def run_bulk(
    client: Client,
    named: str,
    pictures: str,
    output: Path,
    row_format: str | None,
    top_k: int,
    *,
    as_json: bool = False,
) -> None:
    """Classify pictures, and write one row for each.

    Everything but rows goes to the standard error, so that rows can be piped.

    Args:
        client: of the server.
        named: `model`, `model/version` or `model@alias`.
        pictures: a folder, an archive, or `dataset:split`.
        output: file to write, or `-`.
        row_format: `csv` or `jsonl`; None: by the name of the file.
        top_k: classes that each row names.
        as_json: say as JSON what was written, which then needs a file.

    Raises:
        CommandFailed: there are no pictures, the server refuses them, or the job does not succeed.
    """
    chosen = row_format or ("jsonl" if output.suffix in {".jsonl", ".ndjson"} else "csv")
    if chosen not in {"csv", "jsonl"}:
        raise CommandFailed(f"--format must be csv or jsonl, got {chosen!r}")
    if as_json and output == STDOUT:
        raise CommandFailed("--json needs a file for the rows; name it with --output")
    if output != STDOUT:
        require_writable(output)
    console = Console(stderr=True)
    job = watch(client, _submitted(client, f"{_version_path(named)}/predictions?top_k={top_k}", pictures), console)
    require_success(job)
    n_bytes = _download(client, f"/jobs/{job.id}/predictions?format={chosen}", output)
    if as_json:
        print_line({"job": job.id, "pictures": job.progress.steps, "file": str(output), "size_bytes": n_bytes})
    elif output != STDOUT:
        console.print(f"{output}  {n_bytes:,} bytes", soft_wrap=True, highlight=False)


def _submitted(client: Client, path: str, pictures: str) -> JobRecord:
    dataset, colon, split = pictures.rpartition(":")
    if colon and split in SPLITS:
        return JobRecord.model_validate(client.post(path, {"dataset": dataset, "split": split}))
    folder = Path(pictures)
    if not folder.exists():
        raise CommandFailed(f"expected a folder, an archive, or DATASET:SPLIT, got {pictures}, which does not exist")
    with as_archive(folder) as archive:
        media_type = _MEDIA_TYPES.get(archive.suffix.lower(), "application/octet-stream")
        try:
            return JobRecord.model_validate(client.upload(path, archive, media_type, {}))
        except OSError as error:
            raise CommandFailed(f"cannot read {archive}: {error.strerror}") from error


def _download(client: Client, path: str, output: Path) -> int:
    """Write the rows as they come, and return how many bytes they are."""
    n_bytes = 0
    try:
        with client.stream(path, {}) as response:
            opened = None if output == STDOUT else output.open("wb")
            try:
                for chunk in response.iter_bytes():
                    n_bytes += len(chunk)
                    (opened or sys.stdout.buffer).write(chunk)
            finally:
                if opened is not None:
                    opened.close()
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise SystemExit(0) from None  # `| head` has what it wants
    except OSError as error:
        raise CommandFailed(f"cannot write {output}: {error.strerror}") from error
    return n_bytes


def _version_path(named: str) -> str:
    """The address of `model/version` or `model@alias`; of a model alone that of its version `latest`."""
    model, slash, version = named.partition("/")
    if slash:
        if not version.isdecimal():
            raise CommandFailed(f"expected a version such as {model}/3, got {named!r}")
        return f"/models/{model}/versions/{version}"
    model, _, alias = model.partition("@")
    return f"/models/{model}/aliases/{alias or 'latest'}"
