import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from activities.blocks.logic import CalculatorBlock
from activities.blocks.registry import BlockRegistry, alias_of
from infra.diagnosis.blocks import check_blocks
from infra.diagnosis.finding import Status
from infra.installed_blocks import discover_blocks
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
from infra.diagnosis.blocks import check_blocks
from infra.diagnosis.finding import Status
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


def install_plugin(folder: Path, name: str, target: str, source: str = PLUGIN) -> None:
    """What pip leaves of a package with one entry point."""
    (folder / f"{name}_blocks.py").write_text(source)
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


ID = "7b0f6b8e-0000-4000-8000-000000000009"
BROKEN = {
    "no block": (":NUMBER", PLUGIN, "names neither a block nor a module that defines one"),
    "a module without blocks": ("", "NUMBER = 5", "names neither a block nor a module that defines one"),
    "no such name": (":Missing", PLUGIN, "cannot be loaded (AttributeError"),
    "a syntax error": ("", "def (", "cannot be loaded (SyntaxError"),
    "a missing module": ("", "import no_such_module", "cannot be loaded (ModuleNotFoundError"),
    "an exit at import": ("", "import sys; sys.exit('no licence')", "cannot be loaded (SystemExit: no licence"),
    "no description": ("", PLUGIN.replace("description =", "text ="), "declares no description"),
    "an input that is no model": ("", PLUGIN.replace("Input = BlockInput", "Input = dict"), "must be pydantic models"),
    "an id that is no text": ("", PLUGIN.replace(f'"{ID}"', "5"), "must be texts"),
    "aliases that are no tuple": ("", PLUGIN.replace("id =", "aliases = 'parrot'; id ="), "tuple of aliases"),
    "a schema that cannot be made": (
        "",
        PLUGIN.replace("Input = BlockInput", "Input = type('I', (BlockInput,), {'__annotations__': {'a': type(len)}})"),
        "cannot be loaded (PydanticSchemaGenerationError",
    ),
    "a schema that cannot be shown": (
        "",
        PLUGIN.replace("Input = BlockInput", "Input = create_model('I', a=Callable[[], int])").replace(
            "from typing import Any", "from typing import Any, Callable; from pydantic import create_model"
        ),
        "PydanticInvalidForJsonSchema",
    ),
    "the id of a built-in block": (
        "",
        PLUGIN.replace(ID, CalculatorBlock.id),
        f"share the id or alias '{CalculatorBlock.id}'",
    ),
    "the alias of a built-in block": ("", PLUGIN.replace("id =", "aliases = ('calculator_block',); id ="), "share"),
    "the name of a built-in block": ("", PLUGIN.replace("PluginBlock", "CalculatorBlock"), "'calculator_block'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package_costs_only_its_blocks(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, source, said = BROKEN[case]
    name = "broken" + re.sub(r"\W", "_", case)
    install_plugin(tmp_path, name, target, source)
    install_plugin(tmp_path, "intact" + name, "", PLUGIN.replace("PluginBlock", "IntactBlock"))
    monkeypatch.syspath_prepend(tmp_path)
    registry = BlockRegistry.discover()
    assert registry.all() == sorted(
        [*BlockRegistry.built_in().all(), registry.get("intact_block")], key=lambda block: block.name()
    )
    assert registry.get("calculator_block") is registry.get(CalculatorBlock.id) is CalculatorBlock
    [problem] = registry.problems
    assert problem.distribution == name
    assert problem.entry_point == f"{name} = {name}_blocks{target}"
    assert said in problem.reason
    [finding] = check_blocks(registry)
    assert finding.status is Status.PROBLEM
    assert f"uninstall the package '{name}'" in finding.hint


def test_of_two_packages_the_first_by_name_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, "zweite", "")
    install_plugin(tmp_path, "erste", "")
    monkeypatch.syspath_prepend(tmp_path)
    registry = BlockRegistry.discover()
    assert registry.get("plugin_block").__module__ == "erste_blocks"
    assert [problem.distribution for problem in registry.problems] == ["zweite"]
    assert "erste_blocks.PluginBlock and zweite_blocks.PluginBlock share" in registry.problems[0].reason


def test_built_in_blocks_have_no_problems() -> None:
    registry = BlockRegistry.built_in()
    assert registry.problems == ()
    assert check_blocks(registry)[0].status is Status.OK


def test_a_serving_process_logs_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, "pluginlogged", ":Missing")
    monkeypatch.syspath_prepend(tmp_path)
    with capture_logs() as logs:
        assert discover_blocks().get("calculator_block") is CalculatorBlock
    [entry] = logs
    assert (entry["log_level"], entry["distribution"]) == ("warning", "pluginlogged")
    assert "Missing" in entry["reason"]
