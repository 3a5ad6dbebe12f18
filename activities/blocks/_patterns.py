r"""Regular expressions of users: written as for Python's `re`, run by RE2, which takes linear time whatever they are.

The translation covers what the two read differently. `\d`, `\w` and `\s` are those of all of Unicode, and `$` also
matches before a final line break; only `\b` and `\B` go by ASCII letters.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final

import re2

from models.errors import BlockError

MAX_DETAIL_CHARACTERS: Final = 200
MAX_PATTERN_CHARACTERS: Final = 10_000

MAX_STEPS: Final = 5_000_000_000
"""Instructions of the compiled pattern times characters of the text: a few seconds in the worst case."""

_SPACE: Final = r"\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_NOT_SPACE: Final = (
    r"\x00-\x08\x0e-\x1b\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
    r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff}"
)
_FLAGS = re.compile(r"\(\?([aiLmsux]+)(?=[):])")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_LACKING: Final = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
    "(?>": "an atomic group",
    "(?(": "a condition",
    "(?P=": "a back-reference",
}
_CODE_POINT: Final = {"u": 4, "U": 8, "x": 2}


_CLASSES: Final = {"d": r"\p{Nd}", "D": r"\P{Nd}", "w": r"\pL\pN_", "s": _SPACE, "S": _NOT_SPACE}
"""What stands in brackets for a class of Python."""


@cache
def _not_word() -> str:
    """What stands in brackets for `\\W`, of which RE2 has no name there. Takes a third of a second, once."""
    is_word = [chr(code).isalnum() or code == ord("_") for code in range(sys.maxunicode + 1)]
    borders = [0, *(code for code in range(1, len(is_word)) if is_word[code] != is_word[code - 1]), len(is_word)]
    ranges = zip(borders[::2], borders[1::2], strict=True)
    return "".join(f"\\x{{{start:x}}}-\\x{{{end - 1:x}}}" for start, end in ranges)


class InvalidPatternError(BlockError):
    """The pattern is no regular expression."""


class UnsupportedPatternError(BlockError):
    """The pattern is one, but asks for what cannot be done in linear time, or for too much."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern.

    Attributes:
        groups: how many groups its author wrote.
    """

    _compiled: Any
    _group_numbers: tuple[int, ...]
    _line_ends: tuple[int, ...]

    @property
    def groups(self) -> int:
        return len(self._group_numbers) - 1

    def is_found(self, text: str) -> bool:
        self._check_cost(text)
        return self._compiled.search(text) is not None

    def find_all(self, text: str, group: int) -> Iterator[str | None]:
        """The group of every match, from left to right; None where the group took no part in the match."""
        self._check_cost(text)
        for match in self._compiled.finditer(text):
            start, end = match.span(self._group_numbers[group])
            # A `$` before a final line break is at its place, but must not take it into the match.
            takes_break = end == len(text) and any(match.group(number) for number in self._line_ends)
            yield None if start < 0 else text[start : max(start, end - takes_break)]

    def _check_cost(self, text: str) -> None:
        """Raises UnsupportedPatternError if pattern and text together are too large."""
        if len(text) * self._compiled.programsize > MAX_STEPS:
            raise UnsupportedPatternError(
                f"The pattern is too large for a text of {len(text)} characters. Simplify it, or shorten the text."
            )


@lru_cache(maxsize=16)
def compile_pattern(pattern: str, *, case_sensitive: bool, dot_all: bool) -> Pattern:
    """Raises InvalidPatternError or UnsupportedPatternError."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise UnsupportedPatternError(f"The pattern has more than {MAX_PATTERN_CHARACTERS} characters. Shorten it.")
    translation = _Translation(pattern)
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    options.dot_nl = dot_all
    try:
        compiled = re2.compile(translation.translate(), options)
    except re2.error as error:
        detail = error.args[0]
        text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        raise _refusal(text) from None
    # Its own cache would keep 128 automata of 8 MiB.
    re2.purge()
    return Pattern(compiled, tuple(translation.group_numbers), tuple(translation.line_ends))


def _refusal(detail: str) -> BlockError:
    # It may quote the whole pattern.
    shown = detail if len(detail) <= MAX_DETAIL_CHARACTERS else f"{detail[:MAX_DETAIL_CHARACTERS]}…"
    if detail.startswith(("invalid repetition size", "pattern too large")):
        return UnsupportedPatternError(
            f"The pattern repeats too much ({shown}). At most 1000 repetitions are possible."
        )
    if detail.startswith("bad repetition operator") and detail.endswith("+"):
        return _lacking("a possessive repetition")
    return InvalidPatternError(f"The pattern is no regular expression: {shown}.")


