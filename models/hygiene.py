"""Texts that people give to things, made harmless for whoever shows them. What people enter as data stays as it is."""

import re
from typing import Final

import nh3

MAX_NAME: Final = 100
MAX_DESCRIPTION: Final = 1_000

RICH_TAGS: Final = frozenset(
    {
        *("p", "br", "strong", "em", "u", "ol", "ul", "li", "blockquote", "a", "img"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
RICH_ATTRIBUTES: Final = {
    "*": frozenset({"class"}),
    "a": frozenset({"href", "title"}),
    "img": frozenset({"src", "alt", "width", "height"}),
}
_DROPPED_WITH_CONTENT: Final = frozenset({"script", "style"})
_ADDRESSES: Final = frozenset({"href", "src"})
_WEB: Final = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<[a-zA-Z/!?]")
_HIDDEN_CONTENT: Final = re.compile(r"<(script|style)\b[^>]*>.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<!--.*?(-->|\Z)|<[a-zA-Z/!?][^<>]*(>|\Z|(?=<))", re.DOTALL)
_SPACE: Final = re.compile(r"\s+")
_INVISIBLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters that are no white space, and those that turn the direction of text."""

_cleaner = nh3.Cleaner(
    tags=set(RICH_TAGS),
    clean_content_tags=set(_DROPPED_WITH_CONTENT),
    attributes={tag: set(names) for tag, names in RICH_ATTRIBUTES.items()},
    attribute_filter=lambda _tag, name, value: None if name in _ADDRESSES and not _WEB.match(value) else value,
    url_schemes={"http", "https"},
    link_rel=None,
)


def plain_name(text: str) -> str:
    """`text` on one line, without tags and invisible characters. Other characters stay as they are: never `&amp;`."""
    text = _INVISIBLE.sub("", text)
    while _MARKUP.search(text):
        # What is left after removing a tag may be one again: <<b>script>.
        text = _TAG.sub("", _HIDDEN_CONTENT.sub("", text))
    return _SPACE.sub(" ", text).strip()


def rich_text(text: str) -> str:
    """`text` as HTML with the allowed tags and attributes only; addresses lead to the web. Idempotent.

    Text without any markup stays exactly as it is.
    """
    return _cleaner.clean(text) if _MARKUP.search(text) else text
