"""Which blocks there are, found by id or alias."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel

from activities.blocks.discovery import BlockProblem, find_built_in_blocks, find_installed_blocks
from models.blocks import Block
from models.errors import ConfigurationError, UnknownBlockError

BlockType = type[Block[Any]]

WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Between the words of a class name."""

_REQUIRED_ATTRIBUTES = ("id", "description", "Input", "Output")


def alias_of(class_name: str) -> str:
    """The readable id of a block: `LLMCallBlock` is `llm_call_block`."""
    return WORD_STARTS.sub("_", class_name).lower()


class BlockRegistry:
    """A set of block classes, found by id or alias.

    Args:
        blocks: the classes, in any order.

    Attributes:
        problems: what has been left out of it, and why.

    Raises:
        ConfigurationError: two blocks share a name, an id or an alias, or a class declares too little.
    """

    def __init__(self, blocks: Iterable[BlockType]) -> None:
        self._blocks: list[BlockType] = []
        self._by_key: dict[str, BlockType] = {}
        self.problems: tuple[BlockProblem, ...] = ()
        for block in sorted(blocks, key=lambda block: block.name()):
            self._add(block)

    def _add(self, block: BlockType) -> None:
        """Raises ConfigurationError, and then is as it was."""
        _check_declaration(block)
        keys = dict.fromkeys((block.id, alias_of(block.name()), *block.aliases))
        for key in keys:
            other = self._by_key.get(key, block)
            if other is not block:
                raise ConfigurationError(
                    f"Blocks {_place(other)} and {_place(block)} share the id or alias {key!r}. Rename one."
                )
        self._by_key.update(dict.fromkeys(keys, block))
        if block not in self._blocks:
            self._blocks.append(block)

    @classmethod
    def built_in(cls) -> Self:
        """The blocks of Perdure itself. Raises ConfigurationError as the constructor does."""
        return cls(find_built_in_blocks())

    @classmethod
    def discover(cls) -> Self:
        """The blocks of Perdure itself, and those of installed packages.

        What is wrong with a package costs its blocks and nothing else: they are left out, and `problems` says why. Of
        two blocks with the same id or alias the built-in one is kept, else that of the package first by name.
        """
        registry = cls.built_in()
        installed, problems = find_installed_blocks()
        for found in installed:
            try:
                registry._add(found.block)
                # A schema that cannot be made would fail later, and for everybody.
                found.block.input_schema()
                found.block.output_schema()
            except Exception as error:
                reason = error.message if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}."
                registry._remove(found.block)
                problems.append(found.problem(f"Block {_place(found.block)} cannot be used: {reason}"))
        registry._blocks.sort(key=lambda block: block.name())
        registry.problems = tuple(problems)
        return registry

    def _remove(self, block: BlockType) -> None:
        self._blocks = [other for other in self._blocks if other is not block]
        self._by_key = {key: other for key, other in self._by_key.items() if other is not block}

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


def _check_declaration(block: BlockType) -> None:
    missing = [attribute for attribute in _REQUIRED_ATTRIBUTES if not hasattr(block, attribute)]
    if missing:
        raise ConfigurationError(f"Block {block.name()!r} declares no {', '.join(missing)}. Add them.")
    wrong = [name for name in ("Input", "Output") if not _is_model(getattr(block, name))]
    if wrong:
        raise ConfigurationError(f"{' and '.join(wrong)} of block {block.name()!r} must be pydantic models.")
    aliases: object = block.aliases
    if not isinstance(aliases, tuple) or not all(isinstance(key, str) and key for key in (block.id, *aliases)):
        raise ConfigurationError(f"Id and tuple of aliases of block {block.name()!r} must be texts that are not empty.")


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _place(block: BlockType) -> str:
    return f"{block.__module__}.{block.__qualname__}"
