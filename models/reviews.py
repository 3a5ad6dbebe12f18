"""Reviews and awaited events, as they are stored and shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.ids import NodeExecId, NodeId
from models.values import Value


class ReviewStatus(StrEnum):
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


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
