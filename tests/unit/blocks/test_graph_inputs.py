from datetime import date, time
from typing import Any

import pytest

from activities.blocks.graph_inputs import (
    AgentDateInputBlock,
    AgentDropdownInputBlock,
    AgentFileInputBlock,
    AgentGoogleDriveFileInputBlock,
    AgentLongTextInputBlock,
    AgentTableInputBlock,
    AgentTimeInputBlock,
    AgentToggleInputBlock,
)
from activities.blocks.registry import BlockRegistry
from activities.graph_interface import GraphInterface
from models.blocks import Block, BlockKind
from models.errors import BlockError, BlockInputError
from tests.builders import make_graph, make_node
from tests.unit.blocks.running import make_context, run_block

SILENT = [
    AgentDateInputBlock,
    AgentDropdownInputBlock,
    AgentFileInputBlock,
    AgentGoogleDriveFileInputBlock,
    AgentLongTextInputBlock,
    AgentTimeInputBlock,
]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("block", SILENT)
async def test_null_value_emits_nothing(block: type[Block[Any]]) -> None:
    assert await run_block(block, {"name": "n", "value": None}) == []
    assert await run_block(block, {"name": "n"}) == []


@pytest.mark.parametrize("block", [*SILENT, AgentTableInputBlock, AgentToggleInputBlock])
async def test_inputs_are_static_named_and_without_error_pin(block: type[Block[Any]]) -> None:
    assert block.kind is BlockKind.INPUT
    assert block.static_output
    assert "error" not in block.output_schema()["properties"]
    with pytest.raises(BlockInputError, match="pin 'name' needs a value"):
        await run_block(block, {})


@pytest.mark.parametrize(
    ("block", "value", "result"),
    [
        (AgentLongTextInputBlock, "a\nb \U0001f600", "a\nb \U0001f600"),
        (AgentLongTextInputBlock, "", ""),
        (AgentLongTextInputBlock, [1], "[1]"),
        (AgentDateInputBlock, "2026-02-28", date(2026, 2, 28)),
        (AgentTimeInputBlock, "09:30:30", time(9, 30, 30)),
        (AgentTimeInputBlock, "23:59", time(23, 59)),
        (AgentDropdownInputBlock, "other", "other"),
        (AgentDropdownInputBlock, 5, "5"),
        (AgentToggleInputBlock, True, True),
        (AgentToggleInputBlock, "true", True),
        (AgentToggleInputBlock, "no", False),
        (AgentToggleInputBlock, None, False),
        (AgentTableInputBlock, None, []),
        (AgentTableInputBlock, [{"a": 1}, {}], [{"a": 1}, {}]),
        (AgentTableInputBlock, {"a": 1}, [{"0": "a", "1": 1}]),
        (AgentGoogleDriveFileInputBlock, {"id": "1", "isFolder": True}, {"id": "1", "isFolder": True}),
        (AgentFileInputBlock, PIXEL, PIXEL),
    ],
)
async def test_values(block: type[Block[Any]], value: object, result: object) -> None:
    assert await run_block(block, {"name": "n", "value": value}) == [("result", result)]


@pytest.mark.parametrize("block", [AgentDateInputBlock, AgentTimeInputBlock, AgentFileInputBlock])
async def test_an_empty_form_is_no_value(block: type[Block[Any]]) -> None:
    assert await run_block(block, {"name": "n", "value": ""}) == []


@pytest.mark.parametrize("block", [AgentDateInputBlock, AgentTimeInputBlock])
@pytest.mark.parametrize("value", ["soon", "2026-13-01", "24:61", [], {}])
async def test_no_date_and_no_time(block: type[Block[Any]], value: object) -> None:
    with pytest.raises(BlockInputError, match="pin 'value'"):
        await run_block(block, {"name": "n", "value": value})


@pytest.mark.parametrize("base_64", [True, False])
async def test_files_come_as_data_uris(base_64: bool) -> None:
    values = {"name": "n", "value": "data:text/plain,h%C3%A9", "base_64": base_64}
    assert await run_block(AgentFileInputBlock, values) == [("result", "data:text/plain;base64,aMOp")]


async def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BlockError, match="keeps no files"):
        await run_block(AgentFileInputBlock, {"name": "n", "value": "photo.png"}, context=make_context())


@pytest.mark.parametrize("pin", ["options", "placeholder_values"])
async def test_options_by_both_names(pin: str) -> None:
    assert AgentDropdownInputBlock.has_input_pin(pin, {})
    assert AgentDropdownInputBlock.Input.model_validate({"name": "n", pin: ["a", 1]}).model_dump()["options"] == [
        "a",
        1,
    ]


def schema_of(block: type[Block[Any]], **constants: Any) -> dict[str, Any]:
    blocks = BlockRegistry.built_in()
    graph = make_graph([make_node("node", block.id, name="n", **constants)], blocks=blocks)
    schema = GraphInterface(graph, blocks).input_schema()
    return {**schema["properties"]["n"], "required": schema["required"] == ["n"]}


def test_schema_of_a_table() -> None:
    schema = schema_of(AgentTableInputBlock, column_headers=["Name", 2])
    columns = {"Name": {"type": "string"}, "2": {"type": "string"}}
    assert (schema["type"], schema["format"]) == ("array", "table")
    assert schema["items"] == {"type": "object", "properties": columns}
    assert schema["required"]
    assert "default" not in schema
    default = schema_of(AgentTableInputBlock, column_headers=[], value=[{"a": "b"}])
    assert list(default["items"]["properties"]) == ["Column 1", "Column 2", "Column 3"]
    assert default["default"] == [{"a": "b"}]
    assert not default["required"]


def test_schema_of_a_dropdown() -> None:
    assert schema_of(AgentDropdownInputBlock, options=["a", "b"])["enum"] == ["a", "b"]
    assert schema_of(AgentDropdownInputBlock, placeholder_values=["c"])["enum"] == ["c"]
    assert "enum" not in schema_of(AgentDropdownInputBlock, options=[])


def test_schema_of_a_toggle_has_a_default() -> None:
    assert schema_of(AgentToggleInputBlock)["default"] is False
    assert not schema_of(AgentToggleInputBlock)["required"]
    assert schema_of(AgentToggleInputBlock, value=True)["default"] is True


def test_schema_of_a_picked_file() -> None:
    schema = schema_of(AgentGoogleDriveFileInputBlock, allow_folder_selection=True)
    scopes = ["https://www.googleapis.com/auth/drive.file"]
    credentials = {"provider": "google", "type": "oauth2", "scopes": scopes, "kwarg_name": "credentials"}
    assert schema["format"] == "google-drive-picker"
    assert schema["auto_credentials"] == credentials
    assert schema["google_drive_picker_config"] == {
        "multiselect": False,
        "allow_folder_selection": True,
        "allowed_views": ["DOCS", "SPREADSHEETS", "PRESENTATIONS"],
        "scopes": scopes,
        "auto_credentials": credentials,
    }


@pytest.mark.parametrize(("block", "format"), [(AgentDateInputBlock, "date"), (AgentTimeInputBlock, "time")])
def test_schemas_of_dates_and_times(block: type[Block[Any]], format: str) -> None:
    assert {"type": "string", "format": format} in schema_of(block)["anyOf"]
