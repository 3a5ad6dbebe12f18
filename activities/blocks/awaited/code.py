"""Blocks that run code and queries, or call tools of other servers."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from activities.blocks._credentials import credentials_of
from activities.blocks.awaited._declaring import Pins, awaited, missing
from models.blocks import Block, BlockCategory, BlockKind, pin

_SANDBOX = missing("a sandbox for code, and a store of credentials")

_Language = Literal["python", "js", "bash", "r", "java"]


class CodeResult(BaseModel):
    """What a piece of code showed, in the forms it has."""

    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    svg: str | None = None
    png: str | None = None
    jpeg: str | None = None
    pdf: str | None = None
    latex: str | None = None
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    javascript: str | None = None
    data: dict[str, Any] | None = None
    chart: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None


class OneOfCodeResults(CodeResult):
    is_main_result: bool = False


def _credentials_pin() -> Pins:
    return {"credentials": (credentials_of("e2b", kind="api_key"), pin(description="E2B API key"))}


def _language_pin() -> Pins:
    return {"language": (_Language, pin("python", advanced=False, description="Language of the code"))}


def _result_pins() -> Pins:
    return {
        "main_result": (CodeResult, pin(description="The main result")),
        "results": (list[OneOfCodeResults], pin(description="All results")),
    }


def _text_pins() -> Pins:
    return {
        "response": (str, pin(description="The main result as text")),
        "stdout_logs": (str, pin(description="What the code printed")),
        "stderr_logs": (str, pin(description="What it printed as errors")),
    }


ExecuteCodeBlock = awaited(
    __name__,
    "ExecuteCodeBlock",
    id="0b02b072-abe7-11ef-8372-fb5d162dd712",
    description="Runs code in a new sandbox.",
    categories=(BlockCategory.DEVELOPER_TOOLS,),
    disabled=_SANDBOX,
    inputs={
        **_credentials_pin(),
        "setup_commands": (list[str], pin([], advanced=False, description="Shell commands to run first")),
        "variables": (
            dict[str, Any],
            pin({}, advanced=False, description="Variables of the code, usually linked to `variables_#_<name>`"),
        ),
        "code": (str, pin("", advanced=False, description="The code")),
        **_language_pin(),
        "timeout": (int, pin(300, description="Seconds the sandbox may live")),
        "dispose_sandbox": (bool, pin(True, description="Remove the sandbox at the end")),
        "template_id": (str, pin("", description="Template of the sandbox")),
    },
    outputs={
        **_result_pins(),
        **_text_pins(),
        "files": (list[dict[str, Any]], pin(description="Files the code left behind")),
    },
)

InstantiateCodeSandboxBlock = awaited(
    __name__,
    "InstantiateCodeSandboxBlock",
    id="ff0861c9-1726-4aec-9e5b-bf53f3622112",
    description="Makes a sandbox in which further blocks run code.",
    categories=(BlockCategory.DEVELOPER_TOOLS,),
    disabled=_SANDBOX,
    inputs={
        **_credentials_pin(),
        "setup_commands": (list[str], pin([], advanced=False, description="Shell commands to run first")),
        "setup_code": (str, pin("", advanced=False, description="Code to run then")),
        **_language_pin(),
        "timeout": (int, pin(300, description="Seconds the sandbox may live")),
        "template_id": (str, pin("", description="Template of the sandbox")),
    },
    outputs={"sandbox_id": (str, pin(description="Id of the sandbox")), **_text_pins()},
)

ExecuteCodeStepBlock = awaited(
    __name__,
    "ExecuteCodeStepBlock",
    id="82b59b8e-ea10-4d57-9161-8b169b0adba6",
    description="Runs code in a sandbox that another block has made.",
    categories=(BlockCategory.DEVELOPER_TOOLS,),
    disabled=_SANDBOX,
    inputs={
        **_credentials_pin(),
        "sandbox_id": (str, pin(description="Id of the sandbox")),
        "step_code": (str, pin("", advanced=False, description="The code")),
        **_language_pin(),
        "dispose_sandbox": (bool, pin(False, description="Remove the sandbox at the end")),
        "timeout": (
            int | None,
            pin(None, advanced=False, ge=1, le=3600, description="Seconds more the sandbox may live"),
        ),
    },
    outputs={**_result_pins(), **_text_pins()},
)

SQLQueryBlock = awaited(
    __name__,
    "SQLQueryBlock",
    id="4dc35c0f-4fd8-465e-9616-5a216f1ba2bc",
    description="Runs one SQL statement in a database, reading only unless told otherwise.",
    categories=(BlockCategory.DATA,),
    disabled=missing("clients of databases that reach no private address, and a store of credentials"),
    inputs={
        "database_type": (
            Literal["postgres", "mysql", "mssql"],
            pin("postgres", advanced=False, description="Kind of database"),
        ),
        "host": (str, pin(secret=True, description="Host of the database")),
        "port": (int | None, pin(None, ge=1, le=65_535, description="Its port, by default the usual one")),
        "database": (str, pin(description="Name of the database")),
        "query": (str, pin(description="The statement")),
        "read_only": (bool, pin(True, description="Allow no changes")),
        "timeout": (int, pin(30, ge=1, le=120, description="Seconds the statement may take")),
        "max_rows": (int, pin(1000, ge=1, le=10_000, description="Most rows to get")),
        "credentials": (
            credentials_of("database", kind="user_password"),
            pin(description="Account in the database"),
        ),
    },
    outputs={
        "results": (list[dict[str, Any]], pin(description="The rows")),
        "columns": (list[str], pin(description="Names of their columns")),
        "row_count": (int, pin(description="How many there are")),
        "truncated": (bool, pin(description="Whether there were more")),
        "affected_rows": (int, pin(description="How many rows were changed, if the statement changes any")),
    },
)


def _properties(schema: object) -> Mapping[str, Any]:
    properties = cast("dict[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
    return cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}


class _ToolBlock(Block[Any]):
    """Besides its own pins it takes the arguments that the schema of the chosen tool declares."""

    @classmethod
    def has_input_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        return pin_name in _properties(input_default.get("tool_input_schema")) or super().has_input_pin(
            pin_name, input_default
        )


MCPToolBlock = awaited(
    __name__,
    "MCPToolBlock",
    id="a0a4b1c2-d3e4-4f56-a7b8-c9d0e1f2a3b4",
    description="Calls a tool of an MCP server.",
    categories=(BlockCategory.DEVELOPER_TOOLS,),
    kind=BlockKind.MCP_TOOL,
    base=_ToolBlock,
    disabled=missing("an MCP client, and a store of credentials"),
    inputs={
        "server_url": (str, pin(description="Address of the server")),
        "credentials": (
            credentials_of("mcp", kind="oauth2", discriminator="server_url"),
            pin({}, description="Account on the server, if it wants one"),
        ),
        "selected_tool": (str, pin("", description="The tool")),
        "tool_input_schema": (
            dict[str, Any],
            pin({}, hidden=True, description="JSON schema of its arguments, which are pins of the node"),
        ),
        "tool_arguments": (dict[str, Any], pin({}, description="Arguments that are not linked")),
    },
    outputs={"result": (Any, pin(description="What the tool answers"))},
)

BlockInstallationBlock = awaited(
    __name__,
    "BlockInstallationBlock",
    id="45e78db5-03e9-447f-9395-308d712f5f08",
    description="Installs a block from its source.",
    categories=(BlockCategory.BASIC,),
    disabled="it would run code of its users in the server. Blocks come with installed packages here.",
    inputs={"code": (str, pin(description="Source of the block"))},
    outputs={"success": (str, pin(description="That it was installed"))},
)
