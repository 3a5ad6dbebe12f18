"""Presets as clients save, read and run them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from models.presets import Preset
from services.gateway.deps import MAX_VERSION
from services.gateway.pagination import Pagination
from services.gateway.text_fields import PlainName, RichDescription

MAX_ID: Final = 255


def _or_empty(value: object) -> object:
    return {} if value is None else value


JsonObject = Annotated[dict[str, Any], BeforeValidator(_or_empty)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]


class _In(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _LabelIn(_In):
    name: PlainName
    description: RichDescription = ""
    is_active: bool = True


class PresetIn(_LabelIn):
    """Values to be saved for a version of a graph; they need not be all that it takes."""

    graph_id: Id
    graph_version: Annotated[int, Field(ge=1, le=MAX_VERSION)]
    inputs: JsonObject = Field(default_factory=dict)
    credentials: JsonObject = Field(default_factory=dict)


class PresetOfRunIn(_LabelIn):
    """A run whose graph, version and inputs are to be saved."""

    graph_execution_id: Id


def _form_of(body: object) -> str:
    if isinstance(body, BaseModel):
        return "run" if isinstance(body, PresetOfRunIn) else "values"
    fields = cast("Mapping[str, object]", body) if isinstance(body, Mapping) else {}
    return "run" if fields.get("graph_execution_id") is not None else "values"


PresetBody = Annotated[
    Annotated[PresetIn, Tag("values")] | Annotated[PresetOfRunIn, Tag("run")], Discriminator(_form_of)
]


class PresetChangeIn(_In):
    """What is absent or null stays; `inputs` and `credentials` are replaced as a whole."""

    name: PlainName | None = None
    description: RichDescription | None = None
    inputs: dict[str, Any] | None = None
    credentials: dict[str, Any] | None = None
    is_active: bool | None = None


class ExecutePresetIn(_In):
    """Values that win over those of the preset, each by its name."""

    inputs: JsonObject = Field(default_factory=dict)
    credential_inputs: JsonObject = Field(
        default_factory=dict, validation_alias=AliasChoices("credential_inputs", "credentials_inputs")
    )


class PresetOut(BaseModel):
    """`webhook_id` and `webhook` are null: nothing but a caller runs a preset."""

    id: str
    user_id: str
    graph_id: str
    graph_version: int
    name: str
    description: str
    inputs: dict[str, Any]
    credentials: dict[str, Any]
    is_active: bool
    created_at: datetime
    updated_at: datetime
    webhook_id: str | None = None
    webhook: dict[str, Any] | None = None


class PresetPageOut(BaseModel):
    presets: list[PresetOut]
    pagination: Pagination


def preset_out(preset: Preset) -> PresetOut:
    return PresetOut(**preset.model_dump())
