"""The tag markup that language models are asked to write: simpler than XML, with which it shares the angle brackets.

- A name is all that stands in a tag, in lower case, white space as `_`; attributes would be a part of it.
- `<name | no_parse>` keeps everything up to its end as it is written.
- A tag with a slash that is not its first character, such as `<br/>`, is no tag: it is text without its `<`.
- A backslash at the beginning of a text escapes the `<` behind it.
- There are no entities, declarations or processing instructions; comments are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAX_CHARACTERS: Final = 10 * 1024 * 1024
MAX_TAG_CHARACTERS: Final = 4_096
MAX_DEPTH: Final = 256

NO_PARSE: Final = "no_parse"


class MarkupStructureError(Exception):
    """The markup is not one element around everything."""


class MarkupSyntaxError(Exception):
    """Tags that do not belong together."""


@dataclass(slots=True)
class Element:
    """Children count if there are any, else the text."""

    name: str
    text: list[str] = field(default_factory=list[str])
    children: "list[Element]" = field(default_factory=list["Element"])

    def value(self) -> Any:
        """The text of a leaf; the object of an only child, or of children of distinct names; else a list of objects."""
        if not self.children:
            return "".join(self.text)
        names = {child.name for child in self.children}
        if len(names) == len(self.children):
            return {child.name: child.value() for child in self.children}
        return [{child.name: child.value()} for child in self.children]


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    is_closing: bool
    is_raw: bool
    start: int
    end: int


def parse_markup(markup: str) -> Iterator[Element | None]:
    """The root element as the last item; None before it now and then, so that the caller can take a break.

    Raises:
        MarkupStructureError: empty, too large or too deep, not exactly one root, text around it, tags left open.
        MarkupSyntaxError: a closing tag of another name.
    """
    if len(markup) > MAX_CHARACTERS:
        raise MarkupStructureError(f"It has {len(markup)} characters; the limit is {MAX_CHARACTERS}.")
    if not markup.strip():
        raise MarkupStructureError("It is empty.")
    root: Element | None = None
    path: list[Element] = []
    raw: _RawContent | None = None
    for number, part in enumerate(_parts(markup)):
        if number % 2_000 == 1_999:
            yield None
        if raw is not None:
            if raw.ends_with(part):
                path.pop().text = [raw.content(markup)]
                raw = None
            continue
        if isinstance(part, str):
            if not path:
                raise MarkupStructureError("There is text outside the root element. Put everything into one tag.")
            path[-1].text.append(part)
        elif part.is_closing:
            if not path:
                raise MarkupStructureError(f"The closing tag {part.name!r} closes nothing.")
            opened = path.pop().name
            if opened != part.name:
                raise MarkupSyntaxError(f"The tag {opened!r} is closed by {part.name!r}.")
        else:
            element = Element(part.name)
            if path:
                path[-1].children.append(element)
            elif root is None:
                root = element
            else:
                raise MarkupStructureError("There must be a single root element. Put everything into one tag.")
            path.append(element)
            if len(path) > MAX_DEPTH:
                raise MarkupStructureError(f"Tags are nested more than {MAX_DEPTH} deep.")
            raw = _RawContent(part) if part.is_raw else None
    if path:
        raise MarkupStructureError(f"The tag {path[-1].name!r} is not closed.")
    if root is None:
        raise MarkupStructureError("There is no root element.")
    yield root


class _RawContent:
    """What stands between a `no_parse` tag and its end, which a tag of the same name inside does not make."""

    def __init__(self, opening: _Tag) -> None:
        self._opening = opening
        self._open = 1
        self._end = 0

    def ends_with(self, part: str | _Tag) -> bool:
        if isinstance(part, _Tag) and part.name == self._opening.name:
            self._open += -1 if part.is_closing else 1
            self._end = part.start
        return self._open == 0

    def content(self, markup: str) -> str:
        return markup[self._opening.end : self._end]


def _parts(markup: str) -> Iterator[str | _Tag]:
    """Tags and the trimmed texts between them, from left to right; texts of white space alone are left out."""
    place = 0
    is_after_markup = True
    while place < len(markup):
        if is_after_markup and markup.startswith("\\<", place):
            yield "<"
            place += 2
            continue
        if markup.startswith("<!--", place):
            end = markup.find("-->", place + 4)
            if end < 0:
                raise MarkupStructureError("A comment is not closed.")
            place = end + 3
        elif markup[place] == "<":
            tag = _read_tag(markup, place)
            if tag is not None:
                place = tag.end
                yield tag
            else:
                place += 1
                is_after_markup = False
                continue
        else:
            end = markup.find("<", place)
            end = len(markup) if end < 0 else end
            text = markup[place:end].strip()
            if text:
                yield text
            place = end
        is_after_markup = True


def _read_tag(markup: str, start: int) -> _Tag | None:
    """The tag that begins at `start`; None for one that is text because of a slash in it."""
    end = markup.find(">", start, start + MAX_TAG_CHARACTERS + 2)
    if end < 0:
        if markup.find(">", start) < 0:
            raise MarkupStructureError("The last tag has no '>'.")
        raise MarkupStructureError(f"A tag has more than {MAX_TAG_CHARACTERS} characters.")
    content = markup[start + 1 : end]
    if "<" in content:
        raise MarkupStructureError("A tag has a '<' in it.")
    stripped = content.strip()
    if not stripped:
        raise MarkupStructureError("A tag is empty.")
    if stripped[0] in "!?":
        raise MarkupStructureError("Declarations and directives are not possible.")
    is_closing = content.startswith("/")
    if not is_closing and "/" in content:
        return None
    name, _, filters = (content[1:], "", "") if is_closing else content.partition("|")
    name = re.sub(r"\s+", "_", name.strip()).lower()
    if not name:
        raise MarkupStructureError("A tag is empty.")
    return _Tag(name, is_closing, NO_PARSE in filters.split(), start, end + 1)
