"""Names of files as answers show them."""

import pytest

from service.predict.encoded_pictures import MAX_FILENAME
from service.predict.uploads import shown_filename


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, None),
        ("", None),
        ("a b.png", "a b.png"),
        ("../up/a.png", "a.png"),
        ("C:\\pictures\\a.png", "a.png"),
        ("directory/", None),
        ("a\x1b[2J\n.png", "a[2J.png"),
        ("\x00", None),
        ("schön.png", "schön.png"),
        ("a\udc80.png", "a.png"),
        ("x" * MAX_FILENAME + ".png", "x" * MAX_FILENAME),
        ("d/" + "x" * (MAX_FILENAME + 1), "x" * MAX_FILENAME),
    ],
)
def test_the_last_part_is_shown_without_what_is_not_printable(sent: str | None, shown: str | None) -> None:
    assert shown_filename(sent) == shown
