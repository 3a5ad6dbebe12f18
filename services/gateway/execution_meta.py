"""A run as lists show it, and as every route answers that starts or ends one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from models.execution import ExecutionStats, ExecutionStatus, FailedNode, StarvedNode
from models.execution_records import GraphExecutionRecord
from models.values import Value, Values


class StatsOut(BaseModel):
    """Times in seconds, cost in credits. CPU times, status text and score are not measured."""

    cost: int
    duration: float
    duration_cpu_only: float | None = None
    node_exec_time: float
    node_exec_time_cpu_only: float | None = None
    node_exec_count: int
    node_error_count: int
    error: str | None
    activity_status: str | None = None
    correctness_score: float | None = None
    leftover_count: int
    omitted_outputs: int
    failed_nodes: list[FailedNode]
    starved_nodes: list[StarvedNode]


class GraphExecutionMetaOut(BaseModel):
    """A run in lists and as the answer to execute, stop and cancel. A large value is shown as a note of its size.

    `status_reason`: why it is REVIEW, `reviews` or `failed_nodes`; `paused_at` only while it is paused.
    """

    id: str
    user_id: str
    graph_id: str
    graph_version: int
    status: ExecutionStatus
    inputs: dict[str, Any] | None
    credential_inputs: dict[str, Any] | None = None
    nodes_input_masks: dict[str, Any] | None = None
    preset_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    is_shared: bool = False
    share_token: str | None = None
    is_dry_run: bool = False
    stats: StatsOut | None
    error: str | None
    error_message: str | None
    error_code: str | None
    status_reason: str | None = None
    paused_at: datetime | None = None


def meta_out(record: GraphExecutionRecord) -> GraphExecutionMetaOut:
    masks = record.nodes_input_masks
    return GraphExecutionMetaOut(
        **meta_fields(
            record,
            inputs=_shown(record.inputs),
            masks={node_id: _shown(pins) for node_id, pins in masks.items()} if masks else None,
        )
    )


def meta_fields(
    record: GraphExecutionRecord, *, inputs: Mapping[str, Any], masks: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What every form of a run holds; `inputs` and `masks` as this form shows their values."""
    return {
        **record.model_dump(exclude={"inputs", "nodes_input_masks", "outputs", "stats", "trigger"}),
        "inputs": dict(inputs),
        "nodes_input_masks": masks,
        "stats": _stats_out(record.stats) if record.stats else None,
        "error_message": record.error,
    }


def _stats_out(stats: ExecutionStats) -> StatsOut:
    return StatsOut(**stats.model_dump())


def _shown(values: Values) -> dict[str, Any]:
    return {name: _note_or_value(value) for name, value in values.items()}


def _note_or_value(value: Value) -> Any:
    return value.inline if value.ref is None else f"({value.ref.json_type} of {value.ref.size} bytes)"
