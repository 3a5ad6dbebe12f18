from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.blocks.logic import CalculatorBlock
from activities.blocks.registry import BlockRegistry, alias_of
from models.blocks import Block, BlockContext, BlockInput, BlockOutput, Emission
from models.errors import ConfigurationError, UnknownBlockError


class EchoBlock(Block[Any]):
    id = "7b0f6b8e-0000-4000-8000-000000000001"
    aliases = ("parrot",)
    description = "Repeats."
    Input = BlockInput
    Output = BlockOutput

    async def run(self, input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        yield "error", "echo"


class OtherBlock(EchoBlock):
    id = "7b0f6b8e-0000-4000-8000-000000000002"
    aliases = ()


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("LLMCallBlock", "llm_call_block"),
        ("TextInputBlock", "text_input_block"),
        ("AgentShortTextInputBlock", "agent_short_text_input_block"),
        ("ReadRSSFeedBlock", "read_rss_feed_block"),
        ("Base64Block", "base64_block"),
    ],
)
def test_alias_of(name: str, alias: str) -> None:
    assert alias_of(name) == alias


@pytest.mark.parametrize("key", [EchoBlock.id, "echo_block", "parrot"])
def test_finds_by_id_and_alias(key: str) -> None:
    registry = BlockRegistry([OtherBlock, EchoBlock])
    assert registry.find(key) is EchoBlock
    assert registry.get(key) is EchoBlock


def test_lists_by_name() -> None:
    assert BlockRegistry([OtherBlock, EchoBlock]).all() == [EchoBlock, OtherBlock]


def test_unknown_blocks_name_similar_ones() -> None:
    registry = BlockRegistry.discover()
    assert registry.find("calculater_block") is None
    with pytest.raises(UnknownBlockError, match=r"'calculater_block'.*Did you mean 'calculator_block'"):
        registry.get("calculater_block")
    with pytest.raises(UnknownBlockError, match="The list of blocks"):
        registry.get("")
    with pytest.raises(UnknownBlockError) as caught:
        registry.get("x" * 100_000)
    assert len(caught.value.message) < 500


class SameIdBlock(EchoBlock):
    aliases = ()


class SameAliasBlock(EchoBlock):
    id = "7b0f6b8e-0000-4000-8000-000000000003"


class AliasOfAnotherBlock(OtherBlock):
    id = "7b0f6b8e-0000-4000-8000-000000000004"
    aliases = ("echo_block",)


@pytest.mark.parametrize("block", [SameIdBlock, SameAliasBlock, AliasOfAnotherBlock])
def test_refuses_duplicates(block: type[Block[Any]]) -> None:
    with pytest.raises(ConfigurationError, match="share the id or alias"):
        BlockRegistry([EchoBlock, block])


def test_refuses_incomplete_blocks() -> None:
    class NamelessBlock(Block[Any]):
        async def run(self, input: Any, context: BlockContext) -> AsyncIterator[Emission]:
            yield "a", 1

    with pytest.raises(ConfigurationError, match="declares no id, description, Input, Output"):
        BlockRegistry([NamelessBlock])


def test_discovers_the_built_in_blocks() -> None:
    assert BlockRegistry.discover().get("calculator_block") is CalculatorBlock


PLUGIN = """
from typing import Any
from models.blocks import Block, BlockInput, BlockOutput

class PluginBlock(Block[Any]):
    id = "7b0f6b8e-0000-4000-8000-000000000009"
    description = "Comes from a package."
    Input = BlockInput
    Output = BlockOutput

    async def run(self, input, context):
        yield "error", "plugin"

class _HiddenBlock(PluginBlock):
    pass

NUMBER = 5
"""


def install_plugin(folder: Path, name: str, target: str) -> None:
    """What pip leaves of a package with one entry point."""
    (folder / f"{name}_blocks.py").write_text(PLUGIN)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[perdure.blocks]\n{name} = {name}_blocks{target}\n")


@pytest.mark.parametrize(("name", "target"), [("pluginmodule", ""), ("pluginclass", ":PluginBlock")])
def test_discovers_installed_blocks(name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, name, target)
    monkeypatch.syspath_prepend(tmp_path)
    registry = BlockRegistry.discover()
    assert registry.get("plugin_block").description == "Comes from a package."
    assert len(registry.all()) == len({block.id for block in registry.all()})


@pytest.mark.parametrize(("name", "target"), [("pluginwrong", ":NUMBER"), ("pluginmissing", ":Missing")])
def test_a_broken_entry_point_is_named(name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, name, target)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=f"'{name}'"):
        BlockRegistry.discover()
