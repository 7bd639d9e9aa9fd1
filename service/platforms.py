"""Settings that a cloud gives to a container by variables of its own: Vertex AI's `AIP_…` and SageMaker's port.

They take precedence over `CONVSERVE_…`: an image has those from its maker, and the platform asks at its own port.
"""

import os
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

VARIABLES = {
    "port": ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"),
    "vertex_health_route": ("AIP_HEALTH_ROUTE",),
    "vertex_predict_route": ("AIP_PREDICT_ROUTE",),
}
"""By setting, the variables that set it; the first one that is not empty counts."""


class PlatformSettings(PydanticBaseSettingsSource):
    """Reads the variables of the platforms."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one setting, if a platform gives one."""
        found = (os.environ.get(variable) for variable in VARIABLES.get(field_name, ()))
        return next((value for value in found if value), None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every setting that a platform gives."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self._fields().items()}
        return {name: value for name, value in values.items() if value is not None}

    def _fields(self) -> dict[str, FieldInfo]:
        return {name: field for name, field in self.settings_cls.model_fields.items() if name in VARIABLES}
