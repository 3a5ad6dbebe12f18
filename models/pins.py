"""Pin names: plain, dynamic (`values_#_key`, `list_$_0`, `object_@_attribute`, nested) and tool pins.

A dynamic *sink* pin is folded into its base pin before the block runs; a dynamic *source* pin selects inside the
emitted value. Semantics: list holes are padded with null, an existing base value is extended, a non-container in the
way is replaced, a malformed path is a plain name on the sink side and selects nothing on the source side.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.errors import BlockInputError

LIST_DELIMITER: Final = "_$_"
DICT_DELIMITER: Final = "_#_"
ATTRIBUTE_DELIMITER: Final = "_@_"
TOOL_DELIMITER: Final = "_^_"
TOOL_PIN: Final = "tools"
ERROR_PIN: Final = "error"

MAX_LIST_INDEX: Final = 100_000
"""A list is padded up to the index of its last entry; beyond this the pin name is refused."""

MAX_PADDING: Final = 1_000_000
"""Holes that the dynamic pins of one node may leave in all their lists together."""

MAX_PATH_STEPS: Final = 50
"""Steps of a dynamic pin; a longer path selects nothing and cannot be folded."""

_DELIMITERS = re.compile(r"(_\$_|_#_|_@_)")


class _Nothing:
    """What selecting along a path that does not exist gives (None is a value)."""

    __slots__ = ()


NOTHING: Final = _Nothing()


def base_name(pin: str) -> str:
    """The declared pin a possibly dynamic pin name belongs to: the text before the first delimiter."""
    match = _DELIMITERS.search(pin)
    return pin[: match.start()] if match else pin


def is_dynamic(pin: str) -> bool:
    return _DELIMITERS.search(pin) is not None


def is_tool_pin(pin: str) -> bool:
    return pin == TOOL_PIN or pin.startswith(TOOL_PIN + TOOL_DELIMITER)


def parse_path(pin: str) -> tuple[str, list[tuple[str, str]]] | None:
    """`(base, [(delimiter, identifier), ...])`, or None if a part of the path is empty."""
    base, *rest = _DELIMITERS.split(pin)
    steps = list(zip(rest[::2], rest[1::2], strict=True))
    if not base or any(not identifier for _, identifier in steps):
        return None
    return base, steps


def select(value: Any, source_name: str) -> Any:
    """The part of an emitted `value` that a link with `source_name` carries, or NOTHING.

    A path that resolves to null carries nothing either: only a plain pin delivers null.
    """
    parsed = parse_path(source_name)
    if parsed is None or len(parsed[1]) > MAX_PATH_STEPS:
        return NOTHING
    current = value
    for delimiter, identifier in parsed[1]:
        current = _step(current, delimiter, identifier)
        if current is NOTHING or current is None:
            return NOTHING
    return current


def _step(value: Any, delimiter: str, identifier: str) -> Any:
    if delimiter == LIST_DELIMITER:
        if not isinstance(value, list) or not re.fullmatch(r"-?\d{1,9}", identifier):
            return NOTHING
        index = int(identifier)
        return value[index] if -len(value) <= index < len(value) else NOTHING
    return value.get(identifier, NOTHING) if isinstance(value, dict) else NOTHING


def fold(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """`inputs` with every dynamic pin merged into its base pin; the raw dynamic keys stay beside it.

    The values of `inputs` are not changed.

    Raises:
        BlockInputError: a list index that is no number, negative or beyond MAX_LIST_INDEX; a path of more than
            MAX_PATH_STEPS steps; more than MAX_PADDING holes.
    """
    folded = dict(inputs)
    fold_in = _Fold()
    for pin in inputs:
        parsed = parse_path(pin)
        if parsed is None or not parsed[1]:
            continue
        base, steps = parsed
        if len(steps) > MAX_PATH_STEPS:
            raise BlockInputError(f"Pin {_shown(pin)} has {len(steps)} steps, the limit is {MAX_PATH_STEPS}.")
        folded[base] = fold_in.put(folded.get(base), steps, inputs[pin], pin)
    return folded


class _Fold:
    """Puts values along paths, copying every container it changes once, and counts the holes it leaves."""

    def __init__(self) -> None:
        self._holes = 0
        self._own: dict[int, Any] = {}

    def put(self, container: Any, steps: list[tuple[str, str]], value: Any, pin: str) -> Any:
        if not steps:
            return value
        delimiter, identifier = steps[0]
        if delimiter == LIST_DELIMITER:
            items = self._owned(container, list)
            index = _list_index(identifier, pin)
            self._pad(items, index, pin)
            items[index] = self.put(items[index], steps[1:], value, pin)
            return items
        mapping = self._owned(container, dict)
        mapping[identifier] = self.put(mapping.get(identifier), steps[1:], value, pin)
        return mapping

    def _owned(self, container: Any, kind: type[Any]) -> Any:
        """`container` if it is a copy of ours, else a copy; empty if it is no `kind`."""
        if id(container) in self._own and isinstance(container, kind):
            return container
        copy = kind(container) if isinstance(container, kind) else kind()
        self._own[id(copy)] = copy
        return copy

    def _pad(self, items: list[Any], index: int, pin: str) -> None:
        self._holes += max(0, index - len(items))
        if self._holes > MAX_PADDING:
            raise BlockInputError(f"Pin {_shown(pin)} leaves more than {MAX_PADDING} holes in lists.")
        items.extend([None] * (index + 1 - len(items)))


def _list_index(identifier: str, pin: str) -> int:
    if not identifier.isdecimal() or len(identifier) > 9 or int(identifier) > MAX_LIST_INDEX:
        raise BlockInputError(
            f"Pin {_shown(pin)}: {_shown(identifier)} is not a list index between 0 and {MAX_LIST_INDEX}. "
            "Rename the pin."
        )
    return int(identifier)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")


def source_matches(source_name: str, pin: str) -> bool:
    """Whether a link with `source_name` listens to values emitted on `pin` (plainly or along a path)."""
    return source_name == pin or (is_dynamic(source_name) and base_name(source_name) == pin)


def dynamic_sources(source_names: Iterable[str]) -> dict[str, list[str]]:
    """Dynamic source names grouped by the pin they listen to, without repeats, in order."""
    grouped: dict[str, list[str]] = {}
    for name in source_names:
        if is_dynamic(name):
            names = grouped.setdefault(base_name(name), [])
            if name not in names:
                names.append(name)
    return grouped
