"""Samples of data."""

import heapq
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal, cast

from pydantic import WithJsonSchema

from models.beside_the_loop import beside_the_loop
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    pin,
)
from models.errors import BlockConfigurationError, BlockError, ValueTooLargeError
from models.json_values import dump_json, json_type, normalise_json
from models.ports import RowBuffer
from models.value_store import is_heavy
from models.values import VALUE_LIMIT_BYTES

_OBJECT = {"type": "object", "additionalProperties": True}
_ROWS = {"type": "array", "items": {"anyOf": [_OBJECT, {"type": "array", "items": {}}]}}

# Declared list first, because that is what other values are converted to; an object is already right.
_Data = Annotated[list[dict[str, Any] | list[Any]] | dict[str, Any], WithJsonSchema({"anyOf": [_OBJECT, _ROWS]})]


class DataSamplingInput(BlockInput):
    data: _Data = pin(description="The rows to draw from; an object is a single row")
    sample_size: int = pin(10, description="How many rows to draw")
    sampling_method: Literal[
        "random", "systematic", "top", "bottom", "stratified", "weighted", "reservoir", "cluster"
    ] = pin("random", description="How to draw them")
    accumulate: bool = pin(False, description="Collect the rows of several executions until there are enough")
    random_seed: int | None = pin(None, description="Makes the same draw from the same rows")
    stratify_key: str | None = pin(None, description="Key that tells the groups of a stratified sample apart")
    weight_key: str | None = pin(None, description="Key of the weight of a row in a weighted sample")
    cluster_key: str | None = pin(None, description="Key that tells the clusters of a cluster sample apart")


class DataSamplingOutput(BlockOutput):
    sampled_data: list[Any] = pin(description="The rows drawn")
    sample_indices: list[int] = pin(description="Their positions in the data, from 0")


class DataSamplingBlock(Block[DataSamplingInput]):
    """With a seed, the rows are those that the generator of Python's `random` draws from it.

    While rows accumulate nothing is emitted; the sample is drawn from all of them, and collecting starts anew.
    """

    id = "4a448883-71fa-49cf-91cf-70d793bd7d87"
    description = "Draws a sample of rows by one of several methods."
    Input = DataSamplingInput
    Output = DataSamplingOutput
    categories = (BlockCategory.LOGIC,)
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="The first rows",
            input={"data": [{"n": 1}, {"n": 2}, {"n": 3}], "sample_size": 2, "sampling_method": "top"},
            output=(("sampled_data", [{"n": 1}, {"n": 2}]), ("sample_indices", [0, 1])),
        ),
        BlockExample(
            title="One row of each group",
            input={
                "data": [{"team": "red"}, {"team": "blue"}],
                "sample_size": 2,
                "sampling_method": "stratified",
                "stratify_key": "team",
            },
            output=(("sampled_data", [{"team": "red"}, {"team": "blue"}]), ("sample_indices", [0, 1])),
        ),
        BlockExample(
            title="Random rows, the same each time",
            input={"data": [[1], [2], [3], [4], [5]], "sample_size": 3, "random_seed": 42},
            output=(("sampled_data", [[1], [5], [3]]), ("sample_indices", [0, 4, 2])),
        ),
        BlockExample(
            title="More than there is",
            input={"data": {"n": 1}, "sample_size": 2},
            error="Sample size (2) cannot be larger than the dataset size (1).",
        ),
    )

    async def run(self, input: DataSamplingInput, context: BlockContext) -> AsyncIterator[Emission]:
        rows: list[Any] = input.data if isinstance(input.data, list) else [input.data]
        if input.sample_size < 0:
            raise BlockError(f"The sample size is {input.sample_size}. Use 0 or more.")
        if input.accumulate:
            rows = await _accumulate(rows, input.sample_size, context)
            if not rows:
                return
        if input.sample_size > len(rows):
            raise BlockError(f"Sample size ({input.sample_size}) cannot be larger than the dataset size ({len(rows)}).")
        # Nothing here is a secret: the seed asks for the very sequence of this generator.
        draw = _Draw(rows, input, random.Random(input.random_seed))  # noqa: S311
        indices = await beside_the_loop(is_heavy(rows), _METHODS[input.sampling_method], draw)
        yield "sampled_data", [rows[index] for index in indices]
        yield "sample_indices", indices


async def _accumulate(rows: list[Any], enough: int, context: BlockContext) -> list[Any]:
    """All rows collected so far if there are enough, else none. Outside a run of a graph nothing is kept."""
    if not context.graph_id:
        return rows if len(rows) >= enough else []
    buffer = cast("RowBuffer | None", context.services.get("row_buffer"))
    if buffer is None:
        raise BlockConfigurationError("This server keeps no rows between executions. Start a worker that does.")
    collected = await buffer.add(
        rows,
        graph_exec_id=context.graph_exec_id,
        node_id=context.node_id,
        node_exec_id=context.node_exec_id,
        enough=enough,
    )
    return list(collected or ())


