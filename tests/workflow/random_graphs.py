"""Random graphs whose result does not depend on the order in which blocks end.

Every pin has one source, static sources give one value, and loops are folds: the engine promises for such graphs that
each output gets the same values in the same order, however often a worker dies.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from activities.blocks.registry import BlockRegistry
from models.graph import Graph, Link, Node
from tests.builders import make_graph, make_link, make_node


@dataclass
class _Sketch:
    """`streams` are output pins that give many values, `constants` those that give exactly one."""

    chance: random.Random
    effects: str
    nodes: list[Node] = field(default_factory=list[Node])
    links: list[Link] = field(default_factory=list[Link])
    streams: list[str] = field(default_factory=list[str])
    constants: list[str] = field(default_factory=list[str])

    def add(self, block: str, **constants: object) -> str:
        node_id = f"n{len(self.nodes)}"
        self.nodes.append(make_node(node_id, block, **constants))
        return node_id

    def link(self, source: str, sink: str, *, static: bool = False) -> None:
        self.links.append(make_link(source, sink, static=static))

    def any_stream(self) -> str:
        return self.chance.choice(self.streams)


def _slow_write(sketch: _Sketch) -> None:
    """Something that takes time and shows, so that a kill falls into it."""
    node = sketch.add("keyed_file_write", path=sketch.effects, seconds=sketch.chance.choice((0.0, 0.02, 0.05)))
    sketch.link(sketch.any_stream(), f"{node}.value")
    sketch.streams.append(f"{node}.out")


def _pair(sketch: _Sketch) -> None:
    """Two streams, met value by value, one of them by a part if it is an object."""
    node = sketch.add("create_dictionary_block")
    left, right = sketch.any_stream(), sketch.any_stream()
    sketch.link(left, f"{node}.values_#_left_$_1")
    sketch.link(right, f"{node}.values_#_right")
    sketch.streams.append(f"{node}.dictionary_#_left" if sketch.chance.random() < 0.5 else f"{node}.dictionary")


def _with_constant(sketch: _Sketch) -> None:
    node = sketch.add("create_dictionary_block")
    sketch.link(sketch.chance.choice(sketch.constants), f"{node}.values_#_constant", static=True)
    sketch.link(sketch.any_stream(), f"{node}.values_#_item")
    sketch.streams.append(f"{node}.dictionary")


def _fold(sketch: _Sketch) -> None:
    """A list that grows item by item, in a loop."""
    seed, node = sketch.add("echo", value=[]), sketch.add("add_to_list_block")
    sketch.link(f"{seed}.out", f"{node}.list")
    sketch.link(f"{node}.updated_list", f"{node}.list")
    sketch.link(sketch.any_stream(), f"{node}.entry")
    count = sketch.add("count_items_block")
    sketch.link(f"{node}.updated_list", f"{count}.collection")
    sketch.streams += [f"{node}.updated_list", f"{count}.count"]


def _failing(sketch: _Sketch) -> None:
    """Emits, then fails: both branches go on."""
    node = sketch.add("fail", message=f"broke at {len(sketch.nodes)}")
    sketch.link(sketch.any_stream(), f"{node}.value")
    sketch.streams += [f"{node}.out", f"{node}.error"]


def _flaky(sketch: _Sketch) -> None:
    node = sketch.add("flaky", failures=1)
    sketch.link(sketch.any_stream(), f"{node}.value")
    sketch.streams.append(f"{node}.out")


_STEPS: tuple[Callable[[_Sketch], None], ...] = (
    _slow_write,
    _slow_write,
    _pair,
    _with_constant,
    _fold,
    _failing,
    _flaky,
)


def random_graph(seed: int, *, effects: str, blocks: BlockRegistry) -> Graph:
    """The same for the same seed, but for `effects`, the file into which its writing blocks write."""
    chance = random.Random(seed)
    sketch = _Sketch(chance, effects)
    for _ in range(chance.randint(1, 2)):
        size = chance.choice((0, 0, 20_000))
        sketch.streams.append(f"{sketch.add('spread', count=chance.randint(4, 9), size=size)}.out")
    sketch.constants += [f"{sketch.add('echo', value=f'constant {i}')}.out" for i in range(2)]
    _slow_write(sketch)
    for _ in range(chance.randint(4, 8)):
        chance.choice(_STEPS)(sketch)
    for number, stream in enumerate(sketch.streams):
        output = sketch.add("agent_output_block", name=f"output {number}")
        sketch.link(stream, f"{output}.value")
    return make_graph(sketch.nodes, sketch.links, blocks=blocks, name=f"Random graph {seed}")
