"""Per-node settings in a node's `metadata`: retry, time limit, title."""

import re
from collections.abc import Mapping
from typing import Any, cast

from activities.blocks.registry import BlockType
from models.errors import InvalidRequestError
from models.graph import Node
from models.plan import PlanRetry

MAX_TITLE = 200
MAX_SHOWN = 100
MAX_ATTEMPTS = 100
MAX_RETRY_SECONDS = 86_400.0
MAX_TIMEOUT_SECONDS = 30 * 86_400.0

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def title_of(node: Node, block: BlockType) -> str:
    """What people call the node: its own title, else its graph pin, else the block's name in words."""
    custom = node.metadata.get("customized_name") or node.metadata.get("title")
    if isinstance(custom, str) and custom.strip():
        return custom.strip()[:MAX_TITLE]
    words = _WORDS.sub(" ", block.name().removesuffix("Block"))
    name = block.graph_pin_name(node.input_default)
    return f"{words}: {name}"[:MAX_TITLE] if name else words


def read_retry(node: Node, block: BlockType) -> PlanRetry:
    """`metadata.retry` over the block's default.

    Raises:
        InvalidRequestError: a value that is no number or out of range.
    """
    default = block.retry_policy()
    given = node.metadata.get("retry")
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise InvalidRequestError("`metadata.retry` must be an object with max_attempts, initial_seconds, backoff, ...")
    options = cast("Mapping[str, Any]", given)
    return PlanRetry(
        max_attempts=_whole(options, "max_attempts", default.max_attempts, low=1, high=MAX_ATTEMPTS),
        initial_seconds=_number(options, "initial_seconds", default.initial_seconds, low=0.001, high=MAX_RETRY_SECONDS),
        backoff=_number(options, "backoff", default.backoff, low=1, high=100),
        max_seconds=_number(options, "max_seconds", default.max_seconds, low=0.001, high=MAX_RETRY_SECONDS),
    )


def read_timeout_seconds(node: Node, block: BlockType) -> float:
    """`metadata.timeout_seconds`, else the block's own limit.

    Raises:
        InvalidRequestError: no number, or out of range.
    """
    return _number(node.metadata, "timeout_seconds", block.timeout.total_seconds(), low=0.1, high=MAX_TIMEOUT_SECONDS)


def _whole(options: Mapping[str, Any], name: str, default: int, *, low: int, high: int) -> int:
    number = _number(options, name, default, low=low, high=high)
    if not number.is_integer():
        raise InvalidRequestError(f"`metadata` {name!r} must be a whole number, not {number!r}")
    return int(number)


def _number(options: Mapping[str, Any], name: str, default: float, *, low: float, high: float) -> float:
    value = options.get(name)
    if value is None:
        return float(default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequestError(f"`metadata` {name!r} must be a number, not {_shown(value)}")
    if not low <= value <= high:
        raise InvalidRequestError(
            f"`metadata` {name!r} must be between {low:.12g} and {high:.12g}, not {_shown(value)}"
        )
    return float(value)


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, int | float) else repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
