"""Where blocks come from: every module beside this one, and installed packages with entry points `perdure.blocks`."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

import activities.blocks
from models.blocks import Block

BlockType = type[Block[Any]]

ENTRY_POINT_GROUP: Final = "perdure.blocks"


@dataclass(frozen=True, slots=True)
class BlockProblem:
    """Something of an installed package that could not become a block, and why. Only that package can repair it."""

    distribution: str
    entry_point: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstalledBlock:
    block: BlockType
    entry_point: EntryPoint

    def problem(self, reason: str) -> BlockProblem:
        return _problem(self.entry_point, reason)


def find_built_in_blocks() -> list[BlockType]:
    """Those of all modules of this package."""
    modules = pkgutil.walk_packages(activities.blocks.__path__, activities.blocks.__name__ + ".")
    return [block for info in modules for block in blocks_in(importlib.import_module(info.name))]


def find_installed_blocks() -> tuple[list[InstalledBlock], list[BlockProblem]]:
    """Those of other distributions, by name of the distribution, and what kept others from being found.

    An entry point names a block class, or a module that defines some.
    """
    found: dict[BlockType, InstalledBlock] = {}
    problems: list[BlockProblem] = []
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (_owner(point), point.name)):
        try:
            loaded: object = entry_point.load()
        except (Exception, SystemExit) as error:
            problems.append(_problem(entry_point, f"It cannot be loaded ({type(error).__name__}: {error})."))
            continue
        blocks = list(_blocks_of(loaded))
        if not blocks:
            problems.append(_problem(entry_point, "It names neither a block nor a module that defines one."))
        for block in blocks:
            found.setdefault(block, InstalledBlock(block, entry_point))
    return list(found.values()), problems


def blocks_in(module: ModuleType) -> list[BlockType]:
    """Concrete public block classes that `module` itself defines."""
    return [
        value
        for name, value in vars(module).items()
        if _is_block(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _blocks_of(loaded: object) -> Iterator[BlockType]:
    if isinstance(loaded, ModuleType):
        yield from blocks_in(loaded)
    elif isinstance(loaded, type) and _is_block(loaded):
        yield loaded


def _is_block(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Block) and not inspect.isabstract(value)


def _owner(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else entry_point.module


def _problem(entry_point: EntryPoint, reason: str) -> BlockProblem:
    return BlockProblem(
        distribution=_owner(entry_point), entry_point=f"{entry_point.name} = {entry_point.value}", reason=reason
    )
