"""Galleries of test pictures with a network's predictions: the lesson's grid of predictions, and the worst mistakes.

Takes arrays and numbers, returns PNG bytes; no Keras. Pictures are enlarged by whole factors without smoothing, so
that they show what the network saw. A wrong prediction is marked by a cross, a frame, bold type and words, not only by
its colour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.pictures.colours import BLUE, GREY, VERMILLION
from worker.pictures.fonts import text_width
from worker.pictures.hard_pixels import enlarged
from worker.pictures.sheet import Sheet, shortened
from worker.reports.doubtful_labels import DoubtfulLabels
from worker.reports.mistakes import Mistakes

COLUMNS = 5
MOST_PICTURES = 25
# In pixels of the drawn picture.
CELL, GAP, MARGIN, HEADING = 168, 16, 16, 60
LINE = 19
FRAME = 4
HEADING_LETTERS, TITLE_LETTERS, LETTERS, NOTE_LETTERS = 18, 15, 13, 11


@dataclass(frozen=True)
class Caption:
    """The text at a picture.

    Attributes:
        lines: lines above the picture, from top to bottom.
        is_right: whether the prediction is correct.
        note: small grey text below the picture, if any.
    """

    lines: tuple[str, ...]
    is_right: bool
    note: str = ""


def draw_predictions(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
    subject: str,
) -> bytes:
    """The first 25 pictures of the test split with the network's predictions, as PNG.

    Args:
        images: uint8, shape (n, height, width, channels), 0-255.
        labels: int64, shape (n,), the true classes.
        probabilities: float32, shape (n, n_classes), rows sum to 1.
        classes: names in index order.
        subject: the network and the dataset, for the heading.
    """
    shown = min(MOST_PICTURES, len(images))
    rows = probabilities[:shown]
    answers = rows.argmax(axis=1)
    n_right = int((answers == labels[:shown]).sum())
    captions = [
        _caption(classes[answer], float(row[answer]), classes[label], answer == label)
        for answer, label, row in zip(answers, labels[:shown], rows, strict=True)
    ]
    title = f"The first {shown} test pictures: {n_right} right, {shown - n_right} wrong"
    return _draw(images[:shown], captions, subject, title)


def draw_mistakes(images: NDArray[np.uint8], mistakes: Mistakes, subject: str) -> bytes:
    """The most confident mistakes with their indices in the test split, as PNG.

    Args:
        images: uint8, shape (n, height, width, channels), 0-255; the whole test split.
        mistakes: a network's mistakes on these pictures.
        subject: the network and the dataset, for the heading.
    """
    worst = mistakes.mistakes[:MOST_PICTURES]
    captions = [
        _caption(mistake.predicted, mistake.probability, mistake.true, False, note=f"test picture {mistake.index}")
        for mistake in worst
    ]
    title = f"Wrong on {mistakes.total:,} of {mistakes.pictures:,} test pictures"
    if mistakes.total > len(worst):
        title += f"; the {len(worst)} most confident mistakes"
    return _draw(images[[mistake.index for mistake in worst]], captions, subject, title)


def draw_doubtful(images: NDArray[np.uint8], doubtful: DoubtfulLabels, subject: str) -> bytes:
    """The most doubtful labels with their indices in the training split, as PNG.

    Args:
        images: uint8, shape (n, height, width, channels), 0-255; the whole training split.
        doubtful: labels of these pictures that are perhaps wrong.
        subject: the network and the dataset, for the heading.
    """
    worst = doubtful.labels[:MOST_PICTURES]
    captions = [
        Caption(
            (_line("labelled {}", one.label, False), _line("looks like {}", one.suggested, False)),
            is_right=False,
            note=f"training picture {one.index}",
        )
        for one in worst
    ]
    title = f"{doubtful.total:,} of {doubtful.pictures:,} training pictures look more like another class"
    if doubtful.total > len(worst):
        title += f"; the {len(worst)} most doubtful ones"
    return _draw(images[[one.index for one in worst]], captions, subject, title)


def _caption(predicted: str, probability: float, true: str, is_right: bool, note: str = "") -> Caption:
    mark = "✓" if is_right else "✗"
    said = _line(mark + " {} " + f"{probability:.0%}", predicted, is_right)
    return Caption((said,) if is_right else (said, _line("is {}", true, is_right)), is_right, note)


def _line(template: str, name: str, is_right: bool) -> str:
    """The template filled with the name, which is shortened to fit the width of the picture and its gap."""
    most = CELL + GAP / 2 - text_width(template.format(""), LETTERS, is_bold=not is_right)
    return template.format(shortened(name, most, LETTERS, is_bold=not is_right))


def _draw(images: NDArray[np.uint8], captions: list[Caption], subject: str, title: str) -> bytes:
    """Lay out the pictures row by row."""
    rows = [slice(start, start + COLUMNS) for start in range(0, len(captions), COLUMNS)]
    heads = [LINE * max(len(caption.lines) for caption in captions[row]) for row in rows]
    foot = LINE if any(caption.note for caption in captions) else 0
    width = 2 * MARGIN + COLUMNS * CELL + (COLUMNS - 1) * GAP
    sheet = Sheet(width, HEADING + sum(heads) + len(rows) * (CELL + foot) + max(len(rows) - 1, 0) * GAP + MARGIN)
    subject = shortened(subject, width - 2 * MARGIN, HEADING_LETTERS)
    sheet.write_centred(width / 2, 17, subject, HEADING_LETTERS)
    sheet.write_centred(width / 2, 40, title, TITLE_LETTERS)
    top = HEADING
    for row, head in zip(rows, heads, strict=True):
        top += head
        for column, (image, caption) in enumerate(zip(images[row], captions[row], strict=True)):
            left = MARGIN + column * (CELL + GAP)
            _draw_picture(sheet, image, left, top, caption.is_right)
            _write(sheet, caption, left + CELL / 2, top)
        top += CELL + foot + GAP
    return sheet.png()


def _draw_picture(sheet: Sheet, image: NDArray[np.uint8], left: int, top: int, is_right: bool) -> None:
    pixels = fitted(image, CELL)
    height, width = pixels.shape[:2]
    left += (CELL - width) // 2
    top += (CELL - height) // 2
    sheet.put(left, top, pixels)
    if not is_right:
        sheet.frame(left, top, width, height, FRAME, VERMILLION)


def _write(sheet: Sheet, caption: Caption, centre: float, top: int) -> None:
    for up, line in enumerate(reversed(caption.lines)):
        sheet.write_centred(
            centre,
            top - up * LINE - LINE / 2 - 2,
            line,
            LETTERS,
            BLUE if caption.is_right else VERMILLION,
            is_bold=not caption.is_right,
        )
    if caption.note:
        sheet.write_centred(centre, top + CELL + LINE / 2 + 2, caption.note, NOTE_LETTERS, GREY)


def fitted(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture as RGB, enlarged by the largest whole factor that fits into a square; a larger picture is reduced.

    Args:
        image: uint8, shape (height, width, 1 or 3), 0-255.
        side: side of the square, in pixels.
    """
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    height, width = rgb.shape[:2]
    factor = side // max(height, width)
    if factor:
        return enlarged(rgb, factor)
    shrink = side / max(height, width)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))
