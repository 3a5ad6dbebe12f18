"""The base of everything that travels through Temporal."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """Frozen; unknown fields are ignored, so that a newer writer does not stop an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")
