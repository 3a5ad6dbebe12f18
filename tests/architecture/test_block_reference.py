"""docs/blocks/ shows every block as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

import services
from activities.blocks.registry import BlockRegistry
from services.cli.block_reference import INDEX, render, write

ROOT = Path(services.__file__).parent.parent
COMMITTED = ROOT / "docs/blocks"


def test_the_committed_pages_are_the_generated_ones() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.iterdir()}
    assert committed == render(), "run: make docs"


def test_every_block_is_in_the_index_and_on_one_page() -> None:
    pages = render()
    index = pages.pop(INDEX)
    for block in BlockRegistry.built_in().all():
        [page] = [name for name, content in pages.items() if f"\n## {block.name()}\n" in content]
        assert f"| [{block.name()}]({page}#{block.name().lower()}) | `{block.id}` |" in index
        shown = pages[page].partition(f"\n## {block.name()}\n")[2].partition("\n## ")[0]
        for schema in (block.input_schema(), block.output_schema()):
            assert [pin for pin in schema["properties"] if f"| `{pin}` |" not in shown] == []
        assert shown.count("\nExample") == len(block.examples)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_pages_do_not_depend_on_the_process(seed: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.cli.block_reference", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed, "PATH": ""}, timeout=120)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == render()


def test_pages_of_families_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    (tmp_path / "kept.txt").write_text("ours")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"kept.txt", *render()}
