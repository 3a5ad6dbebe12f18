"""Executions as clients start and read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.execution import ExecutionStats, ExecutionStatus, FailedNode, StarvedNode
from models.execution_records import GraphExecutionRecord
from models.pages import Page, PageRequest
from models.values import Value
from models.wire import NodeRecord


def _or_empty(value: object) -> object:
    return {} if value is None else value


class ExecuteIn(BaseModel):
    """Inputs by name; names that the graph does not declare are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)
    credentials_inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)


class Pagination(BaseModel):
    total_items: int
    total_pages: int
    current_page: int
    page_size: int


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
    """A run in lists and as the answer to execute, stop and cancel. A large input is shown as a note of its size."""

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


class GraphExecutionPageOut(BaseModel):
    executions: list[GraphExecutionMetaOut]
    pagination: Pagination


class NodeExecutionOut(BaseModel):
    """One firing of a node, values in full."""

    user_id: str
    graph_id: str
    graph_version: int
    graph_exec_id: str
    node_exec_id: str
    node_id: str
    block_id: str
    status: ExecutionStatus
    input_data: dict[str, Any]
    output_data: dict[str, list[Any]]
    add_time: datetime
    queue_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    execution_time: float | None
    route_seq: int
    error: str | None
    error_code: str | None


class NodeExecutionPageOut(BaseModel):
    """Node executions in the order of routing; `next_node_cursor` goes into `after` for those that follow."""

    node_executions: list[NodeExecutionOut]
    node_executions_total: int
    next_node_cursor: str | None


class GraphExecutionOut(GraphExecutionMetaOut):
    """A run with its values in full and its node executions, or as many of them as fit into one answer."""

    temporal_url: str | None
    """The run in the Temporal Web UI, where its address is known."""
    outputs: dict[str, Any]
    node_executions: list[NodeExecutionOut]
    node_executions_total: int
    next_node_cursor: str | None


class NodeResultOut(BaseModel):
    node_id: str
    block_id: str
    status: ExecutionStatus
    input: dict[str, Any]
    output: dict[str, list[Any]]
    error: str | None


class ResultsOut(BaseModel):
    """What a run has given so far; final once `status` is."""

    execution_id: str
    status: ExecutionStatus
    outputs: dict[str, Any]
    nodes: list[NodeResultOut]
    next_node_cursor: str | None
    error: str | None


def meta_out(record: GraphExecutionRecord) -> GraphExecutionMetaOut:
    return GraphExecutionMetaOut(**meta_fields(record, inputs={k: _shown(v) for k, v in record.inputs.items()}))


def meta_fields(record: GraphExecutionRecord, *, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **record.model_dump(exclude={"inputs", "outputs", "stats", "trigger"}),
        "inputs": dict(inputs),
        "stats": _stats_out(record.stats) if record.stats else None,
        "error_message": record.error,
    }


def page_out(found: Page[GraphExecutionRecord], page: PageRequest) -> GraphExecutionPageOut:
    return GraphExecutionPageOut(
        executions=[meta_out(record) for record in found.items],
        pagination=Pagination(
            total_items=found.total_items,
            total_pages=-(-found.total_items // page.page_size),
            current_page=page.page,
            page_size=page.page_size,
        ),
    )


def node_out(
    run: GraphExecutionRecord, record: NodeRecord, *, inputs: dict[str, Any], outputs: dict[str, list[Any]]
) -> NodeExecutionOut:
    return NodeExecutionOut(
        user_id=run.user_id,
        graph_id=run.graph_id,
        graph_version=run.graph_version,
        graph_exec_id=run.id,
        node_exec_id=record.node_exec_id,
        node_id=record.node_id,
        block_id=record.block_id,
        status=record.status,
        input_data=inputs,
        output_data=outputs,
        add_time=record.queued_at or record.started_at or run.created_at,
        queue_time=record.queued_at,
        start_time=record.started_at,
        end_time=record.ended_at,
        execution_time=record.execution_time,
        route_seq=record.route_seq,
        error=record.error,
        error_code=record.error_code,
    )


def _stats_out(stats: ExecutionStats) -> StatsOut:
    return StatsOut(**stats.model_dump())


def _shown(value: Value) -> Any:
    return value.inline if value.ref is None else f"({value.ref.json_type} of {value.ref.size} bytes)"
