from typing import Any

import pytest

from activities.blocks.basic import PrintToConsoleBlock
from activities.blocks.conversion import UniversalTypeConverterBlock
from models.errors import BlockInputError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("value", "type", "converted"),
    [
        ("x", "string", "x"),
        (1.5, "string", "1.5"),
        ({"a": "ä"}, "string", '{"a": "ä"}'),
        (True, "string", "true"),
        ("12.5", "number", 12.5),
        (5, "number", 5.0),
        ("abc", "number", 0.0),
        ("", "number", 0.0),
        ([1, 2], "number", 2.0),
        ({}, "number", 0.0),
        (True, "number", 1.0),
        ("nan", "number", 0.0),
        ("-Infinity", "number", 0.0),
        ("TRUE", "boolean", True),
        ("1", "boolean", True),
        ("yes", "boolean", False),
        (0, "boolean", False),
        ([0], "boolean", True),
        ([1], "list", [1]),
        ({"a": 1}, "list", [["a", 1]]),
        ("[1, 2]", "list", [1, 2]),
        ("[1, 2", "list", ["[1, 2"]),
        ("[1, x]", "list", ["[1, x]"]),
        (7, "list", [7]),
        ({"a": 1}, "dictionary", {"a": 1}),
        ('{"a": 1}', "dictionary", {"a": 1}),
        ("[1]", "dictionary", {"value": [1]}),
        ("{a}", "dictionary", {"value": "{a}"}),
        (["x", "y"], "dictionary", {"0": "x", "1": "y"}),
        (7, "dictionary", {"value": 7}),
    ],
)
async def test_convert(value: object, type: str, converted: Any) -> None:
    [(pin, result)] = await run_block(UniversalTypeConverterBlock, {"value": value, "type": type})
    assert (pin, result) == ("value", converted)
    assert result.__class__ is converted.__class__


@pytest.mark.parametrize("type", ["integer", "", None, "STRING"])
async def test_unknown_types(type: object) -> None:
    with pytest.raises(BlockInputError, match="pin 'type'"):
        await run_block(UniversalTypeConverterBlock, {"value": 1, "type": type})


@pytest.mark.parametrize("value", ["Hello, World!", 0, {"a": None}, []])
async def test_print_passes_the_value_on(value: object) -> None:
    assert await run_block(PrintToConsoleBlock, {"text": value}) == [("output", value), ("status", "printed")]
