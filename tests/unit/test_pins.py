import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BlockInputError
from models.pins import (
    MAX_LIST_INDEX,
    MAX_PATH_STEPS,
    NOTHING,
    base_name,
    dynamic_sources,
    fold,
    is_dynamic,
    is_tool_pin,
    parse_path,
    select,
    source_matches,
)

IDENTIFIERS = st.text(alphabet="abc 1!ä", min_size=1, max_size=4)
PATHS = st.lists(
    st.tuples(st.sampled_from(["_#_", "_@_"]), IDENTIFIERS) | st.tuples(st.just("_$_"), st.integers(0, 5).map(str)),
    min_size=1,
    max_size=5,
)


def pin_of(base: str, path: list[tuple[str, str]]) -> str:
    return base + "".join(delimiter + identifier for delimiter, identifier in path)


@pytest.mark.parametrize(
    ("pin", "parsed"),
    [
        ("plain", ("plain", [])),
        ("a_#_key", ("a", [("_#_", "key")])),
        ("a_#_long key!", ("a", [("_#_", "long key!")])),
        ("a_#_b_$_0_@_c", ("a", [("_#_", "b"), ("_$_", "0"), ("_@_", "c")])),
        ("a_b_c", ("a_b_c", [])),
        ("a_#_", None),
        ("_#_a", None),
        ("a_#__$_0", None),
        ("", None),
    ],
)
def test_parse_path(pin: str, parsed: object) -> None:
    assert parse_path(pin) == parsed


@given(PATHS)
def test_paths_parse_back(path: list[tuple[str, str]]) -> None:
    pin = pin_of("base", path)
    assert parse_path(pin) == ("base", path)
    assert base_name(pin) == "base"
    assert is_dynamic(pin)


@given(PATHS, st.integers() | st.text() | st.lists(st.integers()))
def test_what_is_folded_in_can_be_selected(path: list[tuple[str, str]], value: Any) -> None:
    pin = pin_of("base", path)
    folded = fold({pin: value})
    assert select(folded["base"], pin) == value
    assert folded[pin] == value


@given(st.dictionaries(PATHS.map(lambda path: pin_of("base", path)), st.integers(), max_size=6), st.booleans())
def test_fold_leaves_its_input_alone(pins: dict[str, int], listed: bool) -> None:
    inputs: dict[str, Any] = {"base": [{"a": [1]}] if listed else {"a": {"b": [1]}}, **pins}
    before = copy.deepcopy(inputs)
    folded = fold(inputs)
    assert inputs == before
    assert {pin: folded[pin] for pin in pins} == pins


@pytest.mark.parametrize(
    ("inputs", "base"),
    [
        ({"v_#_a": 1, "v_#_b": 2}, {"a": 1, "b": 2}),
        ({"v": {"x": 0, "a": 0}, "v_#_a": 1}, {"x": 0, "a": 1}),
        ({"v_#_a": 1, "v": {"x": 0}}, {"x": 0, "a": 1}),
        ({"v_$_2": "c", "v_$_0": "a"}, ["a", None, "c"]),
        ({"v": ["x", "y"], "v_$_0": "a"}, ["a", "y"]),
        ({"v": "text", "v_#_a": 1}, {"a": 1}),
        ({"v": "text", "v_$_0": 1}, [1]),
        ({"v": {"a": 1}, "v_$_0": 1}, [1]),
        ({"v_#_a_$_1_#_b": 1}, {"a": [None, {"b": 1}]}),
        ({"v_@_a": 1}, {"a": 1}),
        ({"v_#_a": None}, {"a": None}),
        ({"v_#_a": {"x": 1}, "v_#_a_#_y": 2}, {"a": {"x": 1, "y": 2}}),
        ({"v_#_a_#_y": 2, "v_#_a": {"x": 1}}, {"a": {"x": 1}}),
    ],
)
def test_fold(inputs: dict[str, Any], base: Any) -> None:
    assert fold(inputs)["v"] == base


@pytest.mark.parametrize("pin", ["v_#_", "_#_a", "v_$_", "plain"])
def test_malformed_sinks_stay_plain(pin: str) -> None:
    assert fold({pin: 1}) == {pin: 1}


@pytest.mark.parametrize("index", ["x", "-1", "1.0", " 1", "²", str(MAX_LIST_INDEX + 1), "9" * 5000, "1" * 20, "0x1"])
def test_fold_refuses_bad_indexes(index: str) -> None:
    with pytest.raises(BlockInputError, match="is not a list index") as caught:
        fold({f"v_$_{index}": 1})
    assert len(caught.value.message) < 400


def test_fold_takes_the_last_index() -> None:
    assert len(fold({f"v_$_{MAX_LIST_INDEX}": 1})["v"]) == MAX_LIST_INDEX + 1


def test_fold_bounds_holes_over_all_pins() -> None:
    with pytest.raises(BlockInputError, match="holes"):
        fold({f"v{number}_$_{MAX_LIST_INDEX}": 1 for number in range(11)})
    with pytest.raises(BlockInputError, match="holes"):
        fold({"v" + f"_$_{MAX_LIST_INDEX}" * 11: 1})


def test_fold_bounds_the_path() -> None:
    assert fold({"v" + "_#_a" * MAX_PATH_STEPS: 1})["v"]
    with pytest.raises(BlockInputError, match="steps"):
        fold({"v" + "_#_a" * 20_000: 1})


def test_many_list_pins_are_folded_without_copying_the_list_each_time() -> None:
    count = 20_000
    folded = fold({f"v_$_{number}": number for number in range(count)})
    assert folded["v"] == list(range(count))


@pytest.mark.parametrize(
    ("value", "source", "selected"),
    [
        ({"a": 1}, "p", {"a": 1}),
        (None, "p", None),
        ({"a": 1}, "p_#_a", 1),
        ({"a": {"b": [5, 6]}}, "p_#_a_@_b_$_1", 6),
        ([5, 6], "p_$_-1", 6),
        ({"a": False}, "p_#_a", False),
        ({"a": None}, "p_#_a", NOTHING),
        ({"a": None}, "p_#_a_#_b", NOTHING),
        ({"a": 1}, "p_#_b", NOTHING),
        ([5], "p_$_1", NOTHING),
        ([5], "p_$_-2", NOTHING),
        ([5], "p_$_x", NOTHING),
        ([5], "p_$_" + "9" * 5000, NOTHING),
        ([5], "p_#_0", NOTHING),
        ({"0": 5}, "p_$_0", NOTHING),
        ("text", "p_$_0", NOTHING),
        ("text", "p_@___class__", NOTHING),
        ({"a": 1}, "p_#_", NOTHING),
        ({"a": 1}, "p" + "_#_a" * 100_000, NOTHING),
    ],
)
def test_select(value: Any, source: str, selected: Any) -> None:
    assert select(value, source) == selected


def test_source_matches() -> None:
    assert source_matches("p", "p")
    assert source_matches("p_#_a", "p")
    assert source_matches("p_#_a", "p_#_a")
    assert not source_matches("p", "q")
    assert not source_matches("pp_#_a", "p")


def test_dynamic_sources_are_grouped_in_order_without_repeats() -> None:
    names = ["b_#_x", "a", "b_$_0", "b_#_x", "c_@_y"]
    assert dynamic_sources(names) == {"b": ["b_#_x", "b_$_0"], "c": ["c_@_y"]}


def test_tool_pins() -> None:
    assert is_tool_pin("tools")
    assert is_tool_pin("tools_^_node_~_pin")
    assert not is_tool_pin("toolset")
