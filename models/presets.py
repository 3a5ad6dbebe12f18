"""Presets: values saved under a name, with which one version of a graph can be run again and again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.ids import GraphId, PresetId, UserId


class Preset(BaseModel):
    """`inputs` and `credentials` map names to JSON values. An inactive preset is kept, but not run."""

    model_config = ConfigDict(frozen=True)

    id: PresetId
    user_id: UserId
    graph_id: GraphId
    graph_version: int
    name: str
    description: str = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)
    is_active: bool = True
    created_at: datetime
    updated_at: datetime

    def inputs_under(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a run: what is given wins by name; null takes a value away."""
        return {**self.inputs, **given}

    def credentials_under(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """As `inputs_under`, for credentials."""
        return {**self.credentials, **given}


class PresetChange(BaseModel):
    """What is None stays as it is."""

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    description: str | None = None
    inputs: dict[str, Any] | None = None
    credentials: dict[str, Any] | None = None
    is_active: bool | None = None
