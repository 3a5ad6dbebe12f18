"""The grammar of queries over executions (docs/execution-queries.md), by recursive descent.

query      = [ or ]
or         = and { "OR" and }
and        = not { [ "AND" ] not }
not        = "NOT" not | "(" or ")" | comparison | word
comparison = field operator value
           | field [ "NOT" ] "IN" "(" value { "," value } ")"
           | field "IS" [ "NOT" ] "NULL"
"""

from typing import Final

from models.errors import InvalidRequestError
from models.execution_query.conditions import AllOf, AnyOf, Comparison, Condition, Not, OneOf, Word
from models.execution_query.fields import LISTABLE, OPERATORS, Field, Operator, find_field
from models.execution_query.problems import LIST_EXAMPLE, field_error, query_error, unknown_field
from models.execution_query.tokens import Token, TokenKind, tokenise
from models.execution_query.values import read_listed, read_value

MAX_TERMS: Final = 50
"""Comparisons and words; a list counts as many as it has values."""

MAX_NESTING: Final = 20
"""Parentheses and NOTs inside each other."""


def parse_execution_query(text: str) -> Condition | None:
    """The condition that a query states; None if it states none.

    Raises:
        InvalidRequestError: it is no query, or larger than queries may be. Names the column, what was expected there
            and an example, also in `details`.
    """
    return _Parser(tokenise(text)).whole()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._terms = 0
        self._depth = 0

    def whole(self) -> Condition | None:
        if self._peek().kind is TokenKind.END:
            return None
        condition = self._or()
        if self._peek().kind is not TokenKind.END:
            raise _unexpected(self._peek())
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._peek().is_keyword("OR"):
            self._take()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while True:
            token = self._peek()
            is_said = token.is_keyword("AND")
            if is_said:
                self._take()
            elif not _begins_condition(token):
                break
            part = self._not()
            if isinstance(part, Word) and not (is_said or isinstance(parts[-1], Word)):
                # It may be the rest of a value: `duration > 5 m`, `created > 2026-07-01 09:30`.
                raise _unexpected(token)
            parts.append(part)
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _not(self) -> Condition:
        token = self._take()
        is_not = token.is_keyword("NOT")
        if not is_not and not token.is_mark("("):
            return self._term(token)
        self._depth += 1
        if self._depth > MAX_NESTING:
            expected = f"at most {MAX_NESTING} levels of ( and NOT"
            raise query_error("this is too deep", column=token.column, expected=expected)
        condition = Not(self._not()) if is_not else self._group(token)
        self._depth -= 1
        return condition

    def _group(self, opening: Token) -> Condition:
        condition = self._or()
        closing = self._take()
        if closing.kind is TokenKind.END:
            problem = "this parenthesis is not closed"
            raise query_error(problem, column=opening.column, expected="a ) for every (", example="NOT (a OR b)")
        if not closing.is_mark(")"):
            raise _unexpected(closing)
        return condition

    def _term(self, token: Token) -> Condition:
        if not token.is_text:
            raise query_error(f"there is {token.shown}", column=token.column, expected="a comparison or a word")
        self._count(token)
        if token.kind is TokenKind.WORD:
            field = find_field(token.text)
            if field is not None:
                return self._comparison(field)
            if self._compares():
                raise unknown_field(token.text, column=token.column)
            if token.text.startswith("-"):
                problem = f"{token.shown} does not exclude anything"
                raise query_error(problem, column=token.column, expected="NOT or quotes", example="NOT draft")
        elif self._compares():
            problem = f"{token.shown} is text and cannot be compared"
            raise query_error(problem, column=token.column, expected="the name of a field, without quotes")
        if not token.text:
            raise query_error("there is an empty text", column=token.column, expected="a word")
        return Word(token.text)

    def _compares(self) -> bool:
        """Whether what follows shows that the token before it was meant as a field."""
        first, second, third = self._peek(), self._peek(1), self._peek(2)
        if first.is_keyword("NOT"):
            return second.is_keyword("IN") and third.is_mark("(")
        if first.is_keyword("IN"):
            return second.is_mark("(")
        if first.is_keyword("IS"):
            return second.is_keyword("NULL") or (second.is_keyword("NOT") and third.is_keyword("NULL"))
        return first.kind is TokenKind.OPERATOR

    def _comparison(self, field: Field) -> Condition:
        token = self._take()
        if token.is_keyword("IS"):
            return self._null_test(field, token)
        if token.is_keyword("IN"):
            return self._list(field, token)
        if token.is_keyword("NOT") and self._peek().is_keyword("IN"):
            return Not(self._list(field, self._take()))
        if token.kind is not TokenKind.OPERATOR:
            problem = f"the field {field} is followed by {token.shown}, and a word that is a field's name needs quotes"
            raise field_error(field, problem, column=token.column)
        operator = Operator(token.text)
        if operator not in OPERATORS[field.facts.kind]:
            problem = f"{field} is {field.facts.kind}, which {operator} does not compare"
            raise field_error(field, problem, column=token.column)
        return Comparison(field, operator, read_value(field, operator, self._take()))

    def _null_test(self, field: Field, token: Token) -> Condition:
        if not field.facts.optional:
            raise field_error(field, f"{field} cannot be NULL", column=token.column)
        operator = Operator.EQUAL
        if self._peek().is_keyword("NOT"):
            self._take()
            operator = Operator.UNEQUAL
        null = self._take()
        if not null.is_keyword("NULL"):
            problem = f"IS is followed by {null.shown}"
            raise query_error(problem, column=null.column, expected="NULL or NOT NULL", example="ended IS NULL")
        return Comparison(field, operator, None)

    def _list(self, field: Field, token: Token) -> Condition:
        if field.facts.kind not in LISTABLE:
            problem = f"{field} is {field.facts.kind}, of which there are no lists"
            raise field_error(field, problem, column=token.column)
        self._expect_in_list("(")
        values: list[str | int] = []
        while not values or not self._expect_in_list(",", ")").is_mark(")"):
            if values:
                self._count(self._peek())
            values.append(read_listed(field, self._take()))
        return OneOf(field, tuple(values))

    def _expect_in_list(self, *marks: str) -> Token:
        token = self._take()
        if not any(token.is_mark(mark) for mark in marks):
            problem = f"the list goes on with {token.shown}"
            raise query_error(problem, column=token.column, expected=" or ".join(marks), example=LIST_EXAMPLE)
        return token

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _count(self, token: Token) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            expected = f"at most {MAX_TERMS} comparisons, words and values of lists"
            raise query_error("this is one too many", column=token.column, expected=expected)


def _begins_condition(token: Token) -> bool:
    return token.is_text or token.is_keyword("NOT") or token.is_mark("(")


def _unexpected(token: Token) -> InvalidRequestError:
    """What follows a whole condition and cannot."""
    if token.is_mark(")"):
        return query_error("this ) closes nothing", column=token.column, expected="a ( before it")
    example = LIST_EXAMPLE if token.is_mark(",") else "status = FAILED OR node_errors > 0"
    return query_error(f"there is {token.shown}", column=token.column, expected="AND, OR or the end", example=example)
