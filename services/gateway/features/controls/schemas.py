"""What people do to running executions."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from models.controls import ControlAction, ControlAnswer, ControlRecord

MAX_REASON: Final = 500
MAX_OUTPUTS: Final = 50_000
MAX_SECONDS: Final = 10 * 365 * 86_400.0

Id = Annotated[str, Field(min_length=1, max_length=255)]
Reason = Annotated[str, Field(max_length=MAX_REASON)]


class ReasonIn(BaseModel):
    """Why, for whoever looks at the run later."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reason: Reason = ""


class OutputsIn(ReasonIn):
    """What a node execution emits instead of its block: values by pin, or [pin, value] pairs in their order."""

    outputs: (
        Annotated[dict[str, Annotated[list[Any], Field(max_length=MAX_OUTPUTS)]], Field(fail_fast=True)]
        | Annotated[list[tuple[str, Any]], Field(fail_fast=True, max_length=MAX_OUTPUTS)]
    )

    def emissions(self) -> "Iterator[tuple[str, Any]]":
        if isinstance(self.outputs, list):
            yield from self.outputs
            return
        for pin, values in self.outputs.items():
            for value in values:
                yield pin, value


class DeadlineIn(BaseModel):
    """A new deadline: `until` an instant, or `timeout_seconds` from now.

    Of the run; with `node_exec_id` of what that waits for; with `node_id` of each further attempt of that node, which
    takes `timeout_seconds` only.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    until: AwareDatetime | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = None
    node_exec_id: Id | None = None
    node_id: Id | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.until is None) == (self.timeout_seconds is None):
            raise ValueError("give either `until` or `timeout_seconds`")
        if self.node_id is not None and (self.node_exec_id is not None or self.timeout_seconds is None):
            raise ValueError("`node_id` goes with `timeout_seconds` only")
        return self


class ControlOut(BaseModel):
    """The node executions that were affected."""

    node_exec_ids: list[str]


class ControlRecordOut(BaseModel):
    """Who did what to an execution."""

    id: str
    action: ControlAction
    at: datetime
    requested_by: str
    node_exec_id: str | None
    details: dict[str, Any]


def control_out(answer: ControlAnswer) -> ControlOut:
    return ControlOut(node_exec_ids=list(answer.node_exec_ids))


def control_record_out(record: ControlRecord) -> ControlRecordOut:
    return ControlRecordOut(**record.model_dump())
