"""A query as a tree. `str` of a condition is a query that means the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from models.execution_query.fields import Field, Operator
from models.execution_query.times import TimeValue, duration_text

Value = str | int | timedelta | TimeValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """`value` fits the kind of the field and the operator is one that this kind takes; None is `none`."""

    field: Field
    operator: Operator
    value: Value | None

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {_value_text(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    field: Field
    values: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"{self.field} IN ({', '.join(map(_value_text, self.values))})"


@dataclass(frozen=True, slots=True)
class Word:
    """Text without a field: part of the graph's name, or the beginning of the id of the run or the graph."""

    text: str

    def __str__(self) -> str:
        return _quoted(self.text)


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"

    def __str__(self) -> str:
        return f"NOT {_part_text(self.part)}"


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Condition", ...]

    def __str__(self) -> str:
        return " AND ".join(map(_part_text, self.parts))


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Condition", ...]

    def __str__(self) -> str:
        return " OR ".join(map(_part_text, self.parts))


Condition = Comparison | OneOf | Word | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuery:
    """A condition with what its relative times and its times without an offset mean."""

    condition: Condition
    now: datetime
    zone: tzinfo


def _part_text(part: Condition) -> str:
    return f"({part})" if isinstance(part, AllOf | AnyOf) else str(part)


def _value_text(value: Value | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return duration_text(value)
    # A named day is text of another type: only plain text may need its quotes.
    return _quoted(value) if isinstance(value, str) and not isinstance(value, StrEnum) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
