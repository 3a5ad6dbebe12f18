"""Reads the value that a field is compared with."""

import re
from difflib import get_close_matches
from typing import Final

from models.errors import InvalidRequestError
from models.execution_query.conditions import Value
from models.execution_query.fields import MAX_NUMBER, Field, Kind, Operator
from models.execution_query.problems import field_error
from models.execution_query.times import Ago, parse_duration, parse_time
from models.execution_query.tokens import Token, TokenKind

_NONE: Final = ("NONE", "NULL")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_EXPECTED: Final = {
    Kind.TEXT: "text, in quotes if it has spaces",
    Kind.NUMBER: f"a whole number from 0 to {MAX_NUMBER}",
    Kind.TIME: "-24h, now, today, yesterday, 2026-07-01 or 2026-07-01T09:30+02:00",
    Kind.DURATION: "90s, 5m, 2h, 1h30m, 1d or a number of seconds",
}


def read_value(field: Field, operator: Operator, token: Token) -> Value | None:
    """What `field operator` is followed by; None is `none`.

    Raises:
        InvalidRequestError: the field does not have such values, or the operator does not go with it.
    """
    _check_text(field, token)
    if field.facts.optional and token.is_keyword(*_NONE):
        if operator not in (Operator.EQUAL, Operator.UNEQUAL):
            problem = f"{operator} does not compare with none"
            raise field_error(field, problem, column=token.column, expected="a value, or = none or != none")
        return None
    if field.facts.kind is Kind.TIME:
        return _time(field, operator, token)
    if field.facts.kind is Kind.DURATION:
        duration = parse_duration(token.text)
        if duration is None:
            raise _unfit(field, token)
        return duration
    if operator is Operator.CONTAINS and not token.text:
        problem = "every text contains the empty one"
        raise field_error(field, problem, column=token.column, expected="some text")
    return read_listed(field, token)


def read_listed(field: Field, token: Token) -> str | int:
    """A value of a list.

    Raises:
        InvalidRequestError: the field does not have such values.
    """
    _check_text(field, token)
    facts = field.facts
    if facts.optional and token.is_keyword(*_NONE):
        problem = f"{token.shown} does not go into a list"
        raise field_error(field, problem, column=token.column, expected=f"a value, or OR {field} = none after the list")
    if facts.kind is Kind.CHOICE:
        return _choice(field, token)
    if facts.kind is Kind.NUMBER:
        if not _NUMBER.fullmatch(token.text) or int(token.text) > MAX_NUMBER:
            raise _unfit(field, token)
        return int(token.text)
    return token.text


def _check_text(field: Field, token: Token) -> None:
    if not token.is_text:
        problem = f"there is {token.shown}"
        if token.kind is TokenKind.WORD:
            problem += ", which needs quotes if it is a value"
        raise field_error(field, problem, column=token.column, expected=_expected(field))


def _choice(field: Field, token: Token) -> str:
    choices = {choice.lower(): choice for choice in field.facts.choices}
    word = token.text.lower()
    if word in choices:
        return choices[word]
    close = get_close_matches(word, choices, n=1)
    hint = f". Did you mean {choices[close[0]]}?" if close else ""
    problem = f"{token.shown} is not a {field}{hint}"
    raise field_error(field, problem, column=token.column, expected=_expected(field))


def _time(field: Field, operator: Operator, token: Token) -> Value:
    value = parse_time(token.text)
    if value is None:
        raise _unfit(field, token)
    if isinstance(value, Ago) and operator in (Operator.EQUAL, Operator.UNEQUAL):
        problem = f"no run has exactly {token.shown} as its time"
        raise field_error(field, problem, column=token.column, expected=f"a day or a minute, or > or < before {value}")
    return value


def _unfit(field: Field, token: Token) -> InvalidRequestError:
    problem = f"{token.shown} is not {field.facts.kind}"
    return field_error(field, problem, column=token.column, expected=_expected(field))


def _expected(field: Field) -> str:
    facts = field.facts
    return f"one of {', '.join(facts.choices)}" if facts.kind is Kind.CHOICE else _EXPECTED[facts.kind]
