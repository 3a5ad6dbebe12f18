"""Events from outside that runs wait for."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.reviews import AwaitedEvent


class EventIn(BaseModel):
    """`node_exec_id`: who gets it, if several wait for an event of this name; else the one that has waited longest."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    payload: Any = None
    node_exec_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class EventDeliveredOut(BaseModel):
    """The node execution that got the event."""

    node_exec_id: str


class AwaitedEventOut(BaseModel):
    """`payload_schema`: JSON Schema that the payload must satisfy; null takes all."""

    node_exec_id: str
    node_id: str
    graph_exec_id: str
    name: str
    payload_schema: dict[str, Any] | None
    expires_at: datetime | None
    created_at: datetime


def awaited_event_out(event: AwaitedEvent) -> AwaitedEventOut:
    return AwaitedEventOut(**event.model_dump(exclude={"user_id", "generation", "status"}))
