"""Running another graph as a node."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from pydantic import ConfigDict

from models.blocks import (
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockInput,
    BlockKind,
    Emission,
    ExecutorKind,
    OutputWithoutError,
    WaitingBlock,
    pin,
)
from models.errors import BlockError
from models.ids import AGENT_EXECUTOR_BLOCK_ID, GraphId
from models.pins import ERROR_PIN
from models.waits import AgentEnded, RunAgent, WaitEnd


class AgentExecutorInput(BlockInput):
    """Further pins are the inputs of the graph that runs."""

    model_config = ConfigDict(extra="allow")

    user_id: str = pin(description="Owner; always the one who runs this graph")
    graph_id: str = pin(description="Graph to run")
    graph_version: int = pin(description="Version of that graph")
    agent_name: str | None = pin(None, description="What the console shows as its name")
    inputs: dict[str, Any] = pin(description="Inputs that are not linked")
    input_schema: dict[str, Any] = pin(description="JSON Schema of the graph's inputs, which are the input pins")
    output_schema: dict[str, Any] = pin(description="JSON Schema of the graph's outputs, which are the output pins")
    nodes_input_masks: dict[str, Any] | None = pin(
        None, hidden=True, description="Node of that graph -> pin -> value that replaces whatever arrives there"
    )


class AgentExecutorOutput(OutputWithoutError):
    """The pins are the outputs of the graph that runs."""


class AgentExecutorBlock(WaitingBlock[AgentExecutorInput]):
    """Emits what the graph's OUTPUT nodes emitted, in their order, once it has ended. If it failed or was stopped, the
    node fails after that, too."""

    id = AGENT_EXECUTOR_BLOCK_ID
    description = "Runs another of your agents as a step of this one."
    Input = AgentExecutorInput
    Output = AgentExecutorOutput
    categories = (BlockCategory.AGENT,)
    kind = BlockKind.AGENT
    executor = ExecutorKind.CHILD
    effect = BlockEffect.READ

    async def run(self, input: AgentExecutorInput, context: BlockContext) -> AsyncIterator[Emission]:
        raise BlockError("An agent runs only as a node of a graph. Execute its graph instead.")
        yield "", None

    async def plan_wait(self, input: AgentExecutorInput, context: BlockContext) -> RunAgent:
        return RunAgent(
            graph_id=GraphId(input.graph_id),
            graph_version=input.graph_version,
            inputs={**input.inputs, **(input.model_extra or {})},
            masks=_masks(input.nodes_input_masks),
        )

    async def resume(self, input: AgentExecutorInput, end: WaitEnd, context: BlockContext) -> AsyncIterator[Emission]:
        assert isinstance(end, AgentEnded)
        async for name, value in end.outputs:
            yield name, value
        if end.status != "COMPLETED":
            raise BlockError(f"The sub-agent ended {end.status}: {end.error or 'no reason was given'}")

    @classmethod
    def required_pins(cls, input_default: Mapping[str, Any]) -> tuple[str, ...]:
        """Its own pins, and what the graph requires and `inputs` does not hold."""
        own = super().required_pins(input_default)
        given = input_default.get("inputs")
        constants = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        required = _schema(input_default, "input_schema").get("required")
        names = cast("list[Any]", required) if isinstance(required, list) else []
        return (*own, *(str(name) for name in names if constants.get(str(name)) is None))

    @classmethod
    def has_input_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        return pin_name in cls.Input.model_fields or pin_name in _properties(input_default, "input_schema")

    @classmethod
    def has_output_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        return pin_name == ERROR_PIN or pin_name in _properties(input_default, "output_schema")


def _schema(input_default: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    schema = input_default.get(name)
    return cast("Mapping[str, Any]", schema) if isinstance(schema, dict) else {}


def _properties(input_default: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    properties = _schema(input_default, name).get("properties")
    return cast("Mapping[str, Any]", properties) if isinstance(properties, dict) else {}


def _masks(given: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {
        node_id: cast("Mapping[str, Any]", pins) for node_id, pins in (given or {}).items() if isinstance(pins, dict)
    }
