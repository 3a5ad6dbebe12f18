"""The ExecutionPlan: a graph version compiled for the engine. It is the input of the workflow, so it is a wire format.

Everything the workflow needs is in it: the workflow never reads the block registry, because a block that changes must
not break the replay of a running history. It carries no secret.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.blocks import BlockKind, ExecutorKind
from models.ids import BlockId, GraphId, LinkId, NodeId
from models.values import Value

PLAN_FORMAT = 1

MAX_PLAN_BYTES = 1_572_864
"""1.5 MiB: a Temporal payload may have 2 MiB, and the inputs travel beside the plan."""

MAX_NODES = 5_000


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PlanRetry(_Wire):
    max_attempts: int = 1
    initial_seconds: float = 1.0
    backoff: float = 2.0
    max_seconds: float = 60.0


class PlanReview(_Wire):
    """How long a review of this node may take, what happens then, and when reviewers are reminded."""

    expires_after_seconds: float | None = None
    on_expiry: Literal["reject", "approve", "fail"] = "reject"
    remind_after_seconds: tuple[float, ...] = ()


class PlanPinned(_Wire):
    """One output that stands in for the block's: its pin, its value, and the parts dynamic links take."""

    pin: str
    value: Value
    selected: dict[str, Value] = Field(default_factory=dict[str, Value])


class PlanBlock(_Wire):
    """What all nodes of one block share."""

    name: str
    kind: BlockKind = BlockKind.STANDARD
    executor: ExecutorKind = ExecutorKind.ACTIVITY


class PlanLink(_Wire):
    id: LinkId
    source_name: str
    sink_id: NodeId
    sink_name: str
    is_static: bool = False


class PlanNode(_Wire):
    """One node, ready to run.

    Attributes:
        defaults: constants of pins; a linked pin never falls back to its constant.
        masks: values that override whatever arrives on a pin; a masked pin counts as present.
        linked_pins: distinct sink names of inbound links, in the order of the graph's links.
        static_pins: those of `linked_pins` that are fed by at least one static link.
        links: outbound links in the order in which values travel over them.
        is_start: fires once when the run begins.
        graph_pin: for INPUT and OUTPUT nodes, the name of the graph's input or output.
        pinned: emitted in this order instead of running the block; only in test runs.
    """

    id: NodeId
    block_id: BlockId
    title: str
    defaults: dict[str, Value] = Field(default_factory=dict[str, Value])
    masks: dict[str, Value] = Field(default_factory=dict[str, Value])
    linked_pins: tuple[str, ...] = ()
    static_pins: tuple[str, ...] = ()
    links: tuple[PlanLink, ...] = ()
    is_start: bool = False
    graph_pin: str | None = None
    retry: PlanRetry = PlanRetry()
    timeout_seconds: float = 1800.0
    review: PlanReview | None = None
    pinned: tuple[PlanPinned, ...] | None = None


class ExecutionPlan(_Wire):
    format: int = PLAN_FORMAT
    graph_id: GraphId
    graph_version: int
    graph_name: str
    blocks: dict[BlockId, PlanBlock]
    nodes: tuple[PlanNode, ...]

    @property
    def size_bytes(self) -> int:
        return len(self.model_dump_json(exclude_unset=True))
