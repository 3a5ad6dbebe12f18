"""The errors of queries: each names the column, what is wrong there, what was expected, and an example."""

from typing import Final

from models.errors import InvalidRequestError
from models.execution_query.fields import LISTABLE, OPERATORS, Field, nearest_field

EXAMPLE: Final = "status = FAILED AND created > -24h"
LIST_EXAMPLE: Final = "status IN (FAILED, TERMINATED)"

_SHOWN_CHARACTERS: Final = 40
_OWNERS: Final = ("user_id", "userid", "user", "owner_id", "owner")


def query_error(problem: str, *, column: int, expected: str, example: str = EXAMPLE) -> InvalidRequestError:
    """
    Args:
        problem: what is there: "'x' is not a field".
        column: of the character where it begins, from 1.
        expected: what could be there instead, as a noun.
        example: a query that is right.
    """
    stop = "" if problem.endswith("?") else "."
    return InvalidRequestError(
        f"The query is wrong at column {column}: {problem}{stop} Expected {expected}, for example: {example}",
        details={"column": column, "expected": expected, "example": example},
    )


def field_error(field: Field, problem: str, *, column: int, expected: str | None = None) -> InvalidRequestError:
    """`expected`: by default what can follow the field."""
    return query_error(problem, column=column, expected=expected or operators_of(field), example=field.facts.example)


def unknown_field(name: str, *, column: int) -> InvalidRequestError:
    problem, example = f"{shortened(name)} is not a field", EXAMPLE
    nearest = nearest_field(name)
    if name.lower() in _OWNERS:
        problem += ", because a query only ever finds your own runs"
    elif nearest is not None:
        problem += f". Did you mean {nearest}?"
        example = nearest.facts.example
    return query_error(problem, column=column, expected=f"one of {', '.join(Field)}", example=example)


def operators_of(field: Field) -> str:
    """What can follow a field."""
    facts = field.facts
    names = [operator.value for operator in OPERATORS[facts.kind]]
    if facts.kind in LISTABLE:
        names.append("IN")
    if facts.optional:
        names.append("IS NULL")
    return f"{', '.join(names[:-1])} or {names[-1]}"


def shortened(text: str) -> str:
    """Quoted, and cut where it is long."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")
