"""What changed between two versions of a graph."""

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from models.graph import Graph, Link, Node
from models.ids import NodeId
from models.json_equality import same_json

FIELDS: Final = ("name", "description", "instructions", "recommended_schedule_cron")
"""What people write about a graph; the rest of its fields is bookkeeping."""

_POSITION: Final = "position"
_PLAIN_KEY: Final = re.compile(r"[^.\[\]\"\s]+")
_ABSENT: Final = object()
PartT = TypeVar("PartT", Node, Link)

Change = dict[str, Any]
"""`{"from": ..., "to": ...}`; a side on which there is no value is absent, which null is not."""

Changes = dict[str, Change]
"""Changes by path, such as `input_default.prompt`; keys with dots stand as `["a.b"]`. Lists change whole."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class NodeChange(_Part):
    id: NodeId
    changes: Changes


class NodeMove(_Part):
    """`change` is that of `metadata.position`, which is none of `NodeChange.changes`."""

    id: NodeId
    change: Change


class LinkChange(_Part):
    """`link` as it is in the later version."""

    link: Link
    changes: Changes


class GraphDiff(_Part):
    """Nodes are the same by id, links by their ends and pins; lists are in the order of the graphs.

    `..._reordered`: those that both versions have stand in another order, which is the order in which starting nodes
    fire and in which values travel.
    """

    added_nodes: tuple[Node, ...]
    removed_nodes: tuple[Node, ...]
    changed_nodes: tuple[NodeChange, ...]
    moved_nodes: tuple[NodeMove, ...]
    nodes_reordered: bool
    added_links: tuple[Link, ...]
    removed_links: tuple[Link, ...]
    changed_links: tuple[LinkChange, ...]
    links_reordered: bool
    fields: Changes = Field(default_factory=dict[str, Change])


def diff_graphs(before: Graph, after: Graph) -> GraphDiff:
    """What turns `before` into `after`."""
    nodes = _Pairs(before.nodes, after.nodes, lambda node: node.id)
    links = _Pairs(before.links, after.links, lambda link: link.identity)
    return GraphDiff(
        added_nodes=nodes.added,
        removed_nodes=nodes.removed,
        changed_nodes=tuple(
            NodeChange(id=new.id, changes=changes)
            for old, new in nodes.kept
            if (changes := dict(_compare(_content(old), _content(new))))
        ),
        moved_nodes=tuple(
            NodeMove(id=new.id, change=_change(_position(old), _position(new)))
            for old, new in nodes.kept
            if not same_json(_position(old), _position(new))
        ),
        nodes_reordered=nodes.reordered,
        added_links=links.added,
        removed_links=links.removed,
        changed_links=tuple(
            LinkChange(link=new, changes={"is_static": _change(old.is_static, new.is_static)})
            for old, new in links.kept
            if old.is_static != new.is_static
        ),
        links_reordered=links.reordered,
        fields=dict(_compare(_fields(before), _fields(after))),
    )


class _Pairs(Generic[PartT]):
    """Parts of two versions, brought together by what identifies them."""

    def __init__(self, before: Sequence[PartT], after: Sequence[PartT], key: Callable[[PartT], Hashable]) -> None:
        old, new = {key(part): part for part in before}, {key(part): part for part in after}
        self.added = tuple(part for name, part in new.items() if name not in old)
        self.removed = tuple(part for name, part in old.items() if name not in new)
        self.kept = tuple((old[name], part) for name, part in new.items() if name in old)
        self.reordered = [name for name in old if name in new] != [name for name in new if name in old]


def _content(node: Node) -> dict[str, Any]:
    metadata = {name: value for name, value in node.metadata.items() if name != _POSITION}
    return {"block_id": node.block_id, "input_default": node.input_default, "metadata": metadata}


def _position(node: Node) -> Any:
    return node.metadata.get(_POSITION, _ABSENT)


def _fields(graph: Graph) -> dict[str, Any]:
    return {name: getattr(graph, name) for name in FIELDS}


def _compare(before: Mapping[str, Any], after: Mapping[str, Any], *, path: str = "") -> Iterator[tuple[str, Change]]:
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
        here = _join(path, key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _compare(cast("dict[str, Any]", old), cast("dict[str, Any]", new), path=here)
        elif not same_json(old, new):
            yield here, _change(old, new)


def _change(old: object, new: object) -> Change:
    return {side: value for side, value in (("from", old), ("to", new)) if value is not _ABSENT}


def _join(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
