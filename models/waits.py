"""Waiting for time, people, events and other agents: what a block asks for, how it is carried out, and how it ends.

A block that waits does not run meanwhile: `Block.plan_wait` says what it waits for, the workflow waits, and
`Block.resume` says what it emits then.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from models.ids import GraphExecId, GraphId
from models.json_values import StorableText
from models.values import Value
from models.wire_model import Tagged, Wire

LONGEST_WAIT = timedelta(days=3660)
"""No wait may end later: a date that no calendar holds must not get into a record."""

Emissions = tuple[tuple[str, Any], ...]

# --- what a block asks for --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoWait:
    """There is nothing to wait for: the block emits at once."""

    emissions: Emissions


@dataclass(frozen=True, slots=True)
class Delay:
    """Emits `emissions` at `first_at` and, if `count` is more than 1, again every `every_seconds`."""

    first_at: datetime
    emissions: Emissions
    count: int = 1
    every_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AskForReview:
    """A person decides about `data`; `instructions` is what the reviewer reads."""

    data: Any
    instructions: str = ""
    editable: bool = True


@dataclass(frozen=True, slots=True)
class AwaitEvent:
    """An event of this name, delivered by the API. `schema`: JSON Schema that its payload must satisfy.

    `emit_token`: pin on which the single-use token is emitted before the wait begins; None keeps it to the API.
    """

    name: str
    schema: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    emit_token: str | None = None


@dataclass(frozen=True, slots=True)
class RunAgent:
    """Another graph of the same owner runs with these inputs. `masks`: node id -> pin -> value."""

    graph_id: GraphId
    graph_version: int | None
    inputs: Mapping[str, Any]
    masks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


WaitRequest = NoWait | Delay | AskForReview | AwaitEvent | RunAgent

# --- how a wait ends, as `Block.resume` sees it -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """A reviewer has decided; `data` is as approved or rejected, perhaps edited."""

    approved: bool
    data: Any
    message: str = ""
    was_edited: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The event has come."""

    payload: Any


@dataclass(frozen=True, slots=True)
class Expired:
    """Nothing came in time."""


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """The other run is over. `outputs`: (name, value) of its OUTPUT nodes, in the order of their routing."""

    status: str
    error: str | None
    outputs: AsyncIterator[tuple[str, Any]]


WaitEnd = Decided | Delivered | Expired | AgentEnded

# --- how the workflow carries it out ----------------------------------------------------------------------------


class TimerWait(Tagged):
    """Ticks at `fires_at`, then every `every_seconds`, `count` times in all."""

    kind: Literal["timer"] = "timer"
    fires_at: datetime
    count: int = 1
    every_seconds: float = 0.0


class ReviewWait(Tagged):
    """`on_expiry`: what counts as decided when nobody has by then; `remind_at` in ascending order."""

    kind: Literal["review"] = "review"
    editable: bool = True
    expires_at: datetime | None = None
    on_expiry: Literal["reject", "approve", "fail"] = "reject"
    remind_at: tuple[datetime, ...] = ()


class EventWait(Tagged):
    kind: Literal["event"] = "event"
    name: str
    expires_at: datetime | None = None


class ChildWait(Tagged):
    """The run of another graph, which begins by compiling its plan. `masks`: node id -> pin -> value."""

    kind: Literal["child"] = "child"
    graph_exec_id: GraphExecId
    graph_id: GraphId
    graph_version: int
    graph_name: str
    inputs: dict[str, Value] = Field(default_factory=dict[str, Value])
    masks: dict[str, dict[str, Value]] = Field(default_factory=dict[str, dict[str, Value]])


Wait = Annotated[TimerWait | ReviewWait | EventWait | ChildWait, Field(discriminator="kind")]


class ChildFinished(Wire):
    """Signal `child_finished` to the parent: how a run that a node has started ended."""

    graph_exec_id: GraphExecId
    status: str
    error: StorableText | None = None
    cost: int = 0
    node_exec_count: int = 0


class Resolution(Wire):
    """How a wait ended.

    Attributes:
        data: the edited data of a review, or the payload of an event; None if there is none.
        has_data: `data` counts, even if it is null.
    """

    kind: Literal["approved", "rejected", "expired", "event", "child"]
    data: Value | None = None
    has_data: bool = False
    message: StorableText = ""
    by: str = ""
    at: datetime | None = None
    child: ChildFinished | None = None


class Resumption(Wire):
    """A node execution goes on after its wait. `attempt`: the one that began the wait."""

    wait: Wait
    resolution: Resolution
    attempt: int = 1


class WaitShown(Wire):
    """What people see of a wait: in the node's row, in events, in the API."""

    kind: str
    until: datetime | None = None
    name: str | None = None
    graph_exec_id: GraphExecId | None = None