@dataclass(frozen=True, slots=True)
class _Draw:
    """What to draw from and how; the size is at least 0 and at most the number of rows."""

    rows: Sequence[Any]
    input: DataSamplingInput
    generator: random.Random

    @property
    def size(self) -> int:
        return self.input.sample_size

    def column(self, pin: str, key: str | None) -> list[Any]:
        """The values that all rows have under the key on `pin`; none is null."""
        kind = pin.removesuffix("_key")
        if not key:
            raise BlockError(f"{kind.capitalize()} key must be provided for {_ADJECTIVES[kind]} sampling.")
        values = [row.get(key) if isinstance(row, dict) else None for row in self.rows]
        if None in values:
            raise BlockError(f"Row {values.index(None)} has no value for the {kind} key {key[:200]!r}.")
        return values

    def groups(self, pin: str, key: str | None) -> dict[str, list[int]]:
        """Indices of rows by their value as text, in the order in which the values first occur."""
        groups: dict[str, list[int]] = {}
        for index, value in enumerate(self.column(pin, key)):
            groups.setdefault(str(normalise_json(value)), []).append(index)
        return groups


_ADJECTIVES = {"stratify": "stratified", "weight": "weighted", "cluster": "cluster"}


def _random(draw: _Draw) -> list[int]:
    return draw.generator.sample(range(len(draw.rows)), draw.size)


def _systematic(draw: _Draw) -> list[int]:
    """Every so many rows, from a random one of the first of them on."""
    if draw.size == 0:
        return []
    step = len(draw.rows) // draw.size
    start = draw.generator.randint(0, step - 1)
    return list(range(start, len(draw.rows), step))[: draw.size]


def _top(draw: _Draw) -> list[int]:
    return list(range(draw.size))


def _bottom(draw: _Draw) -> list[int]:
    return list(range(len(draw.rows) - draw.size, len(draw.rows)))


def _stratified(draw: _Draw) -> list[int]:
    """Random rows of every group, about as many as its share of all rows."""
    groups = list(draw.groups("stratify_key", draw.input.stratify_key).values())
    sizes = _shares([len(group) for group in groups], draw.size)
    drawn = [draw.generator.sample(group, size) for group, size in zip(groups, sizes, strict=True)]
    return list(chain.from_iterable(drawn))


def _shares(lengths: Sequence[int], size: int) -> list[int]:
    """How many rows of groups of these lengths make `size` together.

    Each group gets its share rounded down, but at least one row. The first of the largest allocations then gives away
    or takes a row until the sum is right; one that would be larger than its group takes no more.
    """
    total = sum(lengths)
    sizes = [max(1, int(length / total * size)) for length in lengths]
    difference = size - sum(sizes)
    step = 1 if difference > 0 else -1
    queue = [(-sizes[index], index) for index in range(len(sizes)) if step < 0 or sizes[index] < lengths[index]]
    heapq.heapify(queue)
    for _ in range(abs(difference)):
        index = queue[0][1]
        sizes[index] += step
        if step > 0 and sizes[index] == lengths[index]:
            heapq.heappop(queue)
        else:
            heapq.heapreplace(queue, (-sizes[index], index))
    return sizes


def _weighted(draw: _Draw) -> list[int]:
    """Rows in proportion to their weights; a row may come several times."""
    weights = [_weight(value, row) for row, value in enumerate(draw.column("weight_key", draw.input.weight_key))]
    try:
        indices = draw.generator.choices(range(len(draw.rows)), weights=weights, k=draw.size)
    except ValueError as error:
        raise BlockError(f"Rows cannot be drawn by these weights: {error}.") from error
    sizes = {index: len(dump_json(normalise_json(draw.rows[index]))) for index in set(indices)}
    if sum(sizes[index] for index in indices) > VALUE_LIMIT_BYTES:
        raise ValueTooLargeError(
            f"The sample repeats rows until it is larger than {VALUE_LIMIT_BYTES} bytes. Draw fewer rows."
        )
    return indices


def _weight(value: Any, row: int) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BlockError(f"The weight of row {row} is no number but {json_type(normalise_json(value))}.") from None
    if not math.isfinite(weight) or weight < 0:
        raise BlockError(f"The weight of row {row} is {weight}. Use finite weights that are not negative.")
    return weight


def _reservoir(draw: _Draw) -> list[int]:
    """Each row has the same chance, and takes the place of an earlier one."""
    indices = list(range(draw.size))
    for row in range(draw.size, len(draw.rows)):
        place = draw.generator.randint(0, row)
        if place < draw.size:
            indices[place] = row
    return indices


def _cluster(draw: _Draw) -> list[int]:
    """All rows of random groups until there are enough, then cut to the size at random."""
    groups = list(draw.groups("cluster_key", draw.input.cluster_key).values())
    indices: list[int] = []
    while len(indices) < draw.size:
        indices += groups.pop(draw.generator.choice(range(len(groups))))
    return indices if len(indices) == draw.size else draw.generator.sample(indices, draw.size)


_METHODS: dict[str, Callable[[_Draw], list[int]]] = {
    "random": _random,
    "systematic": _systematic,
    "top": _top,
    "bottom": _bottom,
    "stratified": _stratified,
    "weighted": _weighted,
    "reservoir": _reservoir,
    "cluster": _cluster,
}
