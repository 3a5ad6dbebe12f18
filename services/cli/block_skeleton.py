"""What `perdure new-block` writes: a block that works, its test, and a package around them."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final, Self
from uuid import uuid4

from activities.blocks.registry import alias_of
from infra.release import DISTRIBUTION, own_version
from models.errors import ConflictError, InvalidRequestError

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*([ _-]+[A-Za-z0-9]+)*")
_FAMILY: Final = re.compile(r"[a-z][a-z0-9_]*")
_MAX_CHARACTERS: Final = 30
_MACHINERY: Final = frozenset({"discovery", "registry"})

_BLOCK: Final = Template('''\
"""$title."""

from collections.abc import AsyncIterator

from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin


class ${stem}Input(BlockInput):
    text: str = pin(description="What the block works on")


class ${stem}Output(BlockOutput):
    result: str = pin(description="What it makes of it")


class ${stem}Block(Block[${stem}Input]):
    id = "$id"
    description = "Gives back its text."
    Input = ${stem}Input
    Output = ${stem}Output
    categories = (BlockCategory.BASIC,)
    examples = (BlockExample(title="A text", input={"text": "hello"}, output=(("result", "hello"),)),)

    async def run(self, input: ${stem}Input, context: BlockContext) -> AsyncIterator[Emission]:
        yield "result", input.text
''')
_TEST: Final = Template("""\
$imports


async def test_examples() -> None:
    await check_examples(${stem}Block)


async def test_a_missing_text_is_named() -> None:
    with pytest.raises(BlockInputError, match="pin 'text' needs a value"):
        await run_block(${stem}Block, {})


async def test_cancellation_passes_through() -> None:
    assert await check_cancellation(${stem}Block, {"text": "hello"})
""")
_TEST_IMPORTS: Final = """\
from models.block_testing import check_cancellation, check_examples, run_block
from models.errors import BlockInputError"""
_PYPROJECT: Final = Template("""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "The block ${stem}Block for Perdure"
requires-python = ">=3.11"
dependencies = ["$perdure"]

[project.entry-points."perdure.blocks"]
$module = "$package.$module"

[dependency-groups]
dev = ["pyright", "pytest", "pytest-asyncio", "ruff"]

[tool.ruff]
line-length = 120

[tool.ruff.lint]
select = ["B", "E", "F", "I", "RUF", "UP"]

[tool.pyright]
typeCheckingMode = "strict"

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
testpaths = ["tests"]
""")


@dataclass(frozen=True, slots=True)
class BlockName:
    """`stem` is the class name without "Block", `snake` the same for files: `RSSFeed`, `rss_feed`."""

    stem: str
    snake: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `WeatherReport`, `weather_report`, "weather report", each with or without "block" at its end.

        Raises:
            InvalidRequestError: no class can be called so.
        """
        words = re.split(r"[ _-]+", text) if _NAME.fullmatch(text) and len(text) <= _MAX_CHARACTERS else []
        joined = "".join(word[0].upper() + word[1:] for word in words)
        stem = re.sub("[Bb]lock$", "", joined)
        if not stem:
            raise InvalidRequestError(
                f"{text[:_MAX_CHARACTERS]!r} cannot be the name of a block. Use ASCII letters and digits, a letter "
                f"first, at most {_MAX_CHARACTERS}: WeatherReport, or weather_report."
            )
        return cls(stem=stem, snake=alias_of(stem))

    @property
    def alias(self) -> str:
        return alias_of(f"{self.stem}Block")


def find_checkout(folder: Path) -> Path | None:
    """The root of Perdure's own sources that `folder` is in."""
    for candidate in (folder, *folder.parents):
        if (candidate / "activities/blocks/registry.py").is_file() and (candidate / "models/blocks.py").is_file():
            return candidate
    return None


def files_in_checkout(name: BlockName, *, family: str | None) -> dict[Path, str]:
    """Content by path under the root. Raises InvalidRequestError if `family` cannot be a module."""
    module = _module(name.snake if family is None else family)
    imports = f"import pytest\n\nfrom activities.blocks.{module} import {name.stem}Block\n{_TEST_IMPORTS}"
    return {
        Path("activities/blocks", f"{module}.py"): _block(name, module),
        Path("tests/unit/blocks", f"test_{module}.py"): _TEST.substitute(stem=name.stem, imports=imports),
    }


def files_of_package(name: BlockName, *, family: str | None) -> dict[Path, str]:
    """Content by path, all below one folder. Raises InvalidRequestError if `family` cannot be a module."""
    module = _module("blocks" if family is None else family)
    package = f"perdure_{name.snake}"
    distribution = package.replace("_", "-")
    release = own_version()
    pyproject = _PYPROJECT.substitute(
        distribution=distribution,
        stem=name.stem,
        module=module,
        package=package,
        perdure=f"{DISTRIBUTION}>={release}" if release else DISTRIBUTION,
    )
    imports = f"import pytest\n{_TEST_IMPORTS}\n\nfrom {package}.{module} import {name.stem}Block"
    root = Path(distribution)
    return {
        root / "pyproject.toml": pyproject,
        root / package / "__init__.py": "",
        root / package / f"{module}.py": _block(name, module),
        root / "tests" / f"test_{module}.py": _TEST.substitute(stem=name.stem, imports=imports),
    }


def write_new(root: Path, files: Mapping[Path, str]) -> None:
    """Writes all files below `root`, or none.

    Raises:
        ConflictError: one of them is there.
        InvalidRequestError: they cannot be written.
    """
    taken = [path for path in files if (root / path).exists()]
    if taken:
        raise ConflictError(
            f"{taken[0]} is there already, and nothing was written. Choose another name or --family, or add the block "
            "to that file by hand."
        )
    try:
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise InvalidRequestError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _block(name: BlockName, module: str) -> str:
    words = (name.snake if module == "blocks" else module).replace("_", " ")
    return _BLOCK.substitute(title=words.capitalize(), stem=name.stem, id=uuid4())


def _module(family: str) -> str:
    module = Path(family).name.removesuffix(".py")
    if not _FAMILY.fullmatch(module) or keyword.iskeyword(module) or module in _MACHINERY:
        raise InvalidRequestError(
            f"{family[:_MAX_CHARACTERS]!r} cannot be a module of blocks. Give --family a word like text or web_pages."
        )
    return module
