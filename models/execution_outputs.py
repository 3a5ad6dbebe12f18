"""The outputs of a graph execution as they are recorded."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.ids import NodeId
from models.values import Value


class RecordedOutputs(BaseModel):
    """What a run gave, large values still by reference.

    Attributes:
        kind: `graph` if the graph declares outputs; else `terminal`: the outputs of nodes without successors.
        graph: name of the output -> its values, by `route_seq`.
        terminal: node -> pin -> values, by `route_seq`.
        omitted: values left out after those that are there, because all of them would be too large.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["graph", "terminal"] = "graph"
    graph: dict[str, list[Value]] = Field(default_factory=dict[str, list[Value]])
    terminal: dict[NodeId, dict[str, list[Value]]] = Field(default_factory=dict[NodeId, dict[str, list[Value]]])
    omitted: int = 0
