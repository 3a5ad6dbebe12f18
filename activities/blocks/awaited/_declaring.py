"""Blocks that are known, but cannot run yet: clients see them with their pins, and graphs may have them."""

from collections.abc import AsyncIterator, Mapping
from types import new_class
from typing import Any

from pydantic import create_model

from models.blocks import Block, BlockCategory, BlockContext, BlockEffect, BlockInput, BlockKind, BlockOutput, Emission
from models.errors import BlockDisabledError

BlockType = type[Block[Any]]
Pins = Mapping[str, tuple[Any, Any]]
"""By name: the type, and what `models.blocks.pin` makes of the rest."""


def missing(what: str) -> str:
    """Why a block is disabled that waits for `what`."""
    return f"it needs {what}, which this installation does not have yet."


def awaited(
    module: str,
    name: str,
    *,
    id: str,
    description: str,
    disabled: str,
    inputs: Pins,
    outputs: Pins,
    categories: tuple[BlockCategory, ...] = (),
    kind: BlockKind = BlockKind.STANDARD,
    aliases: tuple[str, ...] = (),
    webhook_provider: str | None = None,
    base: BlockType = Block,
) -> BlockType:
    """A block of which all is known but how to run it here.

    Args:
        module: where it is declared, which makes it one of that module's blocks.
        disabled: why it cannot run, as the end of "the block is disabled: ".
        outputs: without `error`, which every one of them has.
        base: an abstract block that knows about pins beyond the declared ones.
    """
    title = name.removesuffix("Block")
    attributes = {
        "__module__": module,
        "id": id,
        "description": description,
        "Input": create_model(f"{title}Input", __base__=BlockInput, __module__=module, **dict[str, Any](inputs)),
        "Output": create_model(f"{title}Output", __base__=BlockOutput, __module__=module, **dict[str, Any](outputs)),
        "categories": categories,
        "kind": kind,
        "effect": BlockEffect.WRITE,
        "aliases": aliases,
        "webhook_provider": webhook_provider,
        "disabled": disabled,
        "run": _refuse,
    }
    return new_class(name, (base,), exec_body=lambda namespace: namespace.update(attributes))


def _refuse(self: Block[Any], input: Any, context: BlockContext) -> AsyncIterator[Emission]:
    raise BlockDisabledError(f"Block {self.name()!r} is disabled: {self.disabled}")
