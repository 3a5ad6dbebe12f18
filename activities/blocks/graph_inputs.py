"""Inputs of a graph that come with a form of their own."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, time
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, model_validator

from activities.blocks._graph_pins import DEFAULT_TITLE, GraphInput, GraphPin, TextResult
from activities.blocks._services import read_media_as_data_uri
from models.blocks import Block, BlockContext, BlockEffect, BlockExample, Emission, OutputWithoutError, pin

_DEFAULT_HEADERS: Final = ("Column 1", "Column 2", "Column 3")
_LEGACY_OPTIONS: Final = "placeholder_values"
_DRIVE_SCOPES: Final = ("https://www.googleapis.com/auth/drive.file",)

_EmptyForm: Final = BeforeValidator(lambda value: None if value == "" else value)

DriveView = Literal["DOCS", "DOCUMENTS", "SPREADSHEETS", "PRESENTATIONS", "DOCS_IMAGES", "FOLDERS"]


class AgentLongTextInputInput(GraphPin):
    value: str | None = pin(None, advanced=False, title=DEFAULT_TITLE, format="long-text")


class AgentLongTextInputBlock(GraphInput, Block[Any]):
    id = "90a56ffb-7024-4b2b-ab50-e26c5e5ab8ba"
    description = "An input of the graph: text of several lines."
    Input = AgentLongTextInputInput
    Output = TextResult
    examples = (
        BlockExample(
            title="Two lines",
            input={"name": "letter", "value": "Dear Ann,\nhello"},
            output=(("result", "Dear Ann,\nhello"),),
        ),
        BlockExample(title="No value, no emission", input={"name": "letter"}),
    )


class AgentDateInputInput(GraphPin):
    value: Annotated[date | None, _EmptyForm] = pin(None, advanced=False, title=DEFAULT_TITLE)


class AgentDateInputOutput(OutputWithoutError):
    result: date = pin(description="Value of the graph input")


class AgentDateInputBlock(GraphInput, Block[Any]):
    id = "7e198b09-4994-47db-8b4d-952d98241817"
    description = "An input of the graph: a date."
    Input = AgentDateInputInput
    Output = AgentDateInputOutput
    examples = (
        BlockExample(title="A date", input={"name": "due", "value": "2026-02-28"}, output=(("result", "2026-02-28"),)),
        BlockExample(title="No such day", input={"name": "due", "value": "2026-02-30"}, error="pin 'value'"),
    )


class AgentTimeInputInput(GraphPin):
    value: Annotated[time | None, _EmptyForm] = pin(None, advanced=False, title=DEFAULT_TITLE)


class AgentTimeInputOutput(OutputWithoutError):
    result: time = pin(description="Value of the graph input")


class AgentTimeInputBlock(GraphInput, Block[Any]):
    id = "2a1c757e-86cf-4c7e-aacf-060dc382e434"
    description = "An input of the graph: a time of day."
    Input = AgentTimeInputInput
    Output = AgentTimeInputOutput
    examples = (
        BlockExample(title="A time", input={"name": "at", "value": "07:30"}, output=(("result", "07:30:00"),)),
        BlockExample(title="No such time", input={"name": "at", "value": "25:00"}, error="pin 'value'"),
    )


class AgentFileInputInput(GraphPin):
    value: str | None = pin(None, advanced=False, title=DEFAULT_TITLE, format="file")
    base_64: bool = pin(False, title="Produce Base64 Output", description="Emit the content as a data URI")


class AgentFileInputBlock(GraphInput, Block[Any]):
    """Emits a data URI either way: it stays good where a graph input goes, such as other agents and outputs."""

    id = "95ead23f-8283-4654-aef3-10c053b74a31"
    description = "An input of the graph: a file."
    Input = AgentFileInputInput
    Output = TextResult
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="A file",
            input={"name": "letter", "value": "data:text/plain,Hello"},
            output=(("result", "data:text/plain;base64,SGVsbG8="),),
        ),
        BlockExample(title="No file, no emission", input={"name": "letter", "value": ""}),
    )

    async def run(self, input: AgentFileInputInput, context: BlockContext) -> AsyncIterator[Emission]:
        if input.value:
            yield "result", await read_media_as_data_uri(input.value, context)


class AgentDropdownInputInput(GraphPin):
    value: str | None = pin(None, advanced=False, title=DEFAULT_TITLE)
    options: list[Any] = pin([], advanced=False, title="Dropdown Options", description="What to choose from")

    @model_validator(mode="before")
    @classmethod
    def _take_legacy_options(cls, values: Any) -> Any:
        if isinstance(values, dict) and _LEGACY_OPTIONS in values and "options" not in values:
            return {**values, "options": values[_LEGACY_OPTIONS]}
        return values


class AgentDropdownInputBlock(GraphInput, Block[Any]):
    """The options are those of the form; a run may give any text. Without options it is a form for free text."""

    id = "655d6fdf-a334-421c-b733-520549c07cd1"
    description = "An input of the graph: one of several options."
    Input = AgentDropdownInputInput
    Output = TextResult
    legacy_pins = (_LEGACY_OPTIONS,)
    examples = (
        BlockExample(
            title="An option",
            input={"name": "size", "value": "M", "options": ["S", "M", "L"]},
            output=(("result", "M"),),
        ),
        BlockExample(
            title="Options of an old export",
            input={"name": "size", "value": "S", "placeholder_values": ["S", "M", "L"]},
            output=(("result", "S"),),
        ),
    )


class AgentToggleInputInput(GraphPin):
    value: bool = pin(False, advanced=False, title=DEFAULT_TITLE)


class AgentToggleInputOutput(OutputWithoutError):
    result: bool = pin(description="Value of the graph input")


class AgentToggleInputBlock(GraphInput, Block[Any]):
    id = "cbf36ab5-df4a-43b6-8a7f-f7ed8652116e"
    description = "An input of the graph: on or off."
    Input = AgentToggleInputInput
    Output = AgentToggleInputOutput
    examples = (
        BlockExample(title="On", input={"name": "verbose", "value": True}, output=(("result", True),)),
        BlockExample(title="Off unless given", input={"name": "verbose"}, output=(("result", False),)),
    )


class AgentTableInputInput(GraphPin):
    value: list[dict[str, Any]] | None = pin(None, advanced=False, title=DEFAULT_TITLE)
    column_headers: list[str] = pin(list(_DEFAULT_HEADERS), advanced=False, description="Names of the columns")


class AgentTableInputOutput(OutputWithoutError):
    result: list[dict[str, Any]] = pin(description="Value of the graph input")


class AgentTableInputBlock(GraphInput, Block[Any]):
    id = "5603b273-f41e-4020-af7d-fbc9c6a8d928"
    description = "An input of the graph: a table."
    Input = AgentTableInputInput
    Output = AgentTableInputOutput
    examples = (
        BlockExample(
            title="A row",
            input={"name": "people", "value": [{"name": "Ann"}], "column_headers": ["name"]},
            output=(("result", [{"name": "Ann"}]),),
        ),
        BlockExample(title="No rows unless given", input={"name": "people"}, output=(("result", []),)),
    )

    async def run(self, input: AgentTableInputInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "result", input.value or []

    @classmethod
    def graph_value_schema(cls, input_default: Mapping[str, Any]) -> dict[str, Any]:
        given = input_default.get("column_headers")
        headers = cast("list[Any]", given) if isinstance(given, list) and given else _DEFAULT_HEADERS
        columns = {str(header): {"type": "string"} for header in headers}
        return {"type": "array", "format": "table", "items": {"type": "object", "properties": columns}}


class AgentGoogleDriveFileInputInput(GraphPin):
    value: dict[str, Any] | None = pin(None, advanced=False, title="Selected File", description="What was picked")
    allowed_views: list[DriveView] = pin(
        ["DOCS", "SPREADSHEETS", "PRESENTATIONS"], advanced=False, description="What the picker shows"
    )
    allow_folder_selection: bool = pin(False, description="Let people pick folders")


class AgentGoogleDriveFileInputOutput(OutputWithoutError):
    result: dict[str, Any] = pin(description="Value of the graph input")


class AgentGoogleDriveFileInputBlock(GraphInput, Block[Any]):
    """The value is what the picker gives: id, name, mimeType, url and so on, with `_credentials_id`."""

    id = "d3b32f15-6fd7-40e3-be52-e083f51b19a2"
    description = "An input of the graph: a file picked in Google Drive."
    Input = AgentGoogleDriveFileInputInput
    Output = AgentGoogleDriveFileInputOutput
    examples = (
        BlockExample(
            title="A picked file",
            input={"name": "sheet", "value": {"id": "f1", "name": "Budget", "_credentials_id": "c1"}},
            output=(("result", {"id": "f1", "name": "Budget", "_credentials_id": "c1"}),),
        ),
        BlockExample(title="Nothing picked, no emission", input={"name": "sheet"}),
    )

    @classmethod
    def graph_value_schema(cls, input_default: Mapping[str, Any]) -> dict[str, Any]:
        credentials = {
            "provider": "google",
            "type": "oauth2",
            "scopes": list(_DRIVE_SCOPES),
            "kwarg_name": "credentials",
        }
        defaults = cls.input_schema()["properties"]
        config = {
            "multiselect": False,
            "allow_folder_selection": bool(input_default.get("allow_folder_selection", False)),
            "allowed_views": input_default.get("allowed_views") or defaults["allowed_views"]["default"],
            "scopes": list(_DRIVE_SCOPES),
            "auto_credentials": credentials,
        }
        return {
            "type": "object",
            "format": "google-drive-picker",
            "google_drive_picker_config": config,
            "auto_credentials": credentials,
        }