def _lacking(construct: str) -> UnsupportedPatternError:
    return UnsupportedPatternError(
        f"The pattern has {construct}, which patterns cannot have here: they are run in linear time (RE2 syntax). "
        "Write it without."
    )


@dataclass(slots=True)
class _Translation:
    """Python's syntax to RE2's.

    Attributes:
        group_numbers: RE2's number of each group of the author, the whole match included.
        line_ends: RE2's numbers of the groups that stand for `$`.
    """

    source: str
    group_numbers: list[int] = field(default_factory=lambda: [0])
    line_ends: list[int] = field(default_factory=list[int])
    _place: int = 0
    _is_ascii: bool = False
    _is_multiline: bool = False

    def translate(self) -> str:
        flags = "".join(_FLAGS.findall(_ESCAPED.sub("_", self.source)))
        self._is_ascii = "a" in flags
        self._is_multiline = "m" in flags
        if "x" in flags:
            raise _lacking("the flag `x`")
        parts: list[str] = []
        while self._place < len(self.source):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        character = self.source[self._place]
        if character == "\\":
            return self._escape(in_class=False)
        if character == "[":
            return self._class()
        if character == "(":
            return self._open()
        self._place += 1
        if character == "$" and not self._is_multiline:
            self.line_ends.append(self._count_group())
            return r"(?:(\n?)\z)"
        if character == "{" and re.match(r",\d+\}", self.source[self._place : self._place + 8]):
            return "{0"
        return character

    def _count_group(self) -> int:
        return len(self.group_numbers) + len(self.line_ends)

    def _open(self) -> str:
        rest = self.source[self._place : self._place + 12]
        for start, construct in _LACKING.items():
            if rest.startswith(start):
                raise _lacking(construct)
        if rest.startswith("(?#"):
            end = self.source.find(")", self._place)
            self._place = len(self.source) if end < 0 else end + 1
            return "" if end >= 0 else "("
        flags = _FLAGS.match(rest)
        if flags:
            self._place += flags.end()
            kept = "".join(flag for flag in flags[1] if flag in "ims")
            if self.source[self._place : self._place + 1] == ":":
                return f"(?{kept}"
            self._place += 0 if kept else 1
            return f"(?{kept}" if kept else ""
        if not rest.startswith("(?") or rest.startswith(("(?P<", "(?<")):
            self.group_numbers.append(self._count_group())
        self._place += 1
        return "("

    def _class(self) -> str:
        """A bracketed class up to its end; the first `]` in it is a plain character."""
        self._place += 1
        parts = ["["]
        if self.source[self._place : self._place + 1] == "^":
            parts.append("^")
            self._place += 1
        is_first = True
        while self._place < len(self.source):
            character = self.source[self._place]
            if character == "\\":
                parts.append(self._escape(in_class=True))
            else:
                self._place += 1
                if character == "]" and not is_first:
                    return "".join([*parts, "]"])
                parts.append(f"\\{character}" if character in "[]" else character)
            is_first = False
        return "".join(parts)

    def _escape(self, *, in_class: bool) -> str:
        letter = self.source[self._place + 1 : self._place + 2]
        self._place += 2
        if letter and letter in "dDwWsS" and not self._is_ascii:
            if in_class:
                return _not_word() if letter == "W" else _CLASSES[letter]
            return f"[{_CLASSES[letter]}]" if letter.islower() else f"[^{_CLASSES[letter.lower()]}]"
        if letter in _CODE_POINT:
            digits = self.source[self._place : self._place + _CODE_POINT[letter]]
            if re.fullmatch(f"[0-9a-fA-F]{{{_CODE_POINT[letter]}}}", digits):
                self._place += len(digits)
                return f"\\x{{{digits}}}"
            raise InvalidPatternError(f"The pattern is no regular expression: incomplete escape \\{letter}{digits}.")
        if letter == "Z" and not in_class:
            return r"\z"
        if letter == "b" and in_class:
            return r"\x08"
        if "1" <= letter <= "9" and not in_class:
            raise _lacking("a back-reference")
        if letter == "_" or (letter and not letter.isascii()):
            return letter
        return f"\\{letter}"
