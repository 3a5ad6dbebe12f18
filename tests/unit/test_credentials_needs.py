"""Which credentials a graph asks for, and what it says of triggers and sensitive actions."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import Field

from activities.blocks.registry import BlockRegistry
from activities.credentials_needs import CredentialsNeed, credentials_input_schema, find_credentials_needs
from activities.graph_interface import GraphInterface
from models.blocks import Block, BlockContext, BlockInput, BlockKind, Emission, pin
from models.graph import Node
from tests.builders import make_graph, make_node
from tests.sample_blocks import VaultBlock, sample_registry


def credentials(*providers: str, types: Sequence[str] = ("api_key",), **extras: Any) -> dict[str, Any]:
    return {"credentials_provider": list(providers), "credentials_types": list(types), **extras}


class FetchInput(BlockInput):
    url: str = pin("")
    credentials: dict[str, Any] = Field(
        json_schema_extra=credentials("http", types=("host_scoped",), discriminator="url")
    )


class FetchBlock(VaultBlock):
    id = "fetch"
    Input = FetchInput


class MailInput(BlockInput):
    payload: dict[str, Any] = pin({}, hidden=True)
    folder: str = pin()
    credentials: dict[str, Any] = Field(
        json_schema_extra=credentials("google", types=("oauth2",), credentials_scopes=["mail.read"])
    )


class MailTriggerBlock(VaultBlock):
    id = "mail"
    Input = MailInput
    kind = BlockKind.WEBHOOK
    is_sensitive_action = True


class SendInput(BlockInput):
    credentials: dict[str, Any] = Field(
        json_schema_extra=credentials("google", types=("oauth2",), credentials_scopes=["mail.send"])
    )


class SendBlock(VaultBlock):
    id = "send"
    Input = SendInput


class HookInput(BlockInput):
    payload: dict[str, Any] = pin({}, hidden=True)
    my_credentials: str = pin("", description="Is called so, but takes none")


class HookBlock(Block[HookInput]):
    id = "hook"
    description = "Waits for calls of anybody."
    Input = HookInput
    Output = VaultBlock.Output
    kind = BlockKind.WEBHOOK_MANUAL
    webhook_provider = "generic_webhook"

    async def run(self, input: HookInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.payload


BLOCKS = BlockRegistry([*sample_registry().all(), FetchBlock, MailTriggerBlock, SendBlock, HookBlock])


def needs(*graphs: Sequence[Node]) -> dict[str, CredentialsNeed]:
    found = find_credentials_needs([make_graph(nodes, blocks=BLOCKS) for nodes in graphs], BLOCKS)
    return {need.key: need for need in found}


def test_a_pin_of_the_node_picks_the_provider() -> None:
    found = needs([make_node("a", "vault", model="large"), make_node("b", "vault")])
    assert list(found) == ["anthropic_api_key_credentials", "jina_api_key_credentials", "openai_api_key_credentials"]
    assert found["openai_api_key_credentials"].discriminator_values == {"small"}
    assert [use.node_id for use in found["jina_api_key_credentials"].uses] == ["a", "b"]


def test_a_value_that_picks_none_leaves_the_choice() -> None:
    need = needs([make_node("a", "vault", model="brand new")])["anthropic-openai_api_key_credentials"]
    assert need.schema()["properties"]["provider"] == {
        "enum": ["anthropic", "openai"],
        "title": "Provider",
        "type": "string",
    }


def test_the_schema_has_the_form_of_the_platforms() -> None:
    (need,) = needs([make_node("s", "send")]).values()
    assert need.schema() == {
        "credentials_provider": ["google"],
        "credentials_types": ["oauth2"],
        "credentials_scopes": ["mail.send"],
        "properties": {
            "id": {"title": "Id", "type": "string"},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Title"},
            "provider": {"const": "google", "title": "Provider", "type": "string"},
            "type": {"const": "oauth2", "title": "Type", "type": "string"},
        },
        "required": ["id", "provider", "type"],
        "title": "CredentialsMetaInput[Literal[<ProviderName.GOOGLE: 'google'>], Literal['oauth2']]",
        "type": "object",
        "discriminator_values": [],
    }


def test_needs_that_go_together_are_one_across_sub_graphs() -> None:
    (need,) = needs([make_node("m", "mail", folder="in")], [make_node("s", "send")]).values()
    assert need.scopes == {"mail.read", "mail.send"}
    assert [use.node_id for use in need.uses] == ["m", "s"]


def test_each_host_is_asked_for_on_its_own() -> None:
    nodes = [make_node(str(i), "fetch", url=url) for i, url in enumerate(("https://a.example/x", "b.example:8/y", ""))]
    assert list(needs(nodes)) == [
        "a.example_host_scoped_credentials",
        "b.example:8_host_scoped_credentials",
        "http_host_scoped_credentials",
    ]


def test_a_need_is_required_if_one_node_cannot_do_without() -> None:
    optional = {"credentials_optional": True}
    both = [make_node("a", "send", optional), make_node("b", "send")]
    assert [need.required for need in needs(both).values()] == [True]
    assert [need.required for need in needs(both[:1]).values()] == [False]
    schema = credentials_input_schema(list(needs([make_node("v", "vault")]).values()), "My Agent (1)")
    assert schema["required"] == ["openai_api_key_credentials"]
    assert schema["title"] == "MyAgent(1)CredentialsInputSchema"


def test_a_graph_without_needs_has_an_empty_schema() -> None:
    assert credentials_input_schema([], "X") == {"type": "object", "properties": {}, "required": []}
    assert needs([make_node("h", "hook"), make_node("e", "echo")]) == {}


def test_the_first_trigger_says_how_it_is_set_up() -> None:
    interface = GraphInterface(make_graph([make_node("m", "mail", folder="in")], blocks=BLOCKS), BLOCKS)
    info = interface.trigger_setup_info()
    assert info is not None
    assert (info["provider"], info["credentials_input_name"]) == ("google", "credentials")
    assert set(info["config_schema"]["properties"]) == {"payload", "folder"}
    assert info["config_schema"]["required"] == ["folder"]
    assert interface.has_external_trigger()
    assert interface.has_sensitive_action()


def test_a_trigger_for_anybody_needs_no_credentials() -> None:
    info = GraphInterface(make_graph([make_node("h", "hook")], blocks=BLOCKS), BLOCKS).trigger_setup_info()
    assert info is not None
    assert (info["provider"], info["credentials_input_name"]) == ("generic_webhook", None)
    plain = GraphInterface(make_graph([make_node("e", "echo")], blocks=BLOCKS), BLOCKS)
    assert plain.trigger_setup_info() is None
    assert not plain.has_sensitive_action()
