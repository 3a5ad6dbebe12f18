"""Which nodes of a graph can never run, whatever the run's inputs are."""

from activities.blocks.registry import BlockRegistry
from activities.planning.validate import is_start
from models.blocks import BlockKind
from models.graph import Graph, Link
from models.ids import NodeId


def find_unreachable(graph: Graph, blocks: BlockRegistry) -> dict[NodeId, tuple[str, ...]]:
    """Nodes that no run fires -> the linked pins that nothing can reach; in the order of the graph.

    A node fires once every linked pin has a value, so each of them needs a source that can fire itself. Notes are not
    among them: they are not meant to run. Nor are nodes of unknown blocks.
    """
    inbound: dict[NodeId, dict[str, list[Link]]] = {}
    outbound: dict[NodeId, list[Link]] = {}
    for link in graph.links:
        inbound.setdefault(link.sink_id, {}).setdefault(link.sink_name, []).append(link)
        outbound.setdefault(link.source_id, []).append(link)
    runs = [(node, block) for node in graph.nodes if (block := blocks.find(node.block_id)) is not None]
    runnable = {node.id for node, block in runs if block.kind is not BlockKind.NOTE}
    awaited = {node_id: set(pins) for node_id, pins in inbound.items()}
    reached = {node.id for node, block in runs if is_start(node, block, inbound)}
    waiting = list(reached)
    while waiting:
        for link in outbound.get(waiting.pop(), ()):
            pins = awaited[link.sink_id]
            pins.discard(link.sink_name)
            if not pins and link.sink_id in runnable and link.sink_id not in reached:
                reached.add(link.sink_id)
                waiting.append(link.sink_id)
    return {
        node.id: tuple(pin for pin in inbound[node.id] if pin in awaited[node.id])
        for node in graph.nodes
        if node.id in runnable and node.id not in reached
    }
