"""Which versions can share an alias: those whose answers mean the same to its clients."""

from model_store import Split
from service.models.index import ModelEntry
from service.web.split_errors import SplitInvalid


def require_fit(entry: ModelEntry, version: int, split: Split) -> None:
    """Check a canary and a shadow before an alias gets them.

    Classes and their order must be the same, because clients read indices and columns of probabilities. So must the
    input shape: clients of the Open Inference Protocol and of TensorFlow Serving send tensors of the shape that the
    alias shows, and a shadow gets the same pixels.

    Raises:
        VersionNotFound, ArtifactCorrupt: there is no such version, or it is damaged.
        SplitInvalid: it is the version itself, or does not fit it.
    """
    if not any(split):
        return
    stable = entry.version(version)
    for role, number in split.roles():
        other = entry.version(number)
        if number == version:
            raise SplitInvalid(role, number, "expected another version than the one that the alias is to point at")
        if other.classes != stable.classes:
            raise SplitInvalid(
                role,
                number,
                f"its classes are not those of version {version}; expected the same {len(stable.classes)} labels in "
                f"the same order, got {len(other.classes)} labels",
            )
        if other.input_shape != stable.input_shape:
            expected, got = ("x".join(map(str, each.input_shape)) for each in (stable, other))
            raise SplitInvalid(role, number, f"expected the input shape of version {version}, {expected}, got {got}")
