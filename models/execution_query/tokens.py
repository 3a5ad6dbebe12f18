"""Cuts the text of a query into words, quoted texts, operators and marks."""

import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple

from models.execution_query.problems import query_error, shortened

MAX_CHARACTERS: Final = 2_000

_OPERATORS: Final = ("!=", "<=", ">=", "=", "<", ">", "~")
_MARKS: Final = "(),"
_QUOTES: Final = "\"'"
_LOOK_LIKE_QUOTES: Final = "“”„‟‘’‚‛«»‹›＂＇`´"
_ENDS_WORD: Final = frozenset("=!<>~" + _MARKS + _QUOTES)
_KEYWORDS: Final = ("AND", "OR", "NOT")


class TokenKind(StrEnum):
    WORD = "word"
    QUOTED = "quoted"
    OPERATOR = "operator"
    MARK = "mark"
    END = "end"


class Token(NamedTuple):
    """`column` counts characters from 1; `text` of a quoted text is what is between the quotes."""

    kind: TokenKind
    text: str
    column: int

    def is_keyword(self, *keywords: str) -> bool:
        return self.kind is TokenKind.WORD and self.text.upper() in keywords

    def is_mark(self, mark: str) -> bool:
        return self.kind is TokenKind.MARK and self.text == mark

    @property
    def is_text(self) -> bool:
        """Whether it can be a value or a word."""
        return self.kind is TokenKind.QUOTED or (self.kind is TokenKind.WORD and not self.is_keyword(*_KEYWORDS))

    @property
    def shown(self) -> str:
        """For messages."""
        return "the end of the query" if self.kind is TokenKind.END else shortened(self.text)


def tokenise(text: str) -> list[Token]:
    """Ends with a token of the kind END.

    Raises:
        InvalidRequestError: the text is too long, has control characters, or a quoted text without an end.
    """
    if len(text) > MAX_CHARACTERS:
        problem = f"it has {len(text)} characters"
        raise query_error(problem, column=MAX_CHARACTERS + 1, expected=f"at most {MAX_CHARACTERS} characters")
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        else:
            token, at = _next(text, at)
            tokens.append(token)
    return [*tokens, Token(TokenKind.END, "", len(text) + 1)]


def _next(text: str, start: int) -> tuple[Token, int]:
    """The token that begins at `start`, and where it ends."""
    first, column = text[start], start + 1
    if first in _QUOTES:
        return _quoted(text, start)
    if first in _MARKS:
        return Token(TokenKind.MARK, first, column), start + 1
    for operator in _OPERATORS:
        if text.startswith(operator, start):
            return Token(TokenKind.OPERATOR, operator, column), start + len(operator)
    if first == "!":
        raise query_error("'!' alone means nothing", column=column, expected="!= or NOT", example="NOT status = FAILED")
    if first in _LOOK_LIKE_QUOTES:
        problem = f"{first!r} is not a quote here"
        raise query_error(problem, column=column, expected="a straight quote", example='error ~ "timed out"')
    end = start
    while end < len(text) and not (text[end] in _ENDS_WORD or text[end].isspace()):
        _check_character(text[end], end + 1)
        end += 1
    return Token(TokenKind.WORD, text[start:end], column), end


def _quoted(text: str, start: int) -> tuple[Token, int]:
    quote = text[start]
    content: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return Token(TokenKind.QUOTED, "".join(content), start + 1), at + 1
            at += 1
        _check_character(text[at], at + 1)
        content.append(text[at])
        at += 1
    problem = f"the text that begins here with {quote} has no end"
    expected = f"{quote} after the text ({quote}{quote} stands for one inside it)"
    raise query_error(problem, column=start + 1, expected=expected, example='error ~ "timed out"')


def _check_character(character: str, column: int) -> None:
    """No database stores NUL or half of a surrogate pair, and nobody types a control character on purpose."""
    if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
        raise query_error(f"{character!r} is not text", column=column, expected="characters that can be seen")
