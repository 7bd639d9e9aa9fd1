"""What can be wrong with the aliases that are computed."""

from model_store import AliasNotFound


class ComputedAlias(AliasNotFound):
    """`best` and `latest` have no history: they are computed."""

    def __init__(self, model: str, alias: str) -> None:
        super().__init__(model, alias)
        self.args = (f"the alias {alias!r} of model {model!r} is computed and has no history",)
