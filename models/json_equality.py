"""When two JSON values are the same: 1 is 1.0, the order of keys does not count, and true is not 1."""

from collections.abc import Hashable
from typing import Any, cast


def same_json(one: object, other: object) -> bool:
    """Whether two normalised values are the same."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, object]", one), cast("dict[str, object]", other)
        return first.keys() == second.keys() and all(same_json(first[key], second[key]) for key in first)
    if isinstance(one, list) and isinstance(other, list):
        items, others = cast("list[object]", one), cast("list[object]", other)
        return len(items) == len(others) and all(map(same_json, items, others))
    return one == other


def json_identity(value: Any) -> Hashable:
    """Equal for values that are the same, so that many can be compared at once."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return ("object", frozenset((key, json_identity(item)) for key, item in entries.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(json_identity(item) for item in cast("list[Any]", value)))
    return cast("Hashable", value)
