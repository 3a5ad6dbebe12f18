"""What a caller wants run, and the idempotency key under which they want it run once."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from models.errors import GraphValidationError, InvalidRequestError
from models.graph import Graph
from models.ids import GraphExecId, GraphId, PresetId, UserId, graph_exec_id_for_key
from models.json_values import dump_json
from models.presets import Preset
from services.gateway.json_bodies import JsonLimits

MAX_INPUT_KEYS: Final = 1_000
INPUT_LIMITS: Final = JsonLimits(max_depth=10, max_keys=MAX_INPUT_KEYS)


class RunRequest(BaseModel):
    """A graph, by default its active version, and the values to run it with.

    Attributes:
        preset_id: whose values hold where the request gives none.
        inputs: by name; names that the graph does not declare are ignored.
        nodes_input_masks: node id -> pin -> value, instead of whatever arrives at that pin or is its constant; also
            for nodes of the graphs that run inside.
        hold_on_failure: over the setting of the graph; None leaves that.
        timeout_seconds: how long the run may take.
        test: pinned outputs count.
        pinned_outputs: node id -> (pin, value) in the order of emission, instead of running the node's block.
    """

    model_config = ConfigDict(frozen=True)

    graph_id: GraphId
    version: int | None = None
    preset_id: PresetId | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    credentials_inputs: dict[str, Any] = Field(default_factory=dict)
    nodes_input_masks: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    hold_on_failure: bool | None = None
    timeout_seconds: float | None = None
    test: bool = False
    pinned_outputs: dict[str, tuple[tuple[str, Any], ...]] = Field(
        default_factory=dict[str, tuple[tuple[str, Any], ...]]
    )

    def over(self, preset: Preset) -> "RunRequest":
        """The request with the values of a preset under its own.

        Raises:
            InvalidRequestError: both together are more than a run may get.
        """
        merged = self.model_copy(
            update={
                "inputs": preset.inputs_under(self.inputs),
                "credentials_inputs": preset.credentials_under(self.credentials_inputs),
            }
        )
        merged.check_limits()
        return merged

    def check_limits(self) -> None:
        """Raises InvalidRequestError for values that are too deep or too many."""
        check_values(self.inputs, "input")
        check_values(self.credentials_inputs, "credentials input")
        masks = sum(max(1, len(pins)) for pins in self.nodes_input_masks.values())
        if masks > MAX_INPUT_KEYS:
            raise InvalidRequestError(
                f"Invalid input structure: there are {masks} masks; the limit is {MAX_INPUT_KEYS}."
            )
        for node_id, pins in self.nodes_input_masks.items():
            check_values(pins, "mask", of=f" of node {node_id[:100]!r}")

    def check_masks(self, graph: Graph, sub_graphs: Sequence[Graph]) -> None:
        """Raises GraphValidationError if a mask is for a node of neither the graph nor one that runs inside."""
        known = {node.id for each in (graph, *sub_graphs) for node in each.nodes}
        _check_nodes("nodes_input_masks", self.nodes_input_masks, known, graph)

    def check_pinned(self, graph: Graph) -> None:
        """Raises GraphValidationError if a test run pins outputs of a node that the graph does not have."""
        if self.test:
            _check_nodes("pinned_outputs", self.pinned_outputs, {node.id for node in graph.nodes}, graph)


def _check_nodes(what: str, given: Iterable[str], known: Collection[str], graph: Graph) -> None:
    unknown = [node_id for node_id in given if node_id not in known]
    if unknown:
        raise GraphValidationError(
            f"Graph validation failed: `{what}` names {len(unknown)} nodes that the graph does not have "
            f"(node {unknown[0][:100]!r}). Use the node ids of version {graph.version}.",
            node_errors={node_id: {what: f"There is no node {node_id[:100]!r} in the graph"} for node_id in unknown},
        )


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A request under an idempotency key: the same ones have the same digest, whatever the order of their keys."""

    user_id: UserId
    key: str
    digest: str
    graph_exec_id: GraphExecId

    @classmethod
    def of(cls, user_id: UserId, key: str | None, request: RunRequest) -> "RunClaim | None":
        if key is None:
            return None
        # What is not asked for does not count, so that a key outlives a release that knows more to ask for.
        always = {name: getattr(request, name) for name in ("graph_id", "version", "inputs", "credentials_inputs")}
        same = _sorted({**request.model_dump(exclude_defaults=True), **always})
        digest = hashlib.sha256(dump_json(same)).hexdigest()
        return cls(user_id=user_id, key=key, digest=digest, graph_exec_id=graph_exec_id_for_key(user_id, key))


def check_values(values: Mapping[str, Any], what: str, *, of: str = "") -> None:
    """Refuses JSON values by name that are too many or too deep.

    Args:
        what: one of them, for people; `of`: what they belong to.

    Raises:
        InvalidRequestError: beyond a limit.
    """
    if len(values) > MAX_INPUT_KEYS:
        raise InvalidRequestError(
            f"Invalid input structure: there are {len(values)} {what}s{of}; the limit is {MAX_INPUT_KEYS}."
        )
    for name, value in values.items():
        INPUT_LIMITS.check(value, where=f"{what} {name[:100]!r}{of}")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value
