"""What a job may do instead of training: each kind has a field of the plan, which is absent from all other plans."""

from collections.abc import Mapping

from pydantic import BaseModel, Field, JsonValue

from worker.imports.options import ImportedModel
from worker.patterns import REFERENCE_PATTERN
from worker.predictions.options import BulkPlan
from worker.recipe.exports import ExportOrder

NO_TRAINING: Mapping[str, JsonValue] = {
    "epochs": 1,
    "batch_size": 1,
    "optimizer": {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0},
    "validation": "test",
    "seed": 0,
    "train_samples": 1,
}
"""Values of the fields that every plan must have, for plans in which they mean nothing."""


class WithoutTraining(BaseModel, defer_build=True):
    """Work that trains nothing; one of them at most."""

    export: ExportOrder | None = Field(
        default=None,
        exclude_if=lambda export: export is None,
        description="Version to export to another format; trains nothing.",
    )
    record: str | None = Field(
        default=None,
        pattern=REFERENCE_PATTERN,
        exclude_if=lambda record: record is None,
        description="Version, as `name/version`, to record; trains nothing.",
    )
    imported: ImportedModel | None = Field(
        default=None,
        exclude_if=lambda imported: imported is None,
        description="File to import; trains nothing, so that the fields of a training mean nothing.",
    )
    predictions: BulkPlan | None = Field(
        default=None,
        exclude_if=lambda predictions: predictions is None,
        description="Pictures to classify; trains nothing either.",
    )

    @property
    def version_read(self) -> str | None:
        """The published version, as `name/version`, that the job reads; None if it reads none."""
        if self.export is not None:
            return self.export.version
        return self.record if self.predictions is None else self.predictions.version

    @property
    def upload(self) -> str | None:
        """Id of the job under which the store keeps what was sent with it, if anything was."""
        sent = self.imported or self.predictions
        return None if sent is None else sent.upload
