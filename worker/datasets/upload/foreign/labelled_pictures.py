"""Collects pictures with their labels, and writes them into a zip with a table of labels beside them.

Labels are data there, not names of folders, so that `T-shirt/top` stays what it is.
"""

import csv
import io

from worker.datasets.upload.entry_paths import path_parts
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.report import Split
from worker.datasets.upload.tables.label_tables import MAX_TABLE_BYTES

TABLE = "labels.csv"
FOLDER = "pictures"


class LabelledPictures:
    """Pictures on their way into a zip.

    Args:
        target: receives the pictures and, at the end, the table.
    """

    def __init__(self, target: BoundedZip) -> None:
        self._target = target
        self._table = io.StringIO(newline="")
        self._rows = csv.writer(self._table)
        self._rows.writerow(["filename", "label", "split"])
        self._n_bytes = 0

    def add(self, name: str, picture: bytes, label: str, split: Split | None) -> None:
        """Write a picture.

        Args:
            name: of its file, without a folder.
            picture: a picture file.
            label: of any text; most rules for labels are checked when the zip is read.
            split: that it belongs to, if that is known.

        Raises:
            ArchiveRejected: there are too many pictures or bytes, or the label is like a path that leads elsewhere.
            OSError: the disk has too little free space.
        """
        path_parts(label)
        path = f"{FOLDER}/{name}"
        self._rows.writerow([path, label, split or ""])
        self._n_bytes += len(f"{path},{label},{split or ''}\r\n".encode())
        if self._n_bytes > MAX_TABLE_BYTES:
            raise ArchiveRejected("The tables have too many rows, or too long labels, for one dataset.")
        self._target.add(path, io.BytesIO(picture), len(picture))

    def finish(self) -> None:
        """Write the table."""
        data = self._table.getvalue().encode()
        self._target.add(TABLE, io.BytesIO(data), len(data))
