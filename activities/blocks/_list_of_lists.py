"""The pin `lists` of blocks that take several lists."""

from collections.abc import Iterable
from typing import Annotated, Any, cast

from pydantic import WithJsonSchema

from models.errors import BlockError

ListOfLists = Annotated[
    list[Any], WithJsonSchema({"type": "array", "items": {"type": "array", "items": {}}}, mode="validation")
]
"""Checked by the block itself: links to `lists_$_<index>` may leave gaps, and a wrong entry is named by its place."""


def check_lists(entries: Iterable[Any]) -> list[list[Any]]:
    """The lists, without the nulls between them.

    Raises:
        BlockError: an entry is neither a list nor null.
    """
    lists: list[list[Any]] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, list):
            lists.append(cast("list[Any]", entry))
        elif entry is not None:
            raise BlockError(
                f"Invalid input at index {index}: expected a list, got {type(entry).__name__}. "
                "All items in 'lists' must be lists (e.g., [[1, 2], [3, 4]])."
            )
    return lists
