"""How a run behaves: what its request asks for, over the settings of its graph."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from activities.planning.node_options import Emitted, read_pinned
from models.controls import RunOptions
from models.graph import Graph
from models.graph_settings import GraphSettings
from models.ids import NodeId
from models.values import Values
from services.gateway.run_request import RunRequest


def pinned_of(graph: Graph, request: RunRequest) -> Mapping[str, Emitted]:
    """What nodes emit instead of running; the request wins over the nodes' own. Only test runs have such nodes."""
    if not request.test:
        return {}
    own = {node.id: pinned for node in graph.nodes if (pinned := read_pinned(node)) is not None}
    return {**own, **request.pinned_outputs}


def options_of(
    request: RunRequest, settings: GraphSettings, *, masks: Mapping[NodeId, Values], now: datetime
) -> RunOptions:
    """`masks`: for the graphs that run inside."""
    hold = settings.hold_on_failure if request.hold_on_failure is None else request.hold_on_failure
    return RunOptions(
        human_in_the_loop_safe_mode=settings.human_in_the_loop_safe_mode,
        sensitive_action_safe_mode=settings.sensitive_action_safe_mode,
        hold_on_failure=hold,
        test=request.test,
        deadline=None if request.timeout_seconds is None else now + timedelta(seconds=request.timeout_seconds),
        masks={**masks},
    )
