"""Values: inline or by reference, at the limits."""

import pytest

from models.errors import ValueTooLargeError
from models.ids import GraphExecId
from models.json_values import JsonTooDeepError, dump_json
from models.value_store import ValueStore, run_prefix
from models.values import INLINE_LIMIT_BYTES, VALUE_LIMIT_BYTES, Value, total_inline_bytes
from tests.fakes import MemoryBlobStore

RUN = GraphExecId("run-1")


@pytest.fixture
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


@pytest.fixture
def values(blobs: MemoryBlobStore) -> ValueStore:
    return ValueStore(blobs)


def text_of(json_bytes: int) -> str:
    return "x" * (json_bytes - 2)


async def test_value_at_the_inline_limit_stays_inline(values: ValueStore, blobs: MemoryBlobStore) -> None:
    packed = await values.pack(text_of(INLINE_LIMIT_BYTES), graph_exec_id=RUN)
    assert packed.ref is None
    assert blobs.blobs == {}


async def test_value_one_byte_over_becomes_a_reference(values: ValueStore, blobs: MemoryBlobStore) -> None:
    text = text_of(INLINE_LIMIT_BYTES + 1)
    packed = await values.pack(text, graph_exec_id=RUN)
    assert packed.inline is None
    assert packed.ref is not None
    assert (packed.ref.size, packed.ref.json_type) == (INLINE_LIMIT_BYTES + 1, "string")
    assert packed.ref.key == f"{run_prefix(RUN)}{packed.ref.sha256}"
    assert blobs.blobs == {packed.ref.key: dump_json(text)}
    assert await values.load(packed) == text


async def test_limits_count_bytes_of_json_not_characters(values: ValueStore) -> None:
    wide = await values.pack("€" * (INLINE_LIMIT_BYTES // 3), graph_exec_id=RUN)
    escaped = await values.pack("\x01" * (INLINE_LIMIT_BYTES // 6 + 1), graph_exec_id=RUN)
    assert (wide.ref is not None, escaped.ref is not None) == (True, True)


async def test_largest_value_is_stored_and_a_larger_one_refused(values: ValueStore, blobs: MemoryBlobStore) -> None:
    largest = await values.pack(text_of(VALUE_LIMIT_BYTES), graph_exec_id=RUN)
    assert largest.ref is not None
    assert largest.ref.size == VALUE_LIMIT_BYTES
    with pytest.raises(ValueTooLargeError, match=f"{VALUE_LIMIT_BYTES + 1} bytes is over the limit"):
        await values.pack(text_of(VALUE_LIMIT_BYTES + 1), graph_exec_id=RUN)
    assert len(blobs.blobs) == 1
    unlimited = await values.pack(text_of(VALUE_LIMIT_BYTES + 1), graph_exec_id=RUN, limit_bytes=None)
    assert unlimited.ref is not None


async def test_references_to_equal_values_are_equal_within_a_run(values: ValueStore, blobs: MemoryBlobStore) -> None:
    first, again = [await values.pack(["v"] * 10_000, graph_exec_id=RUN) for _ in range(2)]
    other = await values.pack(["v"] * 10_000, graph_exec_id=GraphExecId("run-2"))
    assert first == again
    assert first != other
    assert len(blobs.blobs) == 2


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), (True, "boolean"), (1.5, "number"), ({"a": 1}, "object")])
async def test_small_values_can_be_forced_into_references(values: ValueStore, value: object, kind: str) -> None:
    packed = await values.pack(value, graph_exec_id=RUN, force_ref=True)
    assert packed.ref is not None
    assert packed.ref.json_type == kind
    assert await values.load(packed) == value


async def test_what_json_cannot_hold_is_normalised_before_it_is_stored(values: ValueStore) -> None:
    dirty = [float("nan"), "a\x00\ud800", {1: (2,)}]
    clean = [None, "a\ufffd\ufffd", {"1": [2]}]
    for force_ref in (False, True):
        assert await values.load(await values.pack(dirty, graph_exec_id=RUN, force_ref=force_ref)) == clean


async def test_too_deep_a_value_is_refused(values: ValueStore) -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(JsonTooDeepError):
        await values.pack(deep, graph_exec_id=RUN)


async def test_inline_values_of_a_mapping_keep_its_budget(values: ValueStore) -> None:
    given = {f"v{number}": text_of(10_000) for number in range(10)}
    packed = await values.pack_all(given, graph_exec_id=RUN, inline_budget_bytes=35_000)
    inline = [name for name, value in packed.items() if value.ref is None]
    assert inline == ["v0", "v1", "v2"]
    assert total_inline_bytes(packed[name] for name in inline) <= 35_000
    assert await values.load_all(packed) == given


async def test_small_values_stay_inline_behind_one_that_does_not_fit(values: ValueStore) -> None:
    given = {"small": 1, "large": text_of(10_000), "last": "x"}
    packed = await values.pack_all(given, graph_exec_id=RUN, inline_budget_bytes=5_000)
    assert {name: value.ref is None for name, value in packed.items()} == {"small": True, "large": False, "last": True}


@pytest.mark.parametrize("inline", ["", "plain", "ä€😀", 'quotes " and \\', "\x01\n" * 50, ["x", {"k": None}], {}])
def test_estimate_of_inline_bytes_covers_the_json(inline: object) -> None:
    wire = len(Value(inline=inline).model_dump_json(exclude_unset=True))
    assert wire <= Value(inline=inline).inline_bytes <= wire + 24
