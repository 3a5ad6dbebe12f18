"""What programs send to the external API, and what it answers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.execution import ExecutionStatus
from models.users import User
from services.gateway.features.executions.schemas import NodeResultOut, ResultsOut


def _or_empty(value: object) -> object:
    return {} if value is None else value


class ExternalUserOut(BaseModel):
    id: str
    name: str | None
    email: str
    timezone: str


class ExternalExecuteIn(BaseModel):
    """`node_input`: the values of the graph's inputs, by their names."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    node_input: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)


class ExternalRunOut(BaseModel):
    id: str


class ExternalNodeOut(BaseModel):
    """`input` is the value of the pin `value` if there is one, else all inputs by pin; `output`: values by pin."""

    node_id: str
    input: Any
    output: dict[str, list[Any]]


class ExternalResultsOut(BaseModel):
    """`output`: each output value by its name, in order; null unless the run is COMPLETED."""

    execution_id: str
    status: ExecutionStatus
    nodes: list[ExternalNodeOut]
    output: list[dict[str, Any]] | None
    next_node_cursor: str | None = None


def external_user_out(user: User) -> ExternalUserOut:
    return ExternalUserOut(id=user.id, name=user.name, email=user.email, timezone=user.timezone)


def external_results_out(results: ResultsOut) -> ExternalResultsOut:
    ended = results.status is ExecutionStatus.COMPLETED
    return ExternalResultsOut(
        execution_id=results.execution_id,
        status=results.status,
        nodes=[_node_out(node) for node in results.nodes],
        output=list(_flat(results.outputs)) if ended else None,
        next_node_cursor=results.next_node_cursor,
    )


def _node_out(node: NodeResultOut) -> ExternalNodeOut:
    return ExternalNodeOut(node_id=node.node_id, input=node.input.get("value", node.input), output=node.output)


def _flat(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, values in outputs.items():
        for value in values if isinstance(values, list) else [values]:
            yield {name: value}
