from typing import Any

import pytest

from models.json_equality import json_identity, same_json


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0, -0.0),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}),
        ([1, {"x": None}], [1, {"x": None}]),
        (2**63, float(2**63)),
    ],
)
def test_equal_as_json(one: Any, other: Any) -> None:
    assert same_json(one, other)
    assert json_identity(one) == json_identity(other)
    assert hash(json_identity(one)) == hash(json_identity(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (0, None),
        (0, ""),
        ("1", 1),
        ([], {}),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, [["a", 1]]),
        ([[1], 2], [[1, 2]]),
        (["boolean", True], True),
        ("e\u0301", "\u00e9"),
    ],
)
def test_different_as_json(one: Any, other: Any) -> None:
    assert not same_json(one, other)
    assert json_identity(one) != json_identity(other)
