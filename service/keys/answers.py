"""What the routes say about keys, and what they take. The key itself is in one answer only: that of its creation."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from model_store import KeyRecord
from model_store.names import MODEL_PATTERN
from service.keys.callers import KeyScope
from service.settings import QuotaName


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        pattern=MODEL_PATTERN,
        description="Whose key it is. What is made with the key belongs to this name.",
        examples=["ada"],
    )
    scope: KeyScope = Field(description="What the key may do; each scope contains the ones before it.")
    expires: str | None = Field(
        default=None,
        max_length=40,
        description="When the key ends: a duration such as `12h`, `30d` or `8w`, or a moment such as "
        "`2027-01-31T12:00:00Z`; never by default.",
        examples=["30d"],
    )
    limits: dict[QuotaName, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="Limits of this key that differ from those of its scope, see `CONVSERVE_QUOTAS`.",
        examples=[{"jobs": 20}],
    )


class Key(BaseModel, defer_build=True):
    """A key, without the key itself."""

    name: str = Field(description="Owner of what is made with the key.", examples=["ada"])
    scope: str = Field(description="`predict`, `read`, `train` or `admin`.", examples=["train"])
    state: Literal["active", "expired", "revoked"] = Field(description="Only an active key opens anything.")
    created_at: AwareDatetime
    created_by: str = Field(description="Name of the key that made it; `local` for the command line.")
    expires_at: AwareDatetime | None = Field(description="Null: never.")
    revoked_at: AwareDatetime | None
    limits: dict[str, float] = Field(description="Where they differ from those of the scope.")


class CreatedKey(Key):
    """A key that has just been made."""

    key: str = Field(description="The key. It is shown this once, and stored nowhere.", examples=["cvs_…"])


class KeyList(BaseModel, defer_build=True):
    """All keys, by name; of each name the newest."""

    keys: list[Key]


def key_answer(record: KeyRecord, now: datetime) -> Key:
    """What is told about a key."""
    return Key(state=_state(record, now), **_facts(record))


def created_answer(record: KeyRecord, token: str, now: datetime) -> CreatedKey:
    """What is told once, about a key that has just been made."""
    return CreatedKey(state=_state(record, now), key=token, **_facts(record))


def _state(record: KeyRecord, now: datetime) -> Literal["active", "expired", "revoked"]:
    if record.revoked_at is not None:
        return "revoked"
    return "active" if record.is_in_force(now) else "expired"


def _facts(record: KeyRecord) -> dict[str, object]:
    return record.model_dump(include=set(Key.model_fields) - {"state"})
