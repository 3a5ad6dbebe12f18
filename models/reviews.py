"""Reviews and awaited events, as they are stored and shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.values import Value


class ReviewStatus(StrEnum):
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class AwaitedEventStatus(StrEnum):
    """DELIVERED: it came. EXPIRED: not in time. ENDED: it is not awaited any more."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    EXPIRED = "EXPIRED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A review that begins. `payload`: what the reviewer decides about."""

    node_exec_id: NodeExecId
    generation: int
    node_id: NodeId
    payload: Value
    instructions: str
    editable: bool
    expires_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """A wait for an event that begins. `token_hash`: SHA-256 in hex of the single-use token that delivers it.

    `schema`: JSON Schema that the payload must satisfy; None takes any JSON.
    """

    node_exec_id: NodeExecId
    generation: int
    node_id: NodeId
    name: str
    token_hash: str
    schema: dict[str, Any] | None
    expires_at: datetime | None
    at: datetime


class Review(BaseModel):
    """A review as it is stored. `reviewed_data`: what the reviewer made of the payload; None if nothing."""

    model_config = ConfigDict(frozen=True)

    node_exec_id: NodeExecId
    generation: int
    graph_exec_id: GraphExecId
    node_id: NodeId
    user_id: UserId
    graph_id: GraphId
    graph_version: int
    payload: Value
    instructions: str
    editable: bool
    status: ReviewStatus
    review_message: str | None = None
    reviewed_data: Value | None = None
    was_edited: bool | None = None
    decided_by: str | None = None
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    reviewed_at: datetime | None = None


class AwaitedEvent(BaseModel):
    """A wait for an event as it is stored. `payload_schema`: JSON Schema of what may be delivered; None takes all."""

    model_config = ConfigDict(frozen=True)

    node_exec_id: NodeExecId
    generation: int
    graph_exec_id: GraphExecId
    node_id: NodeId
    user_id: UserId
    name: str
    payload_schema: dict[str, Any] | None = None
    expires_at: datetime | None = None
    status: AwaitedEventStatus
    created_at: datetime
