"""Says of a stored record that does not parse whether a newer version of the program has written it.

Records carry a format number. It does not say what is in a record.
"""

import json
from typing import get_args

from pydantic import BaseModel


def why_not(data: bytes, kind: type[BaseModel]) -> str:
    """The reason why data are no record of this kind.

    Args:
        data: JSON, or anything else.
        kind: a model with a field `format` that is a literal.
    """
    known = max(get_args(kind.model_fields["format"].annotation))
    try:
        found = json.loads(data)["format"]
    except (ValueError, TypeError, KeyError):
        return "it does not parse"
    if isinstance(found, int) and found > known:
        return (
            f"it does not parse: it has format {found}, which a newer version of convserve has written, and this one "
            f"reads formats up to {known}: upgrade this process"
        )
    return "it does not parse"
