"""A project's labelling interface, Label Studio's XML: which field of a task is the picture, which tag its class."""

from typing import NamedTuple

from service.errors import CallRejected

MAX_CHARACTERS = 64 * 1024


class Interface(NamedTuple):
    """How a project asks for the class of a picture.

    Attributes:
        choice: name of the `<Choices>` tag.
        image: name of the `<Image>` tag that it belongs to.
        field: of a task's data, where the picture is.
        labels: that can be chosen.
    """

    choice: str
    image: str
    field: str
    labels: tuple[str, ...]


def read_interface(xml: str) -> Interface:
    """Find the picture and its choices.

    Raises:
        CallRejected: it is no such XML, or has no choices that belong to a picture.
    """
    # A document type could define entities that grow without end.
    if len(xml) > MAX_CHARACTERS or "<!" in xml.replace("<!--", ""):
        raise CallRejected("the label config cannot be read; expected short XML without a document type")
    from xml.etree import ElementTree  # noqa: PLC0415 - most servers are never asked by Label Studio

    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        raise CallRejected("the label config is not XML") from None
    images = {tag.get("name"): tag for tag in root.iter("Image")}
    for choices in root.iter("Choices"):
        image = images.get(choices.get("toName"))
        if image is not None and choices.get("name") and image.get("value", "").startswith("$"):
            labels = [tag.get("alias") or tag.get("value") or "" for tag in choices.iter("Choice")]
            return Interface(
                choices.get("name", ""), image.get("name", ""), image.get("value", "")[1:], tuple(filter(None, labels))
            )
    raise CallRejected("the label config asks for no class of a picture; expected <Image> and <Choices> that names it")
