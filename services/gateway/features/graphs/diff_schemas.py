"""The difference of two versions as clients read it."""

from typing import Any

from pydantic import BaseModel, Field

from models.graph import Graph, Link, Node
from models.graph_diff import GraphDiff

Changes = dict[str, dict[str, Any]]
"""`{path: {"from": ..., "to": ...}}`; a side on which there is no value is absent, which null is not."""


class NodePartOut(BaseModel):
    id: str
    block_id: str
    input_default: dict[str, Any]
    metadata: dict[str, Any]


class LinkPartOut(BaseModel):
    id: str
    source_id: str
    sink_id: str
    source_name: str
    sink_name: str
    is_static: bool


class NodeChangeOut(BaseModel):
    """Paths look like `input_default.prompt`; lists change as a whole."""

    id: str
    changes: Changes


class NodeMoveOut(BaseModel):
    """From where to where on the canvas; null where a version says nothing about it."""

    id: str
    from_: Any = Field(default=None, alias="from")
    to: Any = None


class LinkChangeOut(LinkPartOut):
    """As it is in `to_version`."""

    changes: Changes


class NodesDiffOut(BaseModel):
    """Nodes are the same by id. `reordered`: those that both versions have stand in another order."""

    added: list[NodePartOut]
    removed: list[NodePartOut]
    changed: list[NodeChangeOut]
    moved: list[NodeMoveOut]
    reordered: bool


class LinksDiffOut(BaseModel):
    """Links are the same by their ends and pins, whatever their ids."""

    added: list[LinkPartOut]
    removed: list[LinkPartOut]
    changed: list[LinkChangeOut]
    reordered: bool


class GraphDiffOut(BaseModel):
    graph_id: str
    from_version: int
    to_version: int
    nodes: NodesDiffOut
    links: LinksDiffOut
    fields: Changes


def graph_diff_out(before: Graph, after: Graph, diff: GraphDiff) -> GraphDiffOut:
    return GraphDiffOut(
        graph_id=after.id,
        from_version=before.version,
        to_version=after.version,
        nodes=NodesDiffOut(
            added=list(map(_node_out, diff.added_nodes)),
            removed=list(map(_node_out, diff.removed_nodes)),
            changed=[NodeChangeOut(id=node.id, changes=node.changes) for node in diff.changed_nodes],
            moved=[NodeMoveOut(id=node.id, **node.change) for node in diff.moved_nodes],
            reordered=diff.nodes_reordered,
        ),
        links=LinksDiffOut(
            added=list(map(_link_out, diff.added_links)),
            removed=list(map(_link_out, diff.removed_links)),
            changed=[LinkChangeOut(**link.link.model_dump(), changes=link.changes) for link in diff.changed_links],
            reordered=diff.links_reordered,
        ),
        fields=diff.fields,
    )


def _node_out(node: Node) -> NodePartOut:
    return NodePartOut(**node.model_dump())


def _link_out(link: Link) -> LinkPartOut:
    return LinkPartOut(**link.model_dump())
