"""What can be missing from a version that is asked about the trust in its answers."""


class TrustNotRecorded(Exception):
    """A version that has not recorded how far its answers can be trusted."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        super().__init__(f"Version {version} of {model!r} has not recorded this: {reason}.")
