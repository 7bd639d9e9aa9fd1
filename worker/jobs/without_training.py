"""What a job may do instead of training: each kind has a field of the plan, which is absent from all other plans."""

from pydantic import BaseModel, Field

from worker.imports.options import ImportedModel
from worker.patterns import REFERENCE_PATTERN
from worker.predictions.options import BulkPlan
from worker.recipe.exports import ExportOrder


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
    def upload(self) -> str | None:
        """Id of the job under which the store keeps what was sent with it, if anything was."""
        sent = self.imported or self.predictions
        return None if sent is None else sent.upload
