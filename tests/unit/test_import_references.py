"""References of agent nodes in imported files: files made to keep a gateway busy take no more than their share."""

from typing import Any, cast

import pytest

from activities.exchange.report import FindingKind
from activities.exchange.sub_graphs import GraphReference
from infra.clock import SystemClock
from models.errors import GraphValidationError
from models.ids import AGENT_EXECUTOR_BLOCK_ID, GraphId, UserId
from models.plan import MAX_NODES
from models.stores import GraphStore
from services.gateway.features.graphs.building import GraphBuilder
from services.gateway.features.graphs.importing import GraphImporter
from services.gateway.features.graphs.references import Entry, ReferenceResolver
from services.gateway.features.graphs.schemas import GraphIn
from tests.builders import make_node
from tests.sample_blocks import sample_registry

BLOCKS = sample_registry()
ME = UserId("me")


class NoGraphs:
    """A user who has none."""

    def __init__(self) -> None:
        self.asked = 0

    async def find(self, user_id: UserId, graph_id: GraphId, *, version: int | None = None) -> None:
        self.asked += 1


class ReadSchema(dict[str, Any]):
    """A schema that counts how often it is read."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.reads += 1
        return super().get(key, default)


def stored(graphs: NoGraphs) -> GraphStore:
    return cast("GraphStore", graphs)


def schema(*names: str) -> ReadSchema:
    return ReadSchema(properties={name: {} for name in names})


def entry(name: str, **fields: Any) -> Entry:
    return Entry(GraphIn(id=f"id of {name}", name=name, **fields), GraphId(f"new {name}"))


async def test_schemas_of_a_file_are_read_once_however_many_nodes_refer_to_it() -> None:
    pins = schema("a", "b")
    entries = [entry("main"), entry("sub", input_schema=pins, output_schema=schema("c"))]
    resolver = ReferenceResolver(stored(NoGraphs()), ME, entries)
    constants = {"graph_id": "lost", "graph_version": 3, "agent_name": "sub"}
    schemas = {"input_schema": schema("a", "b"), "output_schema": schema("c")}
    nodes = [make_node(str(i), AGENT_EXECUTOR_BLOCK_ID, **constants, **schemas) for i in range(50)]
    await resolver.look_up(nodes)
    for node in nodes:
        target, found = resolver.resolve(node, entries[0].new_id)
        assert target == GraphReference(GraphId("new sub"), 1)
        assert found is not None
        assert found.kind is FindingKind.MATCHED_SUB_GRAPH
    assert pins.reads == 1


@pytest.mark.parametrize("name", [["sub"], {"sub": 1}, 7, None])
async def test_names_that_are_no_text_match_nothing(name: Any) -> None:
    resolver = ReferenceResolver(stored(NoGraphs()), ME, [entry("main"), entry("sub", version=2)])
    node = make_node("n", AGENT_EXECUTOR_BLOCK_ID, graph_id="lost", graph_version=3, agent_name=name)
    node = node.model_copy(update={"metadata": {"customized_name": name}})
    target, found = resolver.resolve(node, GraphId("new main"))
    assert target is None
    assert found is not None
    assert found.kind is FindingKind.MISSING_SUB_GRAPH


@pytest.mark.parametrize("in_sub_graph", [False, True])
async def test_too_many_nodes_are_refused_before_any_of_them_is_followed(in_sub_graph: bool) -> None:
    node = {"block_id": AGENT_EXECUTOR_BLOCK_ID, "input_default": {"graph_id": "lost", "graph_version": 1}}
    many = {"name": "Many", "nodes": [{**node, "id": str(i)} for i in range(MAX_NODES + 1)]}
    few = {"name": "Few", "nodes": [{**node, "id": "n"}], "sub_graphs": [many]}
    graphs = NoGraphs()
    builder = GraphBuilder(blocks=BLOCKS, clock=SystemClock())
    importer = GraphImporter(stored(graphs), blocks=BLOCKS, builder=builder, lenient=True)
    with pytest.raises(GraphValidationError, match=f"the limit is {MAX_NODES}"):
        await importer.read(ME, GraphIn.model_validate(few if in_sub_graph else many))
    assert graphs.asked == 0
