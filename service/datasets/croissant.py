"""A dataset in Croissant 1.0, the form in which catalogues of datasets describe machine learning data: JSON-LD.

Described are name, origin, licence, the official files with their checksums, and as tables the classes and the splits.
The pictures are no table here: those of an upload are read one by one (`GET /datasets/{name}/pictures`), and Croissant
has no word for the packing of most official files.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from service.datasets.answers import DatasetAnswer
from worker.datasets.official import OFFICIAL, OfficialFile

JsonObject = dict[str, Any]
MEDIA_TYPE = "application/ld+json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
NO_LICENCE = "none stated"
"""How the licence of a built-in dataset begins that has none."""

CONTEXT: JsonObject = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes."""


def croissant(dataset: DatasetAnswer, url: str) -> JsonObject:
    """The description of a dataset that is ready.

    Args:
        dataset: as the API shows it.
        url: its own address.
    """
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": dataset.name,
        "description": _description(dataset),
        "conformsTo": CONFORMS_TO,
        "url": url,
        "version": f"{dataset.version or 1}.0.0",
        "keywords": ["image classification", *dataset.tags],
        "distribution": list(_distribution(dataset.name)),
        "recordSet": [_classes(dataset), _splits(dataset)],
    }
    if dataset.licence and not dataset.licence.startswith(NO_LICENCE):
        described["license"] = dataset.licence
    if dataset.created_at is not None:
        described["datePublished"] = f"{dataset.created_at:%Y-%m-%d}"
    return described


def _description(dataset: DatasetAnswer) -> str:
    height, width, channels = dataset.image_shape or (0, 0, 0)
    text = (
        f"{dataset.title}: {dataset.train + dataset.test + dataset.validation:,} {'grey' if channels == 1 else 'RGB'} "
        f"pictures of {width} x {height} pixels in {len(dataset.classes)} classes. Source: {dataset.source}"
    )
    return text if dataset.fingerprint is None else f"{text}. SHA-256 over pixels and labels: {dataset.fingerprint}"


def _distribution(name: str) -> Iterator[JsonObject]:
    """The official files of a built-in dataset; an upload is in the store of its server only."""
    official = OFFICIAL.get(name)
    if official is None:
        return
    if official.archive is not None:
        yield _file(official.archive, official.url)
        return
    for file in official.files:
        yield _file(file, urljoin(official.url, file.name))


def _file(file: OfficialFile, url: str) -> JsonObject:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": url,
        "contentSize": f"{file.size_bytes} B",
        "encodingFormat": "application/gzip",
        file.algorithm: file.digest,
    }


def _classes(dataset: DatasetAnswer) -> JsonObject:
    rows = [
        {"classes/index": index, "classes/name": each.label, "classes/train": each.train, "classes/test": each.test}
        for index, each in enumerate(dataset.classes)
    ]
    columns = {"index": "sc:Integer", "name": "sc:Text", "train": "sc:Integer", "test": "sc:Integer"}
    return _table("classes", "sc:Enumeration", columns, rows)


def _splits(dataset: DatasetAnswer) -> JsonObject:
    counts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    rows = [{"splits/name": name, "splits/pictures": count} for name, count in counts.items() if count]
    return _table("splits", "cr:Split", {"name": "sc:Text", "pictures": "sc:Integer"}, rows)


def _table(name: str, meaning: str, columns: dict[str, str], rows: list[JsonObject]) -> JsonObject:
    """A record set whose rows are written out."""
    fields = [
        {"@type": "cr:Field", "@id": f"{name}/{column}", "name": f"{name}/{column}", "dataType": data_type}
        for column, data_type in columns.items()
    ]
    key = {"@id": f"{name}/name"}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "dataType": meaning,
        "key": key,
        "field": fields,
        "data": rows,
    }
