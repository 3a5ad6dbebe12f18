"""Which blocks there are: every module beside this one, and installed packages with entry points `perdure.blocks`."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Self

import activities.blocks
from models.blocks import Block
from models.errors import ConfigurationError, UnknownBlockError

BlockType = type[Block[Any]]

ENTRY_POINT_GROUP = "perdure.blocks"

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_REQUIRED_ATTRIBUTES = ("id", "description", "Input", "Output")


def alias_of(class_name: str) -> str:
    """The readable id of a block: `LLMCallBlock` is `llm_call_block`."""
    return _WORD_STARTS.sub("_", class_name).lower()


class BlockRegistry:
    """An immutable set of block classes, found by id or alias.

    Args:
        blocks: the classes, in any order.

    Raises:
        ConfigurationError: two blocks share a name, an id or an alias, or a class declares too little.
    """

    def __init__(self, blocks: Iterable[BlockType]) -> None:
        self._blocks = sorted(blocks, key=lambda block: block.name())
        self._by_key: dict[str, BlockType] = {}
        for block in self._blocks:
            missing = [attribute for attribute in _REQUIRED_ATTRIBUTES if not hasattr(block, attribute)]
            if missing:
                raise ConfigurationError(f"Block {block.name()!r} declares no {', '.join(missing)}. Add them.")
            for key in dict.fromkeys((block.id, alias_of(block.name()), *block.aliases)):
                self._add(key, block)

    def _add(self, key: str, block: BlockType) -> None:
        other = self._by_key.setdefault(key, block)
        if other is not block:
            raise ConfigurationError(
                f"Blocks {_place(other)} and {_place(block)} share the id or alias {key!r}. Rename one."
            )

    @classmethod
    def discover(cls) -> Self:
        """All built-in blocks and those of installed packages.

        An entry point of the group `perdure.blocks` names a block class or a module that defines some.

        Raises:
            ConfigurationError: an entry point cannot be loaded, or as for the constructor.
        """
        found: dict[BlockType, None] = {}
        for module in _built_in_modules():
            found.update(dict.fromkeys(_blocks_in(module)))
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            try:
                loaded = entry_point.load()
            except Exception as error:
                raise ConfigurationError(
                    f"Entry point {entry_point.name!r} ({entry_point.value}) of group {ENTRY_POINT_GROUP!r} "
                    f"cannot be loaded: {error}. Repair or uninstall its package."
                ) from error
            found.update(dict.fromkeys(_blocks_of_entry_point(entry_point.name, loaded)))
        return cls(found)

    def find(self, block_id: str) -> BlockType | None:
        """The block with this id or alias, or None."""
        return self._by_key.get(block_id)

    def get(self, block_id: str) -> BlockType:
        """The block with this id or alias.

        Raises:
            UnknownBlockError: there is none; the message names similar ones.
        """
        block = self._by_key.get(block_id)
        if block is not None:
            return block
        similar = get_close_matches(block_id[:100], self._by_key, n=3, cutoff=0.75)
        hint = f"Did you mean {' or '.join(map(repr, similar))}?" if similar else "The list of blocks shows all ids."
        raise UnknownBlockError(f"Invalid block {block_id[:100]!r}: there is no such block. {hint}")

    def all(self) -> list[BlockType]:
        """Every block once, sorted by name."""
        return list(self._blocks)


def _built_in_modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(activities.blocks.__path__, activities.blocks.__name__ + "."):
        yield importlib.import_module(info.name)


def _blocks_in(module: ModuleType) -> list[BlockType]:
    """Concrete public block classes that `module` itself defines."""
    return [
        value
        for name, value in vars(module).items()
        if _is_block(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _blocks_of_entry_point(name: str, loaded: object) -> list[BlockType]:
    if isinstance(loaded, ModuleType):
        return _blocks_in(loaded)
    if isinstance(loaded, type) and _is_block(loaded):
        return [loaded]
    raise ConfigurationError(f"Entry point {name!r} of group {ENTRY_POINT_GROUP!r} names neither a block nor a module.")


def _is_block(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Block) and not inspect.isabstract(value)


def _place(block: BlockType) -> str:
    return f"{block.__module__}.{block.__qualname__}"
