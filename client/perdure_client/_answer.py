"""What all answers of the gateway have in common."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Immutable. Fields that a newer gateway adds are kept, and appear in `model_dump`."""

    model_config = ConfigDict(extra="allow", frozen=True)
