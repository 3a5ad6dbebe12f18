"""Per-node settings in a node's `metadata`: retry, time limit, title, review, pinned outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from activities.blocks.registry import WORD_STARTS, BlockType
from models.blocks import BlockKind
from models.errors import InvalidRequestError
from models.graph import Node
from models.plan import PlanRetry, PlanReview

MAX_TITLE = 200
MAX_SHOWN = 100
MAX_ATTEMPTS = 100
MAX_RETRY_SECONDS = 86_400.0
MAX_TIMEOUT_SECONDS = 30 * 86_400.0
MAX_REVIEW_SECONDS = 10 * 365 * 86_400.0
MAX_REMINDERS = 20
MAX_PINNED = 1_000

Emitted = tuple[tuple[str, Any], ...]


def title_of(node: Node, block: BlockType) -> str:
    """What people call the node: its own title, else its graph pin, else the block's name in words."""
    custom = node.metadata.get("customized_name") or node.metadata.get("title")
    if isinstance(custom, str) and custom.strip():
        return custom.strip()[:MAX_TITLE]
    words = WORD_STARTS.sub(" ", block.name().removesuffix("Block"))
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


def read_review(node: Node, block: BlockType) -> PlanReview | None:
    """`metadata.review` of a node that people may have to decide about: {expires_after_seconds, on_expiry,
    remind_after_seconds}.

    Raises:
        InvalidRequestError: no object, or a value of it is out of range.
    """
    given = node.metadata.get("review")
    reviewed = block.kind is BlockKind.HUMAN_IN_THE_LOOP or block.is_sensitive_action
    if given is None or not reviewed:
        return None
    if not isinstance(given, Mapping):
        raise InvalidRequestError("`metadata.review` must be an object with expires_after_seconds, on_expiry, ...")
    options = cast("Mapping[str, Any]", given)
    on_expiry = options.get("on_expiry") or "reject"
    if on_expiry not in ("reject", "approve", "fail"):
        raise InvalidRequestError(
            f"`metadata.review` 'on_expiry' must be reject, approve or fail, not {_shown(on_expiry)}"
        )
    expires = options.get("expires_after_seconds")
    return PlanReview(
        expires_after_seconds=None
        if expires is None
        else _number(options, "expires_after_seconds", 0, low=1, high=MAX_REVIEW_SECONDS),
        on_expiry=on_expiry,
        remind_after_seconds=_reminders(options.get("remind_after_seconds")),
    )


def read_pinned(node: Node) -> Emitted | None:
    """`metadata.pinned_outputs`, which stand in for the block in test runs; see `emitted`."""
    given = node.metadata.get("pinned_outputs")
    return None if given is None else emitted(given, where="`metadata.pinned_outputs`")


def emitted(given: object, *, where: str) -> Emitted:
    """Values on pins in the order they are routed, written as {pin: value} or [[pin, value], ...].

    Raises:
        InvalidRequestError: it is neither, or too much.
    """
    if isinstance(given, Mapping):
        pairs: Sequence[Any] = list(cast("Mapping[str, Any]", given).items())
    elif isinstance(given, list):
        pairs = cast("list[Any]", given)
    else:
        raise InvalidRequestError(f"{where} must be an object of values by pin, or an array of [pin, value] pairs")
    if len(pairs) > MAX_PINNED:
        raise InvalidRequestError(f"{where} has {len(pairs)} values; the limit is {MAX_PINNED}")
    return tuple(_pair(pair, where) for pair in pairs)


def _pair(pair: object, where: str) -> tuple[str, Any]:
    parts = cast("Sequence[object]", pair) if isinstance(pair, list | tuple) else ()
    if len(parts) != 2 or not isinstance(parts[0], str) or not parts[0]:
        raise InvalidRequestError(f"{where} must hold [pin, value] pairs, not {_shown(pair)}")
    return parts[0], parts[1]


def _reminders(given: object) -> tuple[float, ...]:
    if given is None:
        return ()
    times = cast("list[Any]", given) if isinstance(given, list) else [given]
    if len(times) > MAX_REMINDERS:
        raise InvalidRequestError(f"`metadata.review` has {len(times)} reminders; the limit is {MAX_REMINDERS}")
    name = "remind_after_seconds"
    numbers = {_number({name: time}, name, 0, low=1, high=MAX_REVIEW_SECONDS) for time in times if time is not None}
    return tuple(sorted(numbers))


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
